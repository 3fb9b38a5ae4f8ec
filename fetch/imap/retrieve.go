package imap

import (
	"context"
	"errors"
	"strconv"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"fetchd/fetch"
	"fetchd/fetch/fault"
	"fetchd/fetch/journal"
)

// Sizes of batches, in messages. The first batch is large enough to fill a long path at once; the following
// ones are sized by the mean size of the messages so far, so that they have the session's window of bytes.
const (
	firstBatch = 256
	maxBatch   = 500
)

// heldBytes is how much of a batch is held back to keep the order of messages.
const heldBytes = 4 << 20

// maxNotSent is how many messages in a row a server may list without sending them before we give up.
const maxNotSent = 100

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

	m.old = m.adopted()

	var under []*batch
	m.unsent = unsent{}
	todo, size := m.todo, uint64(firstBatch)
	var count, bytes uint64

	for len(under) > 0 || !todo.IsEmpty() {
		if !todo.IsEmpty() && m.s.sendsTextFirst() { // all would come twice
			m.unsent.uids.AddSet(todo)
			todo = journal.Set{}
			continue
		}

		var err error
		if under, todo, err = m.fill(ctx, under, todo, size, q); err != nil {
			return err
		}

		b := under[0]
		under = under[1:]
		if err := m.await(ctx, b, q); err != nil {
			m.awaitEnd(under, q)
			return err
		}
		if b.over {
			return m.giveUp(ctx, under, b.no, q)
		}

		left := b.uids.Minus(b.got)
		if b.limited && !b.got.IsEmpty() {
			// The server said how many it processes at once: what is missing was not refused, it was not
			// looked at.
			todo.AddSet(left)
		} else if !left.IsEmpty() {
			m.unsent.uids.AddSet(left)
			m.unsent.no = b.no
		}

		count, bytes = count+b.got.Len(), bytes+uint64(b.bytes)
		if bytes > 0 {
			// So that a batch takes about as long whatever the messages are like: a lost connection costs no
			// more than one.
			size = min(maxBatch, max(1, uint64(m.s.window)*count/bytes))
		}
	}

	return m.askForRest(ctx, q)
}

// fill sends batches of todo, of size messages, until two are under way: the second one only while there is
// room, as what was asked for must be read, or the server hangs up. With none under way there is time to wait
// for room.
func (m *mailbox) fill(ctx context.Context, under []*batch, todo journal.Set, size uint64, q *fetch.Queue) (
	[]*batch, journal.Set, error,
) {
	for len(under) < 2 && !todo.IsEmpty() && (len(under) == 0 || q.Low()) {
		if len(under) == 0 {
			if err := q.Wait(ctx); err != nil {
				return nil, todo, fetch.Fail(fetch.KindNetwork, err)
			}
		}

		var set journal.Set
		set, todo = headText(todo, min(size, uint64(m.s.guard.messageLimit())))
		under = append(under, m.request(ctx, &batch{uids: set}, m.items(false), q))
	}
	return under, todo, nil
}

// await makes b the first batch, waits for its end and judges its messages.
func (m *mailbox) await(ctx context.Context, b *batch, q *fetch.Queue) error {
	// Whatever the end is: a server that leaves behind each message would otherwise never get rid of one.
	defer m.putHeld(b, q)
	m.advance(b, q)
	if err := <-b.done; err != nil {
		return m.at(b, err)
	}
	return m.judge(ctx, b)
}

// awaitEnd waits for the batches that end with a broken connection.
func (m *mailbox) awaitEnd(under []*batch, q *fetch.Queue) {
	for _, b := range under {
		m.advance(b, q)
		<-b.done
		m.putHeld(b, q)
	}
}

// giveUp ends a retrieval from a server that gives out no more for now. It still reads what was asked for.
func (m *mailbox) giveUp(ctx context.Context, under []*batch, why error, q *fetch.Queue) error {
	for _, b := range under {
		if err := m.await(ctx, b, q); err != nil {
			return err
		}
	}
	return &fetch.ServerTrouble{Err: why, Quota: true}
}

// advance makes b the first batch: the messages that were held back go into q, and so do those that follow.
func (m *mailbox) advance(b *batch, q *fetch.Queue) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b.first = true
	m.putFollowed(b, q)
}

// putFollowed puts the messages that were held back into q, but for the last: with that one the server may
// have stopped, and say NO. Before that is known it must not be recorded, as the next process would take it
// for whole and delete it. m.mu is held.
func (m *mailbox) putFollowed(b *batch, q *fetch.Queue) {
	for ; len(b.held) > 1; b.held = b.held[1:] {
		m.put(b.held[0], q)
	}
}

// putWaiting puts what waits for the batch to go on into q, if b is the first one.
func (m *mailbox) putWaiting(b *batch, q *fetch.Queue) {
	m.mu.Lock()
	first := b.first
	m.mu.Unlock()
	if first {
		m.putHeld(b, q)
	}
}

// putHeld puts all that is still held back into q: the batch has ended, or goes on.
func (m *mailbox) putHeld(b *batch, q *fetch.Queue) {
	m.mu.Lock()
	defer m.mu.Unlock()
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

// keepInOrder puts a message into q, or holds it back until the batch before has ended. Messages that are
// never to be delivered end here.
func (m *mailbox) keepInOrder(b *batch, it *fetch.Item, q *fetch.Queue) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.old.Contains(it.Num) && (it.Short || it.IsStandIn()): // it was delivered before
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

// putOrHold holds a message back, and puts those into q that need not wait; m.mu is held.
func (m *mailbox) putOrHold(b *batch, it *fetch.Item, q *fetch.Queue) {
	b.held = append(b.held, it)
	isLarge := b.bytes > heldBytes // order is worth only so much memory
	if b.first || isLarge && !b.alone {
		m.putFollowed(b, q)
	}
}

// release frees the text of a message that is not passed on.
func release(it *fetch.Item) {
	if it.Body != nil {
		it.Body.Release()
	}
}

// unsent is what batches did not bring, as long as it was not asked for again.
type unsent struct {
	uids journal.Set
	no   error // the server's answer to the last of these batches if it was not OK
}

// at adds to err the message at which the session ended: the one that was being received in the oldest batch,
// or the next.
func (m *mailbox) at(b *batch, err error) error {
	if b.began == 0 && b.got.IsEmpty() && !m.unsent.uids.IsEmpty() {
		return m.atUnsent(err)
	}
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

	return m.atUID(uid, err)
}

// atUnsent adds to err, which ended the session before another message came, the first one that a batch did
// not bring: some servers answer a batch at a message, and leave then.
func (m *mailbox) atUnsent(err error) error {
	if m.s.conn.Err() == nil {
		return err
	}
	if m.unsent.no != nil {
		err = thenLeft(m.unsent.no, err)
	}
	return m.atUID(m.unsent.uids.Ranges()[0].First, err)
}

func (m *mailbox) atUID(uid uint32, err error) error {
	return fetch.At(&fetch.Item{UID: strconv.FormatUint(uint64(uid), 10), UIDValidity: m.validity}, err)
}

// put numbers an item and puts it into q; m.mu is held, or nothing else is under way.
func (m *mailbox) put(it *fetch.Item, q *fetch.Queue) {
	it.UID = strconv.FormatUint(uint64(it.Num), 10)
	m.n++
	it.N = m.n
	q.Put(it)
}
