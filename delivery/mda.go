package delivery

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"

	"fetchd/tlsverify/hints"
)

const (
	// mdaTimeout is how long a delivery agent may take for one message, unless the options say so.
	mdaTimeout = 10 * time.Minute
	// mdaGrace is the time between SIGTERM and SIGKILL, and the time for which an agent's output is read
	// after its exit.
	mdaGrace = time.Second
	// AgentEnd is how long Deliver takes at most to end an agent whose context has ended: mdaGrace for the
	// agent, and as long for what it has started.
	AgentEnd = 2 * mdaGrace

	shell = "/bin/sh"
)

var errAgentTimeout = errors.New("no end within the time limit")

// MDAOptions say which delivery agent runs, and as whom.
type MDAOptions struct {
	// Command is the text in the rc file, for /bin/sh: `procmail -d %T`. NewMDA says what is replaced in
	// it.
	Command string
	Timeout time.Duration // for one message; 0 = 10 minutes
	Env     []string      // KEY=value, added to the clean environment of the agent
	Dir     string        // working directory; "" = ours
	// Recipients are the local names that messages are for, as far as they are known. The agent must be
	// able to get them unchanged.
	Recipients []string
	// User is the name to run the agent as. It needs root, unless it is the user that fetchd runs as; "" =
	// that user.
	User string
}

// MDA delivers by running a delivery agent once for each message, for all of its recipients. It is safe for
// concurrent use.
//
// The agent's standard input has Return-Path:, the trace lines and the message without its own
// Return-Path:. It is a complete file, not a pipe (memfd_create(2), or an unlinked temporary file for a
// large message and on other systems), so that the agent can never take half a message for a whole one. If
// fetchd is killed while the agent reads, the agent finishes its delivery, and the message arrives again
// after the restart.
//
// Only its exit status counts, see classOfStatus; it need not read all of its input, and processes that it
// leaves running are not waited for: their output is read for a second more. It runs in a process group of
// its own, with HOME, PATH, USER, LOGNAME, SHELL, LANG, LC_* and TZ as its environment. When its time is over
// or the context ends, the group gets SIGTERM, a second later SIGKILL, and the delivery fails temporarily.
// The agent is responsible for the durability that exit status 0 promises.
type MDA struct {
	command *agentCommand
	timeout time.Duration
	grace   time.Duration // mdaGrace
	dir     string
	env     []string
	cred    *syscall.Credential

	lingering chan struct{} // a token for each output that is read after the agent's exit
}

// NewMDA returns a Deliverer that runs o.Command. In it %T and %s stand for the recipients, each a word of
// its own, and %F for the envelope sender, as if quoted for the shell. The values never become part of the
// text that the shell reads. Characters that could mean something to a program become "_" in them: all but
// ASCII letters, digits and @_-=+:./, and also a leading "-" and "..". So nothing in them is ever run, and a
// sender, which has an "@", is no program's name. Other uses of % stay as they are.
//
// It is an error if the command is empty; if it has %T, %F or %s in single quotes, in a here-document, in
// double quotes with other text, or where a command or a file to be opened is named; if it has %T and one of
// o.Recipients would be changed; or if o.User is not known or would need root.
func NewMDA(o MDAOptions) (*MDA, error) {
	command, err := parseAgentCommand(o.Command)
	if err == nil {
		err = command.checkNames(o.Recipients)
	}

	if err != nil {
		return nil, fmt.Errorf("mda %.200q: %w", o.Command, err)
	}

	a := &MDA{command: command, timeout: o.Timeout, grace: mdaGrace, dir: o.Dir}
	a.lingering = make(chan struct{}, mdaLingers)
	if a.timeout <= 0 {
		a.timeout = mdaTimeout
	}

	a.env = agentEnv(os.Environ())
	if err := a.runAs(o.User); err != nil {
		return nil, fmt.Errorf("mda %.200q: %w", o.Command, err)
	}

	// Last, as the last entry of a name counts: the rc file has the final word.
	a.env = append(a.env, o.Env...)
	return a, nil
}

// agentEnv returns the part of the environment that an agent needs: none of our tokens and passwords.
func agentEnv(environ []string) []string {
	var env []string
	for _, entry := range environ {
		// A list of what passes, not of what doesn't: passwords and LD_PRELOAD in our environment are not for
		// the agent.
		switch key, _, _ := strings.Cut(entry, "="); key {
		case "HOME", "PATH", "USER", "LOGNAME", "SHELL", "LANG", "TZ":
			env = append(env, entry)
		default:
			if strings.HasPrefix(key, "LC_") {
				env = append(env, entry)
			}
		}
	}
	return env
}

