// Package shell runs the commands of an rc file, other than delivery agents.
package shell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"fetchd/tlsverify/hints"
)

// Run runs a command of the rc file in a shell, and keeps its output in out and its error output in problems,
// which may be the same. After limit the command is killed with everything that it started. Run does not wait
// for what the command leaves running in the background. environment is added to ours.
func Run(ctx context.Context, command string, limit time.Duration, out, problems *Output,
	environment ...string) error {
	timed, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	cmd := exec.CommandContext(timed, "/bin/sh", "-c", command)
	cmd.Env = append(os.Environ(), environment...)
	// A session of its own: Cancel reaches what the shell has started too, and a command that asks something
	// fails, where a terminal that is not its own would stop it until the time limit.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	// Otherwise Run would wait for every process that holds the pipe, such as an agent that the command has
	// put into the background.
	cmd.WaitDelay = time.Second
	cmd.Stdout, cmd.Stderr = out, problems

	err := cmd.Run()

	switch {
	// the latter: something in the background has our pipe
	case err == nil || errors.Is(err, exec.ErrWaitDelay):
		return nil
	// If ctx has ended too, the program is ending, and the command is not to blame.
	case errors.Is(timed.Err(), context.DeadlineExceeded) && ctx.Err() == nil:
		return fmt.Errorf("%w within %v", ErrLate, limit)
	}

	return err
}

// ErrLate is in the error of a command that was killed because it took too long.
var ErrLate = errors.New("it did not end")

// Output keeps the first Limit bytes that are written to it, and discards the others without an error.
type Output struct {
	bytes.Buffer
	Limit int
}

func (o *Output) Write(p []byte) (int, error) {
	// The rest is read and dropped: a command that fills the pipe would hang.
	o.Buffer.Write(p[:min(len(p), o.Limit-o.Len())])
	return len(p), nil
}

// Printed says what a command printed, behind the error of its end; "" if it printed nothing.
func Printed(output string) string {
	if output = strings.TrimSpace(output); output == "" {
		return ""
	}
	return fmt.Sprintf("; it printed %.200q", output)
}

// Check returns an error if the program with which the keyword's command begins is missing. It accepts any
// command that begins with shell syntax.
func Check(keyword, command string) error {
	if strings.TrimSpace(command) == "" {
		return fmt.Errorf("%s is empty", keyword)
	}

	name := program(command)
	// What shell syntax does only the shell knows; a false alarm would be worse than none.
	if name == "" {
		return nil
	}

	if _, err := exec.LookPath(name); err != nil {
		return hints.Errorf("install it or write its full path", "%s: there is no command %q", keyword, name)
	}

	return nil
}

// Describe names the command in an error by its program alone: its arguments may hold a secret.
func Describe(command string) string {
	if name := program(command); name != "" {
		return fmt.Sprintf("%.100q", name)
	}
	return "the command"
}

// program is the program with which the command begins, "" if that is shell syntax.
func program(command string) string {
	words := strings.Fields(command)
	if len(words) == 0 {
		return ""
	}

	name := words[0]
	if mark := name[:1]; len(name) > 1 && strings.ContainsAny(mark, `"'`) && strings.HasSuffix(name, mark) {
		name = name[1 : len(name)-1]
	}
	if strings.ContainsAny(name, "\"'$`|&;<>(){}[]*?!=~#\\") || isShellWord(name) {
		return ""
	}
	return name
}

// isShellWord tells whether name is a keyword or builtin of the shell.
func isShellWord(name string) bool {
	switch name {
	case "if", "for", "while", "until", "case", "!", "exec", "cd", "set", "export", "umask", "trap",
		"eval", "command", "exit", "ulimit", "unset", "read", "wait", "alias", "readonly", "times", "type",
		":", ".":
		return true
	}
	return false
}
