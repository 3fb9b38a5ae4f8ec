package fetch

import (
	"strconv"
	"strings"
)

// Looks tells a message from another under the same UID, by its size on the server and its header: letters,
// digits and a dot. It is for messages that came whole; the journal keeps it of those that are to be deleted,
// and of those that stay in a mailbox whose UIDs may change.
func (it *Item) Looks() string {
	if it.Body == nil {
		return ""
	}
	return strconv.FormatInt(it.Size, 10) + "." + it.Body.HeaderDigest()
}

// looksRoom is how many bytes a message may grow or shrink on the server: GNU Mailutils writes Status, X-UID
// and the like into it.
const looksRoom = 1 << 10

// SameLooks tells whether two messages look the same, but for what servers write into them.
func SameLooks(a, b string) bool {
	sizeA, digestA := splitLooks(a)
	sizeB, digestB := splitLooks(b)
	return digestA == digestB && isNear(sizeA, sizeB)
}

// MayLookLike tells whether a message of a size may look like that; its header shows whether it does.
func MayLookLike(looks string, size int64) bool {
	if looks == "" { // nearly always: every new message is asked about
		return false
	}
	before, digest := splitLooks(looks)
	return digest != "" && isNear(before, size)
}

func isNear(a, b int64) bool { return max(a-b, b-a) <= looksRoom }

func splitLooks(looks string) (size int64, digest string) {
	text, digest, _ := strings.Cut(looks, ".")
	size, _ = strconv.ParseInt(text, 10, 64) // as Item.Looks wrote it
	return size, digest
}

// Returner is a Mailbox that can tell, after Commit, how many messages were there again although the server
// had confirmed that it deleted them. They are deleted once more, and not delivered.
type Returner interface {
	Returned() int
}
