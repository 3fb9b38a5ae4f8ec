package fetch

import "strconv"

// Looks tells a message from another under the same UID, by its size on the server and its header: letters,
// digits and a dot. It is for messages that came whole; the journal keeps it of those that are to be deleted.
func (it *Item) Looks() string {
	if it.Body == nil {
		return ""
	}
	return strconv.FormatInt(it.Size, 10) + "." + it.Body.HeaderDigest()
}

// Returner is a Mailbox that can tell, after Commit, how many messages were there again although the server
// had confirmed that it deleted them. They are deleted once more, and not delivered.
type Returner interface {
	Returned() int
}
