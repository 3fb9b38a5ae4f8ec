package secret

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"fetchd/rcfile"
	"fetchd/tlsverify/hints"
)

// credential looks in systemd's $CREDENTIALS_DIRECTORY for fetchd.USER@HOST, fetchd.USER@POLL, the same with
// fetchd_, or the poll's name, each followed by suffix.
func (f *Finder) credential(ctx context.Context, l Login, suffix string) (string, bool, error) {
	for _, path := range f.credentialFiles(l, suffix) {
		text, err := readFirstLine(ctx, path)
		// Any other error is reported: a credential that is there and can't be read is a mistake, and the
		// next source may have another password.
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		return text, true, err
	}
	return "", false, nil
}

func (f *Finder) credentialFiles(l Login, suffix string) []string {
	dir := Credentials(f.Getenv)
	if dir == "" {
		return nil
	}

	var paths []string
	server := l.Name + "@" + l.Host
	for _, name := range []string{
		"fetchd." + server, "fetchd." + l.Account,
		// So systemd calls the files of a directory that LoadCredential=fetchd: names.
		"fetchd_" + server, "fetchd_" + l.Account,
		l.Poll,
	} {
		// A name from the rc file must not lead out of the directory.
		if !strings.ContainsAny(name, "/\x00") {
			paths = append(paths, filepath.Join(dir, name+suffix))
		}
	}
	return paths
}

// Credentials is the directory in which systemd passes files to us (LoadCredential); "" = none.
func Credentials(getenv func(string) string) string {
	dir := getenv("CREDENTIALS_DIRECTORY")
	if !filepath.IsAbs(dir) {
		return ""
	}
	return filepath.Clean(dir)
}

// IsCredential tells whether path names a credential. systemd itself controls who may read those, with an
// access list where it can, which is why they belong to root and their mode has group bits.
func IsCredential(getenv func(string) string, path string) bool {
	dir := Credentials(getenv)
	return dir != "" && filepath.Dir(path) == dir
}

func (f *Finder) isCredential(path string) bool { return IsCredential(f.Getenv, path) }

// fromNetrc looks the login up in .netrc, by the poll's name and then by the host.
func (f *Finder) fromNetrc(l Login) (string, bool, error) {
	// Read each time: a password that was changed there counts at the next login, without a reload.
	n, warnings, err := rcfile.LoadNetrc(f.Netrc)
	if err != nil {
		return "", false, err
	}
	// Otherwise the account's error says it.
	if n.Refusal(l.Name, l.Poll, l.Host) == nil {
		for _, w := range warnings {
			f.Warn(l.Account, w.Error())
		}
	}
	found, ok := n.Lookup(l.Name, l.Poll, l.Host)
	return found.Reveal(), ok, nil
}

// noPassword is the error of a login for which no source has a password.
func (f *Finder) noPassword(l Login) error {
	// Read again, for this error alone: what is in it is of no use to anybody else.
	n, _, err := rcfile.LoadNetrc(f.Netrc)
	if err == nil {
		err = n.Refusal(l.Name, l.Poll, l.Host)
	}
	if err != nil {
		return fmt.Errorf("can't find a password for %s: %w", l.Account, err)
	}

	return hints.Errorf("write one into the rc file, or see \"passwords\" in fetchd(1)",
		"can't find a password for %s", l.Account)
}
