package account

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"fetchd/cmd/fetchd/internal/shell"
	"fetchd/delivery"
	"fetchd/delivery/ownfile"
	"fetchd/rcfile"
)

// Check checks the commands, files and directories that the account's settings name, without using them. The
// files for TLS were loaded when the account was made.
func (r *Resolver) Check(poll *rcfile.Poll, u *rcfile.User) []error {
	var errs []error
	add := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}

	if d := r.destinationOf(u); d.check != nil {
		add(d.check(r, poll, u))
	}
	add(r.checkFolders(poll, u))

	hooks := []struct{ keyword, command string }{
		{"preconnect", u.Preconnect.Value}, {"postconnect", u.Postconnect.Value},
		{"plugin", poll.Plugin.Value},
	}
	for _, h := range hooks {
		if h.command != "" {
			add(shell.Check(h.keyword, h.command))
		}
	}

	// Commands are looked up but never run here: a passwordeval may unlock a key or ask somebody.
	add(r.env.Secrets.Check(r.Login(poll, u)))
	return errs
}

// checkTrustFiles refuses the files of certificates and keys, those that we trust and our own, if others
// could have written them. Anything else that is wrong with them is reported where they are read.
func checkTrustFiles(u *rcfile.User) error {
	files := []struct{ keyword, path string }{
		{"sslkey", u.SSLKey.Value}, {"sslcert", u.SSLCert.Value},
		{"sslcertfile", u.SSLCertFile.Value}, {"sslcertpath", u.SSLCertPath.Value},
		{"sslcrlfile", u.SSLCRLFile.Value},
	}

	for _, f := range files {
		if f.path == "" {
			continue
		}
		if err := checkWriters(f.path); err != nil {
			return fmt.Errorf("%s: %w", f.keyword, err)
		}
	}
	return nil
}

// checkWriters returns an *ownfile.Error if others could have written a file, or put it where it is.
func checkWriters(path string) error {
	file, err := ownfile.Read(path)
	// A missing file is no reason here: tlsverify reads the same files next, and its errors say which setting
	// each belongs to.
	if unsafe, ok := errors.AsType[*ownfile.Error](err); ok {
		return unsafe
	}
	if err == nil {
		_ = file.Close()
	}
	return nil
}

// CheckDirectory returns an error unless files can be created in the directory, which the keyword names.
func CheckDirectory(keyword, dir string) error {
	// AT_EACCESS asks for the effective user, as whom files are created; plain access(2) would ask for the
	// real one.
	if err := unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		return fmt.Errorf("%s: the directory %s: %w", keyword, dir, err)
	}
	return nil
}

// checkMaildir checks the directory that a delivery writes to first, or the one that it would create that in,
// with the rights that the delivery has there. The directory above a Maildir is never created.
func checkMaildir(dir string) error {
	dir, err := filepath.Abs(strings.TrimSuffix(dir, folderPart))
	// With %T in it the path is known only when a message comes.
	if err != nil || strings.Contains(dir, delivery.UserPlace) {
		return err
	}

	var found error
	err = delivery.AsOwner(filepath.Join(dir, "tmp"), func() error {
		found = checkMaildirWritable(dir)
		return nil
	})

	if err != nil {
		return fmt.Errorf("maildir: %w", err)
	}
	return found
}

func checkMaildirWritable(dir string) error {
	// A Maildir may exist while its own directory is not writable for us: the delivery needs only tmp, and
	// what is beside it.
	for _, at := range []string{filepath.Join(dir, "tmp"), dir} {
		if _, err := os.Stat(at); !errors.Is(err, fs.ErrNotExist) {
			return CheckDirectory("maildir", at)
		}
	}
	return CheckDirectory("maildir", filepath.Dir(dir))
}

// checkMailFile checks the file that mail is appended to, unless each recipient has one.
func checkMailFile(path string, check func(path string) error) error {
	path, err := filepath.Abs(path)
	if err != nil || strings.Contains(path, delivery.UserPlace) {
		return err
	}
	return check(path)
}
