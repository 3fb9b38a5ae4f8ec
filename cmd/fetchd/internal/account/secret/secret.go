// Package secret finds the passwords of accounts, and the pass phrases of their private keys. The places
// where the rc file may say that a password is are one ordered table, namedSources.
package secret

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"fetchd/cmd/fetchd/internal/account/oauth"
	"fetchd/fetch"
	"fetchd/rcfile"
)

// Login says whose password is wanted.
type Login struct {
	Account string // its name in the log: "ann@mail.example.org"
	Poll    string
	Host    string
	// the rc file's word; OAuth's scopes depend on it
	Protocol string
	Name     string          // the name it logs in with
	Secrets  *rcfile.Secrets // of the rc file
	Needed   bool            // false where the login needs no password
	KeyFile  string          // the private key that TLS will use; "" = none
}

// Finder finds passwords. Those that can be read only once, or that the user typed, are kept in Collected.
// Its methods may be called concurrently, except for Collect.
type Finder struct {
	Getenv    func(string) string
	Netrc     string            // path of .netrc
	Collected map[string]string // passwords by account, and the pass phrases of keys; Collect fills it
	// Grants are those of OAuth; nil only where no login is made or described.
	Grants *oauth.Keeper
	// Ask is for the pass phrase of a key while an account is made; nil = nobody can be asked.
	Ask  func(question string) (string, error)
	Warn func(account, text string)
}

// Password returns the function that an account asks for its password.
func (f *Finder) Password(l Login) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		text, found, err := f.find(ctx, l)
		if err == nil && !found && l.Needed {
			err = f.noPassword(l)
		}
		if err != nil {
			return "", fetch.Fail(fetch.KindAuth, err)
		}
		return text, nil
	}
}

// Renew returns the function that an account asks for another password once the server has refused one; nil
// if the source always says the same.
func (f *Finder) Renew(l Login) func(ctx context.Context, refused string) (string, error) {
	if l.Secrets.OAuth.Set {
		return func(ctx context.Context, refused string) (string, error) {
			return f.Grants.Renew(ctx, f.OAuthClient(l), refused)
		}
	}
	// .netrc and credentials don't renew themselves: to ask again would send the refused password once more,
	// and servers lock accounts for that.
	if source := namedSource(l.Secrets); source == nil || !source.runs && source.file == nil {
		return nil
	}
	ask := f.Password(l)
	return func(ctx context.Context, _ string) (string, error) { return ask(ctx) }
}

// Missing is the error of an account that needs a password and has no source of one, or one that is gone, or
// a grant that nobody has given yet.
func (f *Finder) Missing(l Login) error {
	if l.Secrets.OAuth.Set {
		return f.Grants.Missing(f.OAuthClient(l))
	}
	if _, ok := f.Collected[l.Account]; ok || !l.Needed {
		return nil
	}
	// A file that is gone would be found out only when the server waits for the password. What else is wrong
	// with a source is reported when it is read.
	if source := namedSource(l.Secrets); source != nil && source.file != nil {
		// Not opened where it is there: it may be a pipe, whose writer begins then.
		if _, err := os.Stat(source.file(l.Secrets)); errors.Is(err, fs.ErrNotExist) {
			return fetch.Fail(fetch.KindAuth, source.check(f, l))
		}
	}
	if stored, err := f.Stored(l); stored || err != nil {
		return nil
	}
	return fetch.Fail(fetch.KindAuth, f.noPassword(l))
}

// Stored tells whether the rc file names a source for the login, or one has a password, without running a
// command.
func (f *Finder) Stored(l Login) (bool, error) {
	if source := namedSource(l.Secrets); source != nil {
		return true, nil
	}
	_, found, err := f.search(context.Background(), l)
	return found, err
}

// Sources are the files that the login's password and the pass phrase of its key may be in, and whether a
// command gives the password.
func (f *Finder) Sources(l Login) (files []string, runs bool) {
	// The files of the key itself are in the stamp of the TLS policy.
	if l.KeyFile != "" && !l.Secrets.SSLKeyPass.Set {
		files = f.credentialFiles(l, keyPassSuffix)
	}
	source := namedSource(l.Secrets)
	switch {
	// Also files that don't exist yet: an account waits for somebody to write one of them.
	case source == nil && l.Needed:
		files = append(files, f.Netrc)
		files = append(files, f.credentialFiles(l, "")...)
	case source != nil && source.file != nil:
		files = append(files, source.file(l.Secrets))
	}
	return files, source != nil && source.runs
}

// Check checks the source that the rc file names for the login, without using it.
func (f *Finder) Check(l Login) error {
	source := namedSource(l.Secrets)
	if source == nil || source.check == nil {
		return nil
	}
	return source.check(f, l)
}

// Describe says where the login's password comes from.
func (f *Finder) Describe(l Login) string {
	if !l.Needed {
		return "not needed"
	}
	if source := namedSource(l.Secrets); source != nil {
		return source.describe(f, l)
	}
	return "from $CREDENTIALS_DIRECTORY, " + f.Netrc + " or the terminal"
}

// find asks the source that the rc file names, or else searches the places that need not be named.
func (f *Finder) find(ctx context.Context, l Login) (text string, found bool, err error) {
	source := namedSource(l.Secrets)
	// A source that can be read at any time comes first: what was typed may be for another server's login of
	// the same name.
	if text, ok := f.Collected[l.Account]; ok && (source == nil || source.collect != nil) {
		return text, true, nil
	}
	if source != nil {
		text, err := source.read(ctx, f, l)
		return text, true, err
	}
	return f.search(ctx, l)
}

// search looks in systemd's credentials, then in .netrc.
func (f *Finder) search(ctx context.Context, l Login) (text string, found bool, err error) {
	if text, found, err = f.credential(ctx, l, ""); found || err != nil {
		return text, found, err
	}
	return f.fromNetrc(l)
}
