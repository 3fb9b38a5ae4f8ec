package imap

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"fetchd/fetch"
	"fetchd/tlsverify/hints"
)

// buffers are for copying message bodies.
var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// readParts reads the parts of a FETCH response into it, and returns the size that the server lists, -1 if it
// lists none.
func (m *mailbox) readParts(ctx context.Context, msg *imapclient.FetchMessageData, b *batch, it *fetch.Item,
	q *fetch.Queue) (listed int64, err error) {
	listed = -1
	for data := msg.Next(); data != nil; data = msg.Next() {
		switch data := data.(type) {
		case imapclient.FetchItemDataUID:
			// A message must not be recorded under the UID of another: neither name can be believed.
			if it.Num != 0 && it.Num != uint32(data.UID) {
				return listed, fetch.Fail(fetch.KindProtocol,
					fmt.Errorf("server calls one message %d and %d", it.Num, data.UID))
			}
			it.Num = uint32(data.UID)
		case imapclient.FetchItemDataRFC822Size:
			listed = data.Size
		case imapclient.FetchItemDataInternalDate:
			it.Date = data.Time
		case imapclient.FetchItemDataFlags:
			it.Flags = flagWords(data.Flags)
		case imapclient.FetchItemDataBodySection:
			if data.Literal == nil || it.Body != nil || !isWhole(data.Section) {
				continue
			}
			if err := m.readBody(ctx, data.Literal, b, it, q); err != nil {
				return listed, err
			}
		}
	}

	return listed, nil
}

// readBody receives the text of a message.
func (m *mailbox) readBody(ctx context.Context, lit imap.LiteralReader, b *batch, it *fetch.Item,
	q *fetch.Queue) error {
	m.s.guard.asked() // the guard counts the texts that nobody asked for
	if err := q.Throttle(ctx); err != nil {
		return err
	}

	// The server goes on: it has not stopped with the message before.
	m.putWaiting(b, q)
	b.began = it.Num
	it.Body, it.Size = q.NewSpool(), lit.Size()
	it.Body.Grow(it.Size)
	return b.spool(it, lit)
}

// isComplete tells whether all of a message came. An empty text is one only if the server lists no size
// either: some send nothing for a message that they can't read.
func isComplete(it *fetch.Item, listed int64) bool {
	return it.Num != 0 && (it.Body != nil || it.Err != nil) && (it.Size != 0 || listed == 0)
}

// isWhole tells whether a body section is the whole message, as we asked for it.
func isWhole(s *imap.FetchItemBodySection) bool {
	return s.Specifier == imap.PartSpecifierNone && len(s.Part) == 0 && s.Partial == nil
}

// isHeader tells whether a body section is the header, or the fields of it that we asked for.
func isHeader(s *imap.FetchItemBodySection) bool {
	return s.Specifier == imap.PartSpecifierHeader && len(s.Part) == 0
}

// spool copies a literal, which must be as long as announced. If the disk does not take it, the rest is read
// all the same, so that the connection stays in step, and the reason is it.Err.
func (b *batch) spool(it *fetch.Item, lit imap.LiteralReader) error {
	read := &countingReader{r: lit}
	_, err := io.CopyBuffer(struct{ io.Writer }{it.Body}, read, b.buf[:])
	// It was the disk, not the connection: reading has not failed, or had everything already.
	if err != nil && (!read.ended || read.n == it.Size) {
		it.Err = err
		_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, read, b.buf[:])
	}

	b.cut = read.ended && read.n < it.Size
	if err != nil {
		return err
	}
	if n := read.n; n != it.Size {
		return fmt.Errorf("message ended after %d of %d bytes: %w", n, it.Size, io.ErrUnexpectedEOF)
	}
	if it.Err == nil {
		it.Err = it.Body.Close()
	}
	if it.Err != nil {
		it.Err = fetch.Fail(fetch.KindDelivery,
			hints.Errorf("make room, or let TMPDIR name another place",
				"keep message %d until it is delivered: %w", it.Num, it.Err))
	}

	return nil
}

// countingReader counts what it reads and notices the end of it, good or bad.
type countingReader struct {
	r     io.Reader
	n     int64
	ended bool
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.ended = c.ended || err != nil
	return n, err
}
