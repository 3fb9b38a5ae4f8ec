package delivery

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"

	"fetchd/tlsverify/hints"
)

// AgentError tells how a delivery agent failed.
type AgentError struct {
	Command string // as in the rc file
	Status  int    // exit status; -1 if it did not exit by itself
	Output  []byte // the first 4 KB of what it wrote to standard output and standard error
	Reason  error  // what happened
	Next    string // what the user can do, see Hint
}

func (e *AgentError) Error() string {
	text := fmt.Sprintf("mda %.200q: %v", e.Command, e.Reason)
	if out := excerpt(e.Output); len(out) > 0 {
		text += fmt.Sprintf(", it said %q", out)
	}
	return hints.Text(text, e.Next)
}

// Hint is the user's next step.
func (e *AgentError) Hint() string { return e.Next }

func (e *AgentError) Unwrap() error { return e.Reason }

// IsLater tells whether err only means that the agent wants the message another time (EX_TEMPFAIL).
func IsLater(err error) bool {
	var e *AgentError
	return errors.As(err, &e) && e.Status == exTempFail
}

// sysexits(3), and what the shell returns.
const (
	exDataErr   = 65
	exNoUser    = 67
	exNoHost    = 68
	exTempFail  = 75
	exNoPerm    = 77
	cannotRun   = 126
	cannotFind  = 127
	hintKept    = "the message stays on the server and is tried again"
	hintRefused = "the agent refuses this message or recipient: run it by hand to see why;" +
		" until that is mended, the message stays on the server"
)

// classOfStatus gives the class of a non-zero exit status. Only the codes that explicitly refuse the
// message or its recipient are permanent (EX_DATAERR, EX_NOUSER, EX_NOHOST, and EX_NOPERM, which Dovecot's
// agent uses); EX_TEMPFAIL and all others are temporary, because most agents don't choose theirs with care.
// The message stays on the server in any case.
func classOfStatus(status int) (Class, string) {
	switch status {
	case exDataErr, exNoUser, exNoHost, exNoPerm:
		return Permanent, hintRefused
	case cannotFind:
		return Unusable, "the command was not found; name it with its full path, and see that it is installed"
	case cannotRun:
		return Unusable, "the command can't be run; check its permissions (chmod +x) and the line #! in it"
	case exTempFail:
		return Temporary, hintKept
	}
	return Temporary, "run the command by hand on a message to see why; " + hintKept
}

// result is the delivery's error, from the way in which the agent ended.
func (a *MDA) result(ctx context.Context, err error, output []byte) error {
	if err == nil {
		return nil
	}

	e := &AgentError{Command: a.command.text, Status: -1, Output: output, Reason: err, Next: hintKept}
	class := Temporary
	var exit *exec.ExitError
	switch {
	// Before the exit status, which only says that we have killed it.
	case errors.Is(context.Cause(ctx), errAgentTimeout):
		e.Reason = fmt.Errorf("%w of %v, stopped", errAgentTimeout, a.timeout)
	case ctx.Err() != nil:
		e.Reason = fmt.Errorf("stopped: %w", context.Cause(ctx))
	case errors.As(err, &exit):
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			e.Reason = fmt.Errorf("killed by signal %d (%v)", int(status.Signal()), status.Signal())
			break
		}
		e.Status = exit.ExitCode()
		class, e.Next = classOfStatus(e.Status)
	}

	return &Error{Class: class, Err: e}
}

// startError is the error of a shell that can't be started.
func (a *MDA) startError(err error) error {
	e := &AgentError{
		Command: a.command.text, Status: -1, Reason: fmt.Errorf("start: %w", err), Next: hintKept,
	}
	class := Temporary
	switch {
	case errors.Is(err, syscall.E2BIG):
		// The same message has the same recipients next time.
		class, e.Next = Permanent, "too many recipients for one command; deliver by LMTP or split the account"
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.EACCES), errors.Is(err, syscall.ENOTDIR):
		class, e.Next = Unusable, "fetchd needs "+shell+" and a working directory that the agent may enter"
	case errors.Is(err, syscall.EPERM):
		class = Unusable
		e.Next = "fetchd may not change to the agent's user; start it as root or as that user"
	}

	return &Error{Class: class, Err: e}
}
