package imap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"fetchd/fetch"
	"fetchd/fetch/fault"
	"fetchd/fetch/journal"
	"fetchd/tlsverify/hints"
)

// Sizes of batches. The first batch is large enough to fill a long path at once; the following ones are sized
// by the mean size of the messages so far.
const (
	firstBatch = 256
	maxBatch   = 1000
	batchBytes = 4 << 20
)

// heldBytes is how much of a batch is held back to keep the order of messages.
const heldBytes = 4 << 20

// maxNotSent is how many messages in a row a server may list without sending them before we give up.
const maxNotSent = 100

// buffers are for copying message bodies.
var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// items are what is asked for of a message. Of one that is asked for alone the size shows whether it is empty
// or could not be read.
func (m *mailbox) items(alone bool) *imap.FetchOptions {
	marks := m.s.a.WantsMarks()
	return &imap.FetchOptions{
		UID: true, RFC822Size: alone, InternalDate: marks, Flags: marks,
		BodySection: []*imap.FetchItemBodySection{{Peek: true}},
	}
}

// batch is a UID FETCH under way, read by a goroutine of its own: Dovecot answers two FETCH commands
// interleaved. Its messages are held back until the batch before it has ended, to keep their order.
type batch struct {
	cmd   *imapclient.FetchCommand
	tag   string
	uids  journal.Set
	got   journal.Set
	bytes int64
	buf   *[32 << 10]byte
	done  chan error
	first bool   // no batch is before it
	cut   bool   // the connection ended within a message
	began uint32 // the message whose text is being received; 0 = none, or unknown
	last  uint32 // the message that came last
	held  []*fetch.Item
	no    error // the server's answer if it was not OK
	over  bool  // it would refuse other batches too

	explained bool           // no says that others have deleted messages
	limited   bool           // the server has processed only a part
	alone     bool           // all is held back until the answer
	sums      map[uint32]sum // of the messages that came and are to be delivered
}

// Retrieve implements fetch.Mailbox. Two batches are under way at a time, so that the server always has
// something to send; what a batch did not bring is asked for once more, message by message.
func (m *mailbox) Retrieve(ctx context.Context, q *fetch.Queue) error {
	// The in-use mark precedes the first delivery: after a crash, the next retrieval knows that messages may
	// come twice.
	if err := m.rec.Claim(ctx); err != nil {
		return fetch.Fail(fetch.KindJournal, err)
	}

	var under []*batch
	var lost journal.Set
	todo, size := m.todo, uint64(firstBatch)
	var count, bytes uint64

	for len(under) > 0 || !todo.IsEmpty() {
		// The second batch only while there is room: what was asked for must be read, or the server hangs up.
		// With none under way there is time to wait for room.
		for len(under) < 2 && !todo.IsEmpty() && (len(under) == 0 || q.Low()) {
			if len(under) == 0 {
				if err := q.Wait(ctx); err != nil {
					return fetch.Fail(fetch.KindNetwork, err)
				}
			}
			var set journal.Set
			set, todo = headText(todo, min(size, uint64(m.s.guard.messageLimit())))
			under = append(under, m.request(ctx, &batch{uids: set}, m.items(false), q))
		}

		b := under[0]
		under = under[1:]
		m.advance(b, q)
		if err := <-b.done; err != nil {
			for _, b := range under { // they end with the connection
				m.advance(b, q)
				<-b.done
			}
			return m.at(b, err)
		}

		m.judge(b)
		if b.over {
			return m.giveUp(under, b.no, q)
		}

		left := b.uids.Minus(b.got)
		if b.limited && !b.got.IsEmpty() {
			// The server said how many it processes at once: what is missing was not refused, it was not
			// looked at.
			todo.AddSet(left)
		} else {
			lost.AddSet(left)
		}

		count, bytes = count+b.got.Len(), bytes+uint64(b.bytes)
		if bytes > 0 {
			// So that a batch takes about as long whatever the messages are like: a lost connection costs no
			// more than one.
			size = min(maxBatch, max(1, batchBytes*count/bytes))
		}
	}

	return m.askForRest(ctx, lost, q)
}

// askForRest asks, one by one, for messages that came in doubt, and for those that did not come.
func (m *mailbox) askForRest(ctx context.Context, lost journal.Set, q *fetch.Queue) error {
	if err := m.askAgain(ctx, q); err != nil {
		return err
	}
	return m.recover(ctx, lost, q)
}

// giveUp ends a retrieval from a server that gives out no more for now. It still reads what was asked for.
func (m *mailbox) giveUp(under []*batch, why error, q *fetch.Queue) error {
	for _, b := range under {
		m.advance(b, q)
		if err := <-b.done; err != nil {
			return m.at(b, err)
		}
		m.judge(b)
	}
	return &fetch.ServerTrouble{Err: why, Quota: true}
}

