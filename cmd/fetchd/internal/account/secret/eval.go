package secret

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"fetchd/cmd/fetchd/internal/shell"
	"fetchd/fetch"
	"fetchd/tlsverify/hints"
)

// Bounds of a command that prints a password.
const (
	evalTimeout  = 30 * time.Second
	maxEvalError = 4 << 10 // what it may say before the last line of it
	maxLastLine  = 200
)

// TryLater is the status of a command that will succeed another time: EX_TEMPFAIL of sysexits.h.
const TryLater = 75

// evalPassword runs command in a shell and returns the first line of its output. Its error has a Kind: that
// of a network error if the command may succeed another time.
func evalPassword(ctx context.Context, command string) (string, error) {
	return evalWithin(ctx, command, evalTimeout)
}

func evalWithin(ctx context.Context, command string, limit time.Duration) (string, error) {
	// One byte more than a password may have, so that readPassword sees that it is too long.
	out, problems := &shell.Output{Limit: maxPassword + 1}, &shell.Output{Limit: maxEvalError}
	if err := shell.Run(ctx, command, limit, out, problems); err != nil {
		// Only its error output is shown: the other may hold the password, or a part of it.
		return "", evalError(command, err, lastLine(problems.String()))
	}

	text, err := readPassword(&out.Buffer)
	switch {
	// Of "gpg -d FILE | head -n 1" the status is that of head: gpg's words alone tell what is wrong.
	case errors.Is(err, errEmpty):
		return "", evalError(command, err, lastLine(problems.String()))
	case err != nil:
		return "", evalError(command, err, "")
	}
	return text, nil
}

// evalError says how the command failed and what it said last.
func evalError(command string, err error, said string) error {
	// After an error of this kind a daemon stops asking until something changes, so that a locked keyring
	// does not open a dialog every few minutes.
	kind, hint := fetch.KindAuth, "run it by hand, as the user of fetchd: its first line must be the password"
	if isPassing(err) {
		kind, hint = fetch.KindNetwork, "it is tried again next time; if it lasts, run it by hand"
	}

	if missing := checkCommand(command); missing != nil { // sh, too, would name it
		return fetch.Fail(fetch.KindAuth, missing)
	}

	err = hints.Errorf("", "passwordeval: %s: %w", shell.Describe(command), err)
	if said != "" {
		err = hints.Errorf("", "%w: %q", err, said)
	}
	if hints.Of(err) == "" {
		err = hints.Add(err, hint)
	}
	return fetch.Fail(kind, err)
}

// checkCommand returns an error if the command's program is missing. It does not name a single word: that may
// be the password itself, which was written where its command belongs.
func checkCommand(command string) error {
	err := shell.Check("passwordeval", command)
	word := strings.TrimSpace(command)
	if err == nil || word == "" || strings.HasPrefix(word, "/") || strings.ContainsAny(word, " \t") {
		return err
	}
	return hints.Errorf(`install it or write its full path; a password itself stands behind "password"`,
		"passwordeval: there is no such command")
}

// isPassing tells whether a command that failed with err may succeed another time: it said so, it was killed,
// or it took too long.
func isPassing(err error) bool {
	// Before the status: Run has killed it, which looks like a signal of somebody else.
	if errors.Is(err, shell.ErrLate) {
		return true
	}

	ended, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return false
	}
	status, ok := ended.Sys().(syscall.WaitStatus)
	// The shell may be what was killed, or it reports the signal of its command as a status.
	return ok && (status.Signaled() || status.ExitStatus() == TryLater || wasKilled(status.ExitStatus()))
}

// wasKilled tells whether the status is the shell's for a command that a signal has ended.
func wasKilled(status int) bool { return status > 128 && status <= 128+int(syscall.SIGTERM) }

// lastLine is the last line of text that is not blank, cut.
func lastLine(text string) string {
	text = strings.TrimSpace(text)
	text = strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
	return strings.ToValidUTF8(text[:min(len(text), maxLastLine)], "")
}
