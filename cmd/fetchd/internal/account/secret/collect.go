package secret

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"fetchd/tlsverify/hints"
)

// ErrNoTerminal is returned by a prompt if nobody can be asked.
var ErrNoTerminal = errors.New("standard input is no terminal")

// Collect gets the secrets that can be obtained only now: from descriptors, and from the user at the
// terminal. It is called once, before the program detaches. The prompt shows its argument, which it makes
// safe for a terminal, and returns what the user typed. failed is told of a descriptor that gives nothing,
// which is no error, as the other accounts work.
func (f *Finder) Collect(logins []Login, prompt func(question string) (string, error),
	failed func(account string, err error)) error {
	read := map[int]string{}
	for _, l := range logins {
		// Also for a login that needs no password: with EXTERNAL the key is all there is.
		if err := f.collectKeyPass(l, prompt); err != nil {
			return err
		}
		if !l.Needed {
			continue
		}
		if source := passwordSource(l.Secrets); source != nil && source.collect != nil {
			text, err := source.collect(l.Secrets, read)
			if err != nil {
				failed(l.Account, err)
				continue
			}
			f.Collected[l.Account] = text
			continue
		}
		if err := f.askPassword(l, prompt); err != nil {
			return err
		}
	}
	return nil
}

// askPassword asks for the login's password if nothing else gives it.
func (f *Finder) askPassword(l Login, prompt func(string) (string, error)) error {
	stored, err := f.Stored(l)
	// the error occurs again, and is reported, when the account asks for its password
	if stored || err != nil {
		return nil
	}
	// Two entries may be about the same login, for several mailboxes of it.
	if _, ok := f.Collected[l.Account]; ok {
		return nil
	}

	text, err := prompt(fmt.Sprintf("Enter password for %s: ", l.Account))
	// No error: cron has no terminal, and the other accounts work. This one says at its login what it misses.
	if errors.Is(err, ErrNoTerminal) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the password for %s: %w", l.Account, err)
	}
	// Not sent to the server: it would count as a refused login, after which some lock the account.
	if text == "" {
		return nil
	}

	f.Collected[l.Account] = text
	return nil
}

// fromDescriptor reads the password from a descriptor that we were started with. It can be read only once, so
// the password is kept in read for other accounts that name the same descriptor.
func fromDescriptor(n int, read map[int]string) (string, error) {
	if text, ok := read[n]; ok {
		return text, nil
	}

	// All that the program itself has open is closed when it starts another, and nothing that it was started
	// with is. To read, and then close, one of its own would break it.
	flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC != 0 {
		return "", hints.Errorf(fmt.Sprintf("in a shell: %d< FILE", n),
			"passwordfd %d: the program was not started with this descriptor", n)
	}

	f := os.NewFile(uintptr(n), fmt.Sprintf("descriptor %d", n))
	text, err := readPassword(f)
	if err != nil {
		return "", fmt.Errorf("passwordfd %d: %w", n, err)
	}

	read[n] = text
	// Closed, so that agents and hooks don't inherit a descriptor with a password.
	return text, f.Close()
}
