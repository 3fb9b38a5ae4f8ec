package main

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/term"

	"fetchd/rcfile"
)

// collect gets the passwords that can only be had now: from descriptors, and from whoever sits at the terminal. It is
// called once, before the program detaches.
func (s *secrets) collect(lookups []lookup, prompt func(string) (string, error)) error {
	descriptors := map[int]string{}
	for _, l := range lookups {
		if err := s.collectKeyPass(l, prompt); err != nil {
			return err
		}
		if !l.needed {
			continue
		}
		if l.user.PasswordFD.Set && onlyFD(l.user) {
			text, err := fromDescriptor(l.user.PasswordFD.Value, descriptors)
			if err != nil {
				return fmt.Errorf("%s: %w", l.account, err)
			}
			s.early[l.account] = text
			continue
		}
		stored, err := s.stored(l)
		if stored || err != nil { // the error comes back when the account asks
			continue
		}
		text, err := prompt(fmt.Sprintf("Enter password for %s: ", escape(l.account)))
		if errors.Is(err, errNoTerminal) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read the password for %s: %w", l.account, err)
		}
		s.early[l.account] = text
	}
	return nil
}

func onlyFD(u *rcfile.User) bool {
	return !u.Password.Set && !u.PasswordEval.Set && !u.PasswordFile.Set
}

// fromDescriptor reads the password from a descriptor that we were started with. It can be read only once, so what was
// read is kept in read for other accounts that name it too.
func fromDescriptor(n int, read map[int]string) (string, error) {
	if text, ok := read[n]; ok {
		return text, nil
	}
	f := os.NewFile(uintptr(n), fmt.Sprintf("descriptor %d", n))
	if f == nil {
		return "", fmt.Errorf("passwordfd %d is not a descriptor", n)
	}
	text, err := readPassword(f)
	if err != nil {
		return "", fmt.Errorf("passwordfd %d: %w", n, err)
	}
	read[n] = text
	return text, f.Close()
}

// prompt asks on the terminal that standard input is, without echo. A signal ends it.
func (p *program) prompt(question string) (string, error) {
	f, ok := p.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return "", errNoTerminal
	}
	fd := int(f.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	fmt.Fprint(p.stderr, question)
	defer fmt.Fprintln(p.stderr)
	read := make(chan typed, 1)
	go func() { // nothing takes back the read of a terminal; after a signal the process ends
		text, err := term.ReadPassword(fd)
		read <- typed{string(text), err}
	}()
	select {
	case t := <-read:
		return t.text, t.err
	case sig := <-p.signals:
		return "", errors.Join(fmt.Errorf("terminated with %s", signalName(sig)), term.Restore(fd, before))
	}
}

// typed is what came of a question.
type typed struct {
	text string
	err  error
}