// runAs makes the agent run as the named user.
func (a *MDA) runAs(name string) error {
	if name == "" {
		return nil
	}

	u, err := user.Lookup(name)
	if err != nil {
		return hints.Errorf("name an existing user", "run as %q: %w", name, err)
	}

	uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
	gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(errUID, errGID); err != nil {
		return fmt.Errorf("run as %q: %w", name, err)
	}

	if uint64(os.Geteuid()) == uid {
		return nil
	}
	if os.Geteuid() != 0 {
		return hints.Errorf("start fetchd as "+name, "run as %q: only root may change the user", name)
	}

	// Without the user's own groups the agent would keep root's.
	groups, err := u.GroupIds()
	if err != nil {
		return fmt.Errorf("run as %q: %w", name, err)
	}

	a.cred = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	for _, g := range groups {
		id, err := strconv.ParseUint(g, 10, 32)
		if err != nil {
			return fmt.Errorf("run as %q: group %q: %w", name, g, err)
		}
		a.cred.Groups = append(a.cred.Groups, uint32(id))
	}

	// The last entry of a name counts. The user's own shell may be one that refuses to run anything.
	a.env = append(a.env, "HOME="+u.HomeDir, "USER="+u.Username, "LOGNAME="+u.Username, "SHELL="+shell)
	return nil
}

func (a *MDA) String() string { return fmt.Sprintf("mda %.200q", a.command.text) }

// Deliver implements Deliverer.
func (a *MDA) Deliver(ctx context.Context, m *Message) error {
	ctx, cancel := context.WithTimeoutCause(ctx, a.timeout, errAgentTimeout)
	defer cancel()

	stdin, err := a.input(ctx, m)
	if err != nil {
		return hints.Errorf(hintKept, "%s: prepare message %.200q: %w", a, m.UID, err)
	}
	defer stdin.Close()

	// What a started agent does can't be undone: the lease is checked only now that the input is complete.
	if err := m.Hold(); err != nil {
		return err
	}

	cmd, output, err := a.start(ctx, stdin, m)
	if err != nil {
		return a.startError(err)
	}
	defer output.outliveAgent(a.lingering, a.grace)

	err = cmd.Wait()
	// The usual end. After any other, its last words are wanted, or what it has left running is to be ended.
	if err == nil && ctx.Err() == nil {
		return nil
	}

	wait := mdaLastWords
	if ctx.Err() != nil {
		wait = a.grace
	}

	head := output.head(wait)
	if ctx.Err() != nil {
		// This ends what the agent has left running. The group's number is not reused while a process is in
		// it.
		_ = signalGroup(cmd, syscall.SIGKILL)
	}

	return a.result(ctx, err, head)
}

// start runs the agent: directly if the command needs no shell and can be run, else by the shell, which
// also reports what is wrong with the command.
func (a *MDA) start(ctx context.Context, stdin *os.File, m *Message) (*exec.Cmd, *agentOutput, error) {
	output, stdout, err := newAgentOutput()
	if err != nil {
		return nil, nil, err
	}
	defer stdout.Close() // the agent has its own

	if words := a.command.words(m); words != nil {
		// Without a shell in between there is one process less, and nothing that could read the values in
		// another way.
		if path, err := exec.LookPath(words[0]); err == nil {
			cmd := a.process(ctx, path, words, stdin, stdout)
			if err := cmd.Start(); err == nil {
				return cmd, output, nil
			}
		}
	}

	cmd := a.process(ctx, shell, a.command.shellWords(m), stdin, stdout)
	return cmd, output, cmd.Start()
}

// process prepares a process of the agent in a session of its own.
func (a *MDA) process(ctx context.Context, path string, argv []string, stdin, stdout *os.File) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path)
	cmd.Args = argv
	cmd.Env = a.env
	cmd.Dir = a.dir
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stdout
	// What the agent starts ends with it, signals of our terminal don't reach it, and a question there fails
	// and does not stop it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: a.cred}
	cmd.Cancel = func() error {
		// In time perhaps, while we were stopped: then its status counts. A process that has ended can still
		// be sent a signal.
		if childHasEnded(cmd.Process.Pid) {
			return os.ErrProcessDone
		}
		return signalGroup(cmd, syscall.SIGTERM)
	}
	cmd.WaitDelay = a.grace
	return cmd
}

func signalGroup(cmd *exec.Cmd, sig syscall.Signal) error {
	err := syscall.Kill(-cmd.Process.Pid, sig)
	// It has ended by itself in this moment.
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}
