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
	// DefaultMDATimeout is how long a delivery agent may take for one message if nothing else is said.
	DefaultMDATimeout = 10 * time.Minute
	// mdaGrace is what an agent gets between SIGTERM and SIGKILL, and for its children to let go of its output.
	mdaGrace = time.Second

	shell = "/bin/sh"
)

var errAgentTimeout = errors.New("no end within the time limit")

// MDAOptions say which delivery agent runs, and as whom.
type MDAOptions struct {
	// Command is what the rc file says, for /bin/sh: `procmail -d %T`. See NewMDA for what is replaced in it.
	Command string
	Timeout time.Duration // for one message; 0 = DefaultMDATimeout
	Env     []string      // KEY=value, added to the clean environment of the agent
	Dir     string        // working directory; "" = ours
	// Recipients are the local names that messages are for, as far as they are known: an agent must be told them as they
	// are.
	Recipients []string
	// User is the name to run the agent as. It needs root, unless it is the user that fetchd runs as; "" = that user.
	User string
}

// MDA delivers by running a delivery agent, once a message, for all of its recipients. It is safe for concurrent use.
//
// The agent reads from its standard input Return-Path:, the trace lines and the body without the Return-Path: it came
// with. That input is a complete file, not a pipe (memfd_create(2), or an unlinked temporary file for a large message
// and on other systems), so that the agent can never take half a message for a whole one, even if fetchd is killed
// while it reads: it then ends its delivery alone, and the message arrives once more after the restart.
//
// Its exit status alone decides, see classOfStatus; whether it read all its input does not. It runs in a process group
// of its own, with an environment of HOME, PATH, USER, LOGNAME, SHELL, LANG, LC_* and TZ. When its time or the context
// ends, the group gets SIGTERM, a second later SIGKILL, and the delivery is a temporary error. How durable exit status 0
// is, is the agent's affair.
type MDA struct {
	command *agentCommand
	timeout time.Duration
	grace   time.Duration // mdaGrace
	dir     string
	env     []string
	cred    *syscall.Credential
}

// NewMDA returns a Deliverer that runs o.Command. In it %T and %s stand for the recipients, each a word of its own, and
// %F for the envelope sender, as if quoted for the shell. Values never become part of the text that the shell reads, and
// what could have a meaning for a program that the command starts becomes "_" in them: all but ASCII letters, digits and
// @_-=+:,./ and also a leading "-" and "..". So nothing in them is ever run. Other uses of % stay as they are.
//
// It is an error if the command is empty, has %T, %F or %s where the shell would not replace them (in single quotes,
// in a here-document) or in double quotes with other text, if it has %T and one of o.Recipients would be changed, or if
// o.User is not known or would need root.
func NewMDA(o MDAOptions) (*MDA, error) {
	command, err := parseAgentCommand(o.Command)
	if err == nil {
		err = command.checkNames(o.Recipients)
	}
	if err != nil {
		return nil, fmt.Errorf("mda %.200q: %w", o.Command, err)
	}
	a := &MDA{command: command, timeout: o.Timeout, grace: mdaGrace, dir: o.Dir}
	if a.timeout <= 0 {
		a.timeout = DefaultMDATimeout
	}
	a.env = agentEnv(os.Environ())
	if err := a.runAs(o.User); err != nil {
		return nil, fmt.Errorf("mda %.200q: %w", o.Command, err)
	}
	a.env = append(a.env, o.Env...)
	return a, nil
}

// agentEnv returns what of the environment an agent needs: no tokens or passwords of ours.
func agentEnv(environ []string) []string {
	var env []string
	for _, entry := range environ {
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
	// The last entry of a name counts. The shell is left out: it may be one that refuses to run anything.
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

	if err := m.Hold(); err != nil {
		return err
	}
	var said outputHead
	cmd, err := a.start(ctx, stdin, &said, m)
	if err != nil {
		return a.startError(err)
	}
	err = cmd.Wait()
	if ctx.Err() != nil {
		// What the agent started and did not end. As long as one process of the group is there its number is not reused.
		_ = signalGroup(cmd, syscall.SIGKILL)
	}
	return a.result(ctx, err, said.head)
}

// start runs the agent: directly if no shell is needed to understand the command, and it can be run at all. Whatever is
// odd about it is left to the shell, to do or to report.
func (a *MDA) start(ctx context.Context, stdin *os.File, said *outputHead, m *Message) (*exec.Cmd, error) {
	if words := a.command.words(m); words != nil {
		if path, err := exec.LookPath(words[0]); err == nil {
			cmd := a.process(ctx, path, words, stdin, said)
			if err := cmd.Start(); err == nil {
				return cmd, nil
			}
		}
	}
	cmd := a.process(ctx, shell, a.command.shellWords(m), stdin, said)
	return cmd, cmd.Start()
}

func (a *MDA) process(ctx context.Context, path string, argv []string, stdin *os.File, said *outputHead) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path)
	cmd.Args = argv
	cmd.Env = a.env
	cmd.Dir = a.dir
	cmd.Stdin = stdin
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: a.cred}
	cmd.Cancel = func() error { return signalGroup(cmd, syscall.SIGTERM) }
	cmd.WaitDelay = a.grace
	return cmd
}

func signalGroup(cmd *exec.Cmd, sig syscall.Signal) error {
	err := syscall.Kill(-cmd.Process.Pid, sig)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}
