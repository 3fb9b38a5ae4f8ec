package fetchtest

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Copy replaces the mail of user to by a copy of the mail of user from, with the same messages, UIDs and
// UIDVALIDITY. Neither may be logged in.
func (d *Dovecot) Copy(tb testing.TB, from, to string) {
	tb.Helper()
	source, target := filepath.Join(d.dir, "mail", from), filepath.Join(d.dir, "mail", to)
	check(tb, os.RemoveAll(target))
	check(tb, filepath.WalkDir(source, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		copied := target + path[len(source):]
		if entry.IsDir() {
			err = os.Mkdir(copied, 0o700)
		} else {
			err = copyFile(path, copied)
		}
		if err == nil && os.Geteuid() == 0 {
			err = os.Chown(copied, mailUID, mailUID)
		}
		return err
	}))
}

// MaildirLines make StartDovecot keep mail in Maildirs, for PutFile.
func MaildirLines(tb testing.TB) []string {
	tb.Helper()
	if isModern(tb, findDovecot(tb)) {
		return []string{"mail_driver = maildir", "mail_path = ~/Maildir"}
	}
	return []string{"mail_location = maildir:~/Maildir"}
}

// MboxLines make StartDovecot keep the inboxes in mbox files, in Home.
func MboxLines(tb testing.TB) []string {
	tb.Helper()
	if isModern(tb, findDovecot(tb)) {
		return []string{"mail_driver = mbox", "mail_path = ~/folders", "mail_inbox_path = ~/mbox"}
	}
	return []string{"mail_location = mbox:~/folders:INBOX=~/mbox"}
}

// Home is the directory of a user's mail.
func (d *Dovecot) Home(user string) string { return filepath.Join(d.dir, "mail", user) }

// PutFile puts a file into the inbox of a user whose mail is in a Maildir, under a name such as other
// programs choose.
func (d *Dovecot) PutFile(tb testing.TB, user, name string, data []byte) {
	tb.Helper()
	path := filepath.Join(d.dir, "mail", user, "Maildir", "cur", name)
	check(tb, os.WriteFile(path, data, 0o600))
	if os.Geteuid() == 0 {
		check(tb, os.Chown(path, mailUID, mailUID))
	}
}

// Remove deletes all mail of a user.
func (d *Dovecot) Remove(tb testing.TB, user string) {
	tb.Helper()
	check(tb, os.RemoveAll(filepath.Join(d.dir, "mail", user)))
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()

	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		_ = out.Close()
		return err
	}

	return out.Close()
}

// Has tells whether a user has any mail on disk.
func (d *Dovecot) Has(user string) bool {
	_, err := os.Stat(filepath.Join(d.dir, "mail", user))
	return err == nil
}
