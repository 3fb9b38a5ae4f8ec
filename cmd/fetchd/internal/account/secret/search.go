package secret

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"fetchd/rcfile"
)

// credential looks in systemd's $CREDENTIALS_DIRECTORY for fetchd.USER@HOST, fetchd.USER@POLL or the poll's
// name, each followed by suffix.
func (f *Finder) credential(l Login, suffix string) (string, bool, error) {
	for _, path := range f.credentialFiles(l, suffix) {
		text, err := readFirstLine(path)
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
	dir := f.Getenv("CREDENTIALS_DIRECTORY")
	if dir == "" {
		return nil
	}

	var paths []string
	for _, name := range []string{"fetchd." + l.Name + "@" + l.Host, "fetchd." + l.Account, l.Poll} {
		// A name from the rc file must not lead out of the directory.
		if !strings.ContainsAny(name, "/\x00") {
			paths = append(paths, filepath.Join(dir, name+suffix))
		}
	}
	return paths
}

// fromNetrc looks the login up in .netrc, by the poll's name and then by the host.
func (f *Finder) fromNetrc(l Login) (string, bool, error) {
	// Read each time: a password that was changed there counts at the next login, without a reload.
	n, warnings, err := rcfile.LoadNetrc(f.Netrc)
	if err != nil {
		return "", false, err
	}
	for _, w := range warnings {
		f.Warn(l.Account, w.Error())
	}
	found, ok := n.Lookup(l.Name, l.Poll, l.Host)
	return found.Reveal(), ok, nil
}