// advance makes b the first batch: the messages that were held back go into q, and so do those that follow.
func (m *mailbox) advance(b *batch, q *fetch.Queue) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b.first = true
	for _, it := range b.held {
		m.put(it, q)
	}
	b.held = nil
}

// request sends a UID FETCH for b.uids and starts to receive its messages. It returns b.
func (m *mailbox) request(ctx context.Context, b *batch, items *imap.FetchOptions, q *fetch.Queue) *batch {
	m.begin(b.uids)
	// The tag is noted at once: the next command of this name would hide it.
	b.cmd = m.s.client.Fetch(uidSet(b.uids), items)
	b.tag, b.done = m.s.guard.lastTag("UID FETCH"), make(chan error, 1)
	b.buf, b.sums = buffers.Get().(*[32 << 10]byte), map[uint32]sum{}
	go func() {
		b.done <- m.receive(ctx, b, q)
		buffers.Put(b.buf)
	}()
	return b
}

// receive reads a batch to its end and puts its messages into q. A NO for the whole batch is no error:
// messages that did not come are asked for again. After an error the connection is broken, so that the other
// batch ends too.
func (m *mailbox) receive(ctx context.Context, b *batch, q *fetch.Queue) (err error) {
	defer func() {
		if err != nil {
			_ = m.s.conn.Break(err)
		}
	}()
	defer fault.Recover(&err)

	for msg := b.cmd.Next(); msg != nil; msg = b.cmd.Next() {
		if err := m.message(ctx, msg, b, q); err != nil {
			_ = m.s.conn.Break(err)
			// imapclient's reader goes on as soon as a literal fails, and Close would read beside it
			if b.cut {
				<-m.s.client.Closed()
			}
			_ = b.cmd.Close()
			return m.s.failed("fetch", err)
		}
	}

	err = b.cmd.Close()
	var refused *imap.Error
	if err == nil {
		return nil
	}
	if errors.As(err, &refused) && m.s.conn.Err() == nil {
		b.no, b.over = m.s.refused("fetch", refused)
		b.explained = refused.Code == codeExpunged
		return nil
	}

	_ = m.s.conn.Break(err)
	return m.s.failed("fetch", err)
}

// message reads one FETCH response. A response without a body is not an answer to us (but a change of flags):
// the message will be asked for again.
func (m *mailbox) message(ctx context.Context, msg *imapclient.FetchMessageData, b *batch,
	q *fetch.Queue) (err error) {
	defer fault.Recover(&err)
	it := &fetch.Item{UIDValidity: m.validity, Repeat: m.rec.Repeat(), Size: -1}
	listed, err := m.readParts(ctx, msg, b, it, q)
	if err != nil {
		release(it)
		return err
	}

	if it.Err != nil { // release the disk: the next messages may be smaller, or fit in memory
		release(it)
		it.Body, it.Size = nil, -1
	}

	// The insertion ends in any case: it must not outlive the message that it was made for.
	if unusable := m.s.guard.endInsertion(); unusable || !isComplete(it, listed) {
		release(it)
		return nil
	}

	it.Short = it.Body != nil && fetch.IsFarShorter(it.Size, listed)
	b.got.Add(it.Num)
	b.began, b.last = 0, it.Num
	b.bytes += max(0, it.Size)
	m.keepInOrder(b, it, q)
	return nil
}

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
			if data.Time.Unix() != 0 { // see noDate
				it.Date = data.Time
			}
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

// keepInOrder puts a message into q, or holds it back until the batch before has ended. Messages that are
// never to be delivered end here.
func (m *mailbox) keepInOrder(b *batch, it *fetch.Item, q *fetch.Queue) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case (it.IsStandIn() || it.Short) && m.adopted().Contains(it.Num): // it was delivered before
		it.Body.Release()
	case it.IsFolderData():
		m.internal.Add(it.Num)
		it.Body.Release()
	case m.deleted.returned(it):
		it.Body.Release()
	case m.doubts.isAsBefore(it): // it was delivered before
		it.Body.Release()
	default:
		if it.Body != nil {
			b.sums[it.Num] = sumOf(it)
		}
		m.putOrHold(b, it, q)
	}
}

// putOrHold puts a message into q unless it has to wait; m.mu is held.
func (m *mailbox) putOrHold(b *batch, it *fetch.Item, q *fetch.Queue) {
	isLarge := b.bytes > heldBytes // order is worth only so much memory
	if b.first || isLarge && !b.alone {
		m.put(it, q)
		return
	}
	b.held = append(b.held, it)
}

