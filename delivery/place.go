package delivery

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"
)

// place is a kind of place in the file system that takes mail, and what to do if it isn't there, or if
// something else is.
type place struct{ kind, missing, odd string }

// judgePlace gives the class and the hint of an error at a place. writer is whose rights were used; nil = our
// own.
func judgePlace(at place, writer *owner, err error) (class Class, hint string) {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Temporary, hintKept

	// The most specific reason first: an error may be several of these.
	case errors.Is(err, errRights):
		return Unusable, "start fetchd as that user, or name an mda: it runs as the user in FETCHMAILUSER"
	case errors.Is(err, errOpenToSwap):
		return Unusable, "make the " + at.kind + " and give it to its user, whose rights are then used"

	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return Temporary, "make room on the disk or raise the quota; " + hintKept
	case errors.Is(err, unix.EFBIG):
		return Temporary, "raise the limit on a file's size: ulimit -f, or LimitFSIZE of the service; " +
			hintKept
	case errors.Is(err, unix.ENOENT):
		return Unusable, at.missing
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM), errors.Is(err, unix.EROFS):
		who := "the user that fetchd runs as"
		if writer != nil {
			who = writer.String() + ","
		}
		return Unusable, "let " + who + " write there, or name another " + at.kind
	case errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENAMETOOLONG):
		return Unusable, at.odd
	}

	return Temporary, hintKept
}
