package secret

import (
	"context"
	"errors"
	"fmt"

	"fetchd/tlsverify"
)

// errKeyPass is the error for a key whose pass phrase no source has.
var errKeyPass = errors.New(
	"is encrypted; give its pass phrase with sslkeypass, in a credential of systemd, or at the terminal")

// keyPassSuffix is behind the name of the credential with the password.
const keyPassSuffix = ".sslkeypass"

// keyPassID is the key of a pass phrase in Finder.Collected. No account has such a name.
func keyPassID(path string) string { return "\x00sslkey\x00" + path }

// KeyPass finds the pass phrase of the login's private key: in the rc file, among those that the user typed,
// or in systemd's credentials. Otherwise it asks, if Ask is set.
func (f *Finder) KeyPass(l Login) (string, error) {
	if l.Secrets.SSLKeyPass.Set {
		return l.Secrets.SSLKeyPass.Value.Reveal(), nil
	}
	if text, ok := f.Collected[keyPassID(l.KeyFile)]; ok {
		return text, nil
	}
	if text, found, err := f.credential(context.Background(), l, keyPassSuffix); found || err != nil {
		return text, err
	}
	// A run that retrieves has no Ask: it asked at its start, and a daemon has no terminal any more.
	if f.Ask == nil {
		return "", errKeyPass
	}
	if err := f.askKeyPass(l.KeyFile, f.Ask); err != nil {
		return "", err
	}

	return f.Collected[keyPassID(l.KeyFile)], nil
}

// collectKeyPass asks for the pass phrase of the login's private key if nothing else gives it, once for each
// key.
func (f *Finder) collectKeyPass(l Login, prompt func(string) (string, error)) error {
	if l.KeyFile == "" || !tlsverify.KeyEncrypted(l.KeyFile) {
		return nil // errors in the file are reported when the account is made
	}
	// Found, or a credential that can't be read: in both cases a question would help nothing.
	if _, err := f.KeyPass(l); !errors.Is(err, errKeyPass) {
		return nil
	}
	// errKeyPass now means that there is no terminal. The account says so when it is made.
	if err := f.askKeyPass(l.KeyFile, prompt); !errors.Is(err, errKeyPass) {
		return err
	}
	return nil
}

func (f *Finder) askKeyPass(path string, prompt func(string) (string, error)) error {
	text, err := prompt(fmt.Sprintf("Enter pass phrase for %s: ", path))
	if errors.Is(err, ErrNoTerminal) {
		return errKeyPass
	}
	if err != nil {
		return fmt.Errorf("read the pass phrase for %s: %w", path, err)
	}

	if f.Collected == nil {
		f.Collected = map[string]string{}
	}

	f.Collected[keyPassID(path)] = text
	return nil
}
