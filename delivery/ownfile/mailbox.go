package ownfile

import (
	"io/fs"
	"os"
)

// Mailbox opens, or with os.O_CREATE makes (0600), a file of the user uid that mail is appended to. It fails
// where Open does, with one exception: a group may write the file, as the group "mail" does in /var/mail. If
// uid is not the user who runs the program, it must be called with that user's rights, which alone decide
// about the directories on the way.
func Mailbox(path string, flag, uid int) (*os.File, error) {
	if uid != os.Geteuid() {
		return openThere(path, flag, mailboxOf(uid))
	}
	return open(path, flag, mailboxOf(uid))
}

// mailboxOf returns the judgement of a file: an *Error for what is no mailbox of that user.
func mailboxOf(uid int) func(fs.FileInfo, string) error {
	return func(info fs.FileInfo, path string) error {
		if err := planted(info, path, uid); err != nil {
			return err
		}
		if info.Mode().Perm()&allWrite != 0 {
			return refuse(info, path, "run: chmod o-w "+path, "all can write it (%04o)", info.Mode().Perm())
		}
		return nil
	}
}
