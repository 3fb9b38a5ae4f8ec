package main

import (
	"errors"

	"fetchd/rcfile"
)

// fromNetrc looks the account up in ~/.netrc, by the poll's name and then by the host.
func (s *secrets) fromNetrc(l lookup) (string, bool, error) {
	n, warnings, err := rcfile.LoadNetrc(s.netrc)
	if err != nil {
		return "", false, err
	}
	for _, w := range warnings {
		s.warn(l.account, w.Error())
	}
	found, ok := n.Lookup(l.login, l.poll, l.host)
	return found.Reveal(), ok, nil
}

// stored tells whether a source is named or found for the account, without asking a command.
func (s *secrets) stored(l lookup) (bool, error) {
	u := l.user
	if u.Password.Set || u.PasswordEval.Set || u.PasswordFile.Set || u.PasswordFD.Set {
		return true, nil
	}
	_, found, err := s.credential(l, "")
	if found || err != nil {
		return found, err
	}
	_, found, err = s.fromNetrc(l)
	return found, err
}

// errNoTerminal is returned by a prompt where nobody can be asked.
var errNoTerminal = errors.New("standard input is no terminal")
