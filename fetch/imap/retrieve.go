package imap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"fetchd/fetch"
	"fetchd/fetch/journal"
)

// Sizes of batches: the first is large enough to fill a long path at once, the following are sized by the mean size of
// the messages seen.
const (
	firstBatch = 256
	maxBatch   = 1000
	batchBytes = 4 << 20
)

var bodyItems = &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{{Peek: true}}}

// batch is a UID FETCH under way.
type batch struct {
	cmd  *imapclient.FetchCommand
	uids journal.Set
	got  journal.Set
}

// Retrieve implements fetch.Mailbox. Two batches are under way at a time, so that the server always has something to
// send; what a batch did not bring is asked for once more, message by message.
func (m *mailbox) Retrieve(ctx context.Context, q *fetch.Queue) error {
	var under []*batch
	var lost journal.Set
	todo, size, bytes := m.todo, uint64(firstBatch), int64(0)
	for len(under) > 0 || !todo.IsEmpty() {
		for len(under) < 2 && !todo.IsEmpty() && (len(under) == 0 || q.Low()) {
			if len(under) == 0 {
				if err := q.Wait(ctx); err != nil {
					return fetch.Fail(fetch.KindNetwork, err)
				}
			}
			var set journal.Set
			set, todo = headText(todo, size)
			under = append(under, m.request(set))
		}
		b := under[0]
		under = under[1:]
		n, err := m.receive(ctx, b, q)
		if err != nil {
			abandon(under)
			return err
		}
		lost.AddSet(b.uids.Minus(b.got))
		if bytes += n; bytes > 0 {
			size = min(maxBatch, max(1, uint64(batchBytes*int64(m.n)/bytes)))
		}
	}
	return m.recover(ctx, lost, q)
}

// abandon lets go of batches on a connection that is broken.
func abandon(under []*batch) {
	for _, b := range under {
		_ = b.cmd.Close()
	}
}

func (m *mailbox) request(set journal.Set) *batch {
	return &batch{cmd: m.s.client.Fetch(uidSet(set), bodyItems), uids: set}
}

// receive reads a batch to its end and puts its messages into q. It returns the bytes read. A NO for the whole batch is
// no error: what it did not bring is asked for again.
func (m *mailbox) receive(ctx context.Context, b *batch, q *fetch.Queue) (int64, error) {
	var bytes int64
	for msg := b.cmd.Next(); msg != nil; msg = b.cmd.Next() {
		n, err := m.message(ctx, msg, b, q)
		if err != nil {
			_ = m.s.conn.Break(err)
			_ = b.cmd.Close()
			return bytes, m.s.failed("fetch", err)
		}
		bytes += n
	}
	err := b.cmd.Close()
	var refused *imap.Error
	if err == nil || errors.As(err, &refused) && m.s.conn.Err() == nil {
		return bytes, nil
	}
	return bytes, m.s.failed("fetch", err)
}

// message reads one FETCH response. A response without a body is none of ours (a change of flags), and leaves the
// message to be asked for again.
func (m *mailbox) message(ctx context.Context, msg *imapclient.FetchMessageData, b *batch, q *fetch.Queue) (int64, error) {
	it := &fetch.Item{UIDValidity: m.validity, Repeat: m.rec.Repeat(), Size: -1}
	for data := msg.Next(); data != nil; data = msg.Next() {
		switch data := data.(type) {
		case imapclient.FetchItemDataUID:
			it.Num = uint32(data.UID)
		case imapclient.FetchItemDataBodySection:
			if data.Literal == nil || it.Body != nil {
				continue
			}
			if err := q.Throttle(ctx); err != nil {
				return 0, err
			}
			it.Body, it.Size = q.NewSpool(), data.Literal.Size()
			if err := m.spool(it, data.Literal); err != nil {
				it.Body.Release()
				return 0, err
			}
		}
	}
	if it.Body == nil || it.Num == 0 || it.Size == 0 {
		if it.Body != nil {
			it.Body.Release()
		}
		return 0, nil
	}
	b.got.Add(it.Num)
	m.put(it, q)
	return it.Size, nil
}

// spool copies a literal, which must be as long as announced.
func (m *mailbox) spool(it *fetch.Item, lit imap.LiteralReader) error {
	n, err := io.CopyBuffer(struct{ io.Writer }{it.Body}, struct{ io.Reader }{lit}, m.buf)
	if err != nil {
		return err
	}
	if n != it.Size {
		return fmt.Errorf("message ended after %d of %d bytes: %w", n, it.Size, io.ErrUnexpectedEOF)
	}
	return it.Body.Close()
}

func (m *mailbox) put(it *fetch.Item, q *fetch.Queue) {
	m.n++
	it.N = m.n
	it.UID = strconv.FormatUint(uint64(it.Num), 10)
	q.Put(it)
}

// recover asks once more, one by one, for messages that a batch did not bring. Those that are gone from the server are
// done; those that do not come now either are reported and stay.
func (m *mailbox) recover(ctx context.Context, lost journal.Set, q *fetch.Queue) error {
	if lost.IsEmpty() {
		return nil
	}
	there, err := m.s.exists(lost)
	if err != nil {
		return err
	}
	if gone := lost.Minus(there); !gone.IsEmpty() {
		if err := m.rec.Adopt(ctx, gone); err != nil {
			return fetch.Fail(fetch.KindJournal, err)
		}
	}
	for !there.IsEmpty() {
		var one journal.Set
		one, there = there.Head(1)
		if err := q.Wait(ctx); err != nil {
			return fetch.Fail(fetch.KindNetwork, err)
		}
		if err := m.single(ctx, one, q); err != nil {
			return err
		}
	}
	return nil
}

// single fetches one message that did not come in a batch, also from a server that sends the body before the UID.
func (m *mailbox) single(ctx context.Context, one journal.Set, q *fetch.Queue) error {
	b := m.request(one)
	uid := one.String()
	m.s.guard.claimUID(uid)
	defer m.s.guard.claimUID("")
	if _, err := m.receive(ctx, b, q); err != nil {
		return err
	}
	if b.got.IsEmpty() {
		m.put(&fetch.Item{Num: one.Max(), UIDValidity: m.validity, Err: errNotSent}, q)
	}
	return nil
}

var errNotSent = errors.New("the server lists this message but sends no text of it; it stays there")
