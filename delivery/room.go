package delivery

import (
	"cmp"
	"errors"
	"slices"

	"golang.org/x/sys/unix"
)

const (
	// roomFloor is how many bytes must be free. Below that a file system fills up with the next few messages.
	roomFloor = 256 << 10
	// roomSmall is the size of a message that, if it doesn't fit, shows that no other does.
	roomSmall = 32 << 10
)

// errOverQuota is in the error of a message for which a server has no room.
var errOverQuota = errors.New("the mailbox is full")

// LacksRoom tells whether err is that of a message that did not fit where it was to go. A smaller one may,
// unless the error's class is Unusable.
func LacksRoom(err error) bool {
	for _, reason := range []error{unix.ENOSPC, unix.EDQUOT, unix.EFBIG, errOverQuota} {
		if errors.Is(err, reason) {
			return true
		}
	}
	refused, ok := errors.AsType[*SMTPError](err)
	return ok && refused.isOfFullSystem()
}

// HasRoom tells whether d may take mail again after it had no room, as far as that can be seen without giving
// it any. Kinds for which it can be seen have a method HasRoom too.
func HasRoom(d Deliverer) bool {
	r, ok := d.(interface{ HasRoom() bool })
	return !ok || r.HasRoom()
}

// HasRoom tells whether there is room for small messages.
func (d *Maildir) HasRoom() bool { return hasRoomAt(d.dir) }

// HasRoom tells whether there is room for small messages.
func (d *Mbox) HasRoom() bool { return hasRoomAt(d.file.dir()) }

// HasRoom tells whether there is room for small messages.
func (d *BSMTP) HasRoom() bool { return d.file == nil || hasRoomAt(d.file.dir()) }

// HasRoom tells whether one of them has room: it is to get its mail, whatever the others do.
func (d *several) HasRoom() bool {
	return slices.ContainsFunc(d.all, func(to Destination) bool { return HasRoom(to.Deliverer) })
}

// hasRoomAt tells whether a file system has room for small messages. What can't be looked at may have.
func hasRoomAt(path string) bool {
	var bytes, files int64
	err := untilDone(func() (err error) {
		bytes, files, err = freeAt(path)
		return err
	})
	return err != nil || bytes >= roomFloor && files != 0
}

// judgeRoom is the class of an error with the class c, of a message of that size on its way to a place in the
// file system of dir. A full disk is no fault of the message; a large one may be too large for what is left.
func judgeRoom(c Class, err error, dir string, size int64) Class {
	if LacksRoom(err) && (size <= roomSmall || !hasRoomAt(dir)) {
		return Unusable
	}
	return c
}

// fillRoom delivers once more what did not fit of a group, one by one and the smallest first: a large message
// may have been in the way of the others. The first that doesn't fit either shows that the rest does not.
func fillRoom(ms []*Message, errs []error, deliver func(*Message) error) {
	if len(ms) < 2 {
		return
	}

	var left []int
	for i, err := range errs {
		if LacksRoom(err) {
			left = append(left, i)
		}
	}
	slices.SortStableFunc(left, func(a, b int) int {
		return cmp.Compare(ms[a].Body.Size(), ms[b].Body.Size())
	})

	for k, i := range left {
		if errs[i] = deliver(ms[i]); !LacksRoom(errs[i]) {
			continue
		}
		// Also the class: the first time the room that is left was not known.
		for _, larger := range left[k+1:] {
			errs[larger] = &Error{Class: ClassOf(errs[i]), Err: errs[larger]}
		}
		return
	}
}
