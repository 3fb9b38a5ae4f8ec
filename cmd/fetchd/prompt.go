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

// prompt asks on the terminal that standard input is, without echo.
func (p *program) prompt(question string) (string, error) {
	f, ok := p.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return "", errNoTerminal
	}
	fmt.Fprint(p.stderr, question)
	text, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(p.stderr)
	return string(text), err
}
