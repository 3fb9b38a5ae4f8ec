package fetch

import (
	"bytes"
	"context"
	"errors"
)

// What Exchange says in place of a message that it can't convert is a few lines, with the message's subject
// and sender between the first sentence and the last.
const (
	standInText  = 4 << 10 // the sentences are at most this far behind the header …
	standInFirst = 1 << 10 // … and the first one at most this far
)

// IsStandIn tells whether the server seems to have sent this in place of a message that it can't give:
// Exchange says that it could not be retrieved and has not been deleted. To delete it would delete the
// message itself.
func (it *Item) IsStandIn() bool {
	if it.Body == nil {
		return false
	}

	text := it.beginning(standInText)
	if !mentionsRetrieval(text[:min(standInFirst, len(text))]) { // nearly all messages end here
		return false
	}

	// The sentence may be wrapped anywhere, and versions differ in "hasn't" and "has not".
	text = bytes.Join(bytes.Fields(bytes.ReplaceAll(text, []byte("n't"), []byte(" not"))), []byte(" "))
	kept := bytes.Contains(text, []byte("has not been deleted"))
	return kept && (bytes.Contains(text, []byte("could not be retrieved")) ||
		bytes.Contains(text, []byte("could not retrieve")))
}

// beginning is what stands behind the header, at most n bytes; of a message that has no empty line it is that
// of the message, which may have no header at all. It may be changed by nobody.
func (it *Item) beginning(n int) []byte {
	header := len(it.Body.Header())
	if int64(header) == it.Body.Size() {
		header = 0
	}

	// Of a message in memory without a copy: every one is looked at.
	if text, inMemory := it.Body.Bytes(); inMemory {
		text = text[min(header, len(text)):]
		return text[:min(n, len(text))]
	}

	text := make([]byte, n)
	n, _ = it.Body.ReadAt(text, int64(header))
	return text[:n]
}

// mentionsRetrieval tells whether the text has "retriev", as in retrieve, retrieved and retrieval. It looks
// for the rarest of its letters, as every message is looked at.
func mentionsRetrieval(text []byte) bool {
	for end := 0; ; {
		i := bytes.IndexByte(text[end:], 'v')
		if i < 0 {
			return false
		}
		end += i + 1
		if bytes.HasSuffix(text[:end], []byte("retriev")) {
			return true
		}
	}
}

// shortRoom is by how many bytes a short message may differ from its announced size, whatever the ratio.
const shortRoom = 1 << 10

// IsFarShorter tells whether a message that came is so much shorter than the server announced that some of it
// may be missing. Servers that count line ends in another way than they send them announce up to twice the
// size, for a text of empty lines; others estimate. To delete such a message would lose the rest.
func IsFarShorter(came, announced int64) bool { return announced-shortRoom > 2*came }

// originals are delivered items of which the server may have more than came.
type originals struct{ standIns, short []*Item }

// split gives the items that came whole, and the others. Where mail is kept, nobody is told of short ones.
func (t *transfer) split(items []*Item) (whole []*Item, more originals) {
	for _, it := range items {
		switch {
		case it.IsStandIn():
			more.standIns = append(more.standIns, it)
		case it.Short && !t.a.Keep:
			more.short = append(more.short, it)
		default:
			whole = append(whole, it)
		}
	}
	return whole, more
}

// recordOriginals records items that were delivered, so that the originals, which may be all that there is of
// them, are never deleted: not once they are acknowledged, and not by flush either.
func (t *transfer) recordOriginals(ctx context.Context, more originals) error {
	var errs []error
	for _, kind := range []struct {
		event string
		items []*Item
	}{{EventStandIn, more.standIns}, {EventShort, more.short}} {
		if n := len(kind.items); n > 0 {
			t.a.Log.Warn(kind.event, "account", t.a.Name, "mailbox", t.name, "count", n)
			errs = append(errs, t.m.Skip(context.WithoutCancel(ctx), kind.items))
		}
	}
	return errors.Join(errs...)
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
