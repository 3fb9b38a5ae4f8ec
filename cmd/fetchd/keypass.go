package main

import (
	"errors"
	"fmt"

	"fetchd/fetch"
	"fetchd/rcfile"
	"fetchd/tlsverify"
)

// errKeyPass is for a key whose pass phrase nothing gives.
var errKeyPass = errors.New("is encrypted; give its pass phrase with sslkeypass, in a credential of systemd, or at the terminal")

// keyFile is where the user's private key is, "" = there is none.
func keyFile(u *rcfile.User) string { return u.SSLKey.Or(u.SSLCert.Value) }

// earlyKey is the place of a key's pass phrase among the early secrets. No account has such a name.
func earlyKey(path string) string { return "\x00sslkey\x00" + path }

// keyPass finds the pass phrase of the account's private key: in the rc file, what was typed in, systemd's credentials.
// Where ask is set, it asks.
func (s *secrets) keyPass(l lookup) (string, error) {
	if l.user.SSLKeyPass.Set {
		return l.user.SSLKeyPass.Value.Reveal(), nil
	}
	if text, ok := s.early[earlyKey(keyFile(l.user))]; ok {
		return text, nil
	}
	if text, found, err := s.credential(l, ".sslkeypass"); found || err != nil {
		return text, err
	}
	if s.ask == nil {
		return "", errKeyPass
	}
	if err := s.askKeyPass(keyFile(l.user), s.ask); err != nil {
		return "", err
	}
	return s.early[earlyKey(keyFile(l.user))], nil
}

// collectKeyPass asks for the pass phrase of the user's private key if nothing else gives it, once for each key.
func (s *secrets) collectKeyPass(l lookup, prompt func(string) (string, error)) error {
	mode, err := tlsMode(l.user)
	if err != nil || mode == fetch.ClearText || keyFile(l.user) == "" || !tlsverify.KeyEncrypted(keyFile(l.user)) {
		return nil // what is wrong is said where the account is made
	}
	if _, err := s.keyPass(l); !errors.Is(err, errKeyPass) {
		return nil
	}
	if err := s.askKeyPass(keyFile(l.user), prompt); !errors.Is(err, errKeyPass) {
		return err
	}
	return nil
}

func (s *secrets) askKeyPass(path string, prompt func(string) (string, error)) error {
	text, err := prompt(fmt.Sprintf("Enter pass phrase for %s: ", escape(path)))
	if errors.Is(err, errNoTerminal) {
		return errKeyPass
	}
	if err != nil {
		return fmt.Errorf("read the pass phrase for %s: %w", path, err)
	}
	if s.early == nil {
		s.early = map[string]string{}
	}
	s.early[earlyKey(path)] = text
	return nil
}