// release frees the text of a message that is not passed on.
func release(it *fetch.Item) {
	if it.Body != nil {
		it.Body.Release()
	}
}

// at adds to err the message at which the session ended: the one that was being received in the oldest batch,
// or the next.
func (m *mailbox) at(b *batch, err error) error {
	missing := b.uids.Minus(b.got)
	if missing.IsEmpty() {
		return err
	}

	var passed journal.Set
	// Servers send a batch in the order of UIDs, so the culprit is behind the last one that came. If nothing
	// is missing there, this server does not.
	passed.AddRange(1, b.last)
	next := missing.Minus(passed)
	if next.IsEmpty() {
		next = missing
	}

	uid := next.Ranges()[0].First
	if b.began != 0 && missing.Contains(b.began) {
		uid = b.began
	}

	return fetch.At(&fetch.Item{UID: strconv.FormatUint(uint64(uid), 10), UIDValidity: m.validity}, err)
}

// isWhole tells whether a body section is the whole message, as we asked for it.
func isWhole(s *imap.FetchItemBodySection) bool {
	return s.Specifier == imap.PartSpecifierNone && len(s.Part) == 0 && s.Partial == nil
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

// put numbers an item and puts it into q; m.mu is held, or nothing else is under way.
func (m *mailbox) put(it *fetch.Item, q *fetch.Queue) {
	it.UID = strconv.FormatUint(uint64(it.Num), 10)
	m.n++
	it.N = m.n
	q.Put(it)
}

// recover asks once more for messages that did not come with their batch. Those that are gone from the server
// are done; those that still don't come are reported and stay.
func (m *mailbox) recover(ctx context.Context, lost journal.Set, q *fetch.Queue) error {
	if lost.IsEmpty() {
		return nil
	}

	there, err := m.s.exists(lost)
	if err != nil {
		return err
	}

	// A search may name a part only.
	unnamed, err := m.s.fetchable(lost.Minus(there))
	if err != nil {
		return err
	}

	// Others may delete messages while we retrieve. That is neither a failure nor ours to report.
	there.AddSet(unnamed)
	gone := lost.Minus(there)
	m.lost.AddSet(gone)
	if err := m.vacate(ctx, gone); err != nil {
		return err
	}

	return m.oneByOne(ctx, there, q)
}

// oneByOne asks for messages that did not come with their batch, each in a command of its own.
func (m *mailbox) oneByOne(ctx context.Context, there journal.Set, q *fetch.Queue) error {
	var streak fetch.Streak
	for missed, asked, turned := 0, 0, false; !there.IsEmpty(); {
		// From the other end after some refusals: see fetch.Streak.
		one := journal.SetOf(there.Max())
		if !turned {
			one, _ = there.Head(1)
		}

		there = there.Minus(one)
		if err := q.Wait(ctx); err != nil {
			return fetch.Fail(fetch.KindNetwork, err)
		}

		asked++
		b, err := m.single(ctx, one, q)
		if err != nil {
			return err
		}

		if missed++; !b.got.IsEmpty() {
			missed = 0
			streak.Reset()
		}
		if b.no != nil {
			turn, over := streak.Refused(asked, asked)
			turned = turned != turn
			if b.over || over || there.IsEmpty() && streak.AtEnd() {
				return &fetch.ServerTrouble{Err: b.no, Quota: b.over}
			}
		}
		// Each costs a round trip, and a mailbox may have a hundred thousand.
		if missed == maxNotSent {
			return m.s.broken(fmt.Errorf("the server did not send any of %d messages in a row that it lists",
				missed))
		}
	}

	return nil
}

// single fetches one message that did not come in a batch, also from a server that sends the body before the
// UID.
func (m *mailbox) single(ctx context.Context, one journal.Set, q *fetch.Queue) (*batch, error) {
	// Alone under way: otherwise the UID could be inserted before another message's body.
	m.s.guard.insertUID(one.String())
	defer m.s.guard.insertUID("")
	b := m.request(ctx, &batch{uids: one}, m.items(true), q)
	m.advance(b, q)
	if err := <-b.done; err != nil {
		return nil, m.at(b, err)
	}
	m.judge(b)
	if !b.got.IsEmpty() || b.over {
		return b, nil
	}

	err := errNotSent
	if b.no != nil {
		err = fmt.Errorf("%w: %w", errNotSent, b.no)
	}

	m.put(&fetch.Item{Num: one.Max(), UIDValidity: m.validity, Err: err}, q)
	return b, nil
}

var errNotSent = errors.New("the server lists this message but sends no text of it; it stays there")
