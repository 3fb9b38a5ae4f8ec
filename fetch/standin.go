package fetch

import (
	"bytes"
	"context"
	"io"
)

// standInText is how much of a message is looked at for what Exchange says in place of one that it can't
// convert.
const standInText = 4 << 10

// IsStandIn tells whether the server seems to have sent this in place of a message that it can't give:
// Exchange says that it could not be retrieved and has not been deleted. To delete it would delete the
// message itself.
func (it *Item) IsStandIn() bool {
	if it.Body == nil {
		return false
	}

	text := make([]byte, min(standInText, it.Body.Size()))
	n, _ := io.ReadFull(it.Body.Open(), text)
	text = text[:n]
	if !bytes.Contains(text, []byte("been deleted")) {
		return false
	}

	// The sentence may be wrapped anywhere, and versions differ in "hasn't" and "has not".
	text = bytes.Join(bytes.Fields(bytes.ReplaceAll(text, []byte("n't"), []byte(" not"))), []byte(" "))
	kept := bytes.Contains(text, []byte("has not been deleted"))
	return kept && (bytes.Contains(text, []byte("could not be retrieved")) ||
		bytes.Contains(text, []byte("could not retrieve")))
}

// splitStandIns gives the items that are messages, and those that stand for one.
func splitStandIns(items []*Item) (whole, standIns []*Item) {
	for _, it := range items {
		if it.IsStandIn() {
			standIns = append(standIns, it)
		} else {
			whole = append(whole, it)
		}
	}
	return whole, standIns
}

// recordStandIns records stand-ins that were delivered, so that the originals, which are all that there is of
// them, are never deleted: not once they are acknowledged, and not by flush either.
func (t *transfer) recordStandIns(ctx context.Context, items []*Item) error {
	if len(items) == 0 {
		return nil
	}
	t.a.Log.Warn(EventStandIn, "account", t.a.Name, "mailbox", t.name, "count", len(items))
	return t.m.Skip(context.WithoutCancel(ctx), items)
}

// IsFolderData tells whether this is no mail but what UW-IMAP and its heirs keep in a mailbox of their own.
func (it *Item) IsFolderData() bool {
	if it.Body == nil {
		return false
	}
	header := it.Body.Header()
	return bytes.Contains(header, []byte("FOLDER INTERNAL DATA")) &&
		bytes.Contains(header, []byte("\nX-IMAP"))
}
