package fetch

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"fetchd/delivery"
	"fetchd/fetch/fault"
)

// Bounds of one group of messages that share the cost of a sync and of a journal commit.
const (
	groupCount = 256
	groupBytes = 8 << 20
)

// transfer carries the new messages of one mailbox from the connection to their recipients. The connection
// fills a queue; workers take from it. For each message, or group: deliver, record, acknowledge, in this
// order.
type transfer struct {
	// Set before run, and not changed then.
	a         *Account
	to        delivery.Deliverer
	m         Mailbox
	name      string
	peer      string
	shares    *shares
	turns     Turns
	total     int
	waiting   int           // messages that are last in line
	delivered *atomic.Int64 // of all that the Retriever does

	trace traceLine // has its own lock

	mu          sync.Mutex // guards what follows; Record, Acknowledge and Skip of m are called under it
	res         *Result
	failed      []failure
	similar     SimilarFailures
	steps       map[string]bool // next steps that the log has
	met         *obstacles      // of the pass
	err         error           // of the first of these, if possible a temporary one
	errReported bool            // err was shown by an EventFailed
	worked      bool            // something was delivered
	unfit       int             // messages in a row for which there was no room
	skip        []*Item         // could not be had, and are never to be tried again
	looks       []string        // of what was recorded and stays in the mailbox
	stop        error           // why the transfer ended early

	trouble *ServerTrouble // set by run
}

// runInTurn is run in turn with other retrievals. Nothing is held in memory while it waits.
func (t *transfer) runInTurn(ctx context.Context) error {
	if err := t.turns.Begin(ctx); err != nil {
		return Fail(KindNetwork, err)
	}
	defer t.turns.End()
	return t.run(ctx)
}

// run returns when all that was received has been dealt with. A server that gives no more is no error of it,
// but t.trouble. An error means that the connection, the journal or the destination can't go on; a message
// that could not be delivered is counted and does not end the transfer.
func (t *transfer) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	q := NewQueue(t.a.spoolOptions())
	q.turns = t.turns

	// A destination that takes groups is at its best with large ones, which one worker makes. In a series
	// nothing is shared: the first message need not wait, and while it is delivered the next ones gather.
	workers, group := max(1, t.a.Jobs), 1
	switch t.to.(type) {
	case delivery.GroupDeliverer:
		workers, group = 1, groupCount
	case delivery.SeriesDeliverer:
		workers, group, q.linger = 1, groupCount, 0
	}

	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			fault.ReserveStack()
			t.work(ctx, cancel, q, group)
		})
	}

	// The queue is closed after the last message: workers end when they have dealt with that.
	err := t.receive(ctx, q)
	q.close()
	wg.Wait()

	// From here on we are alone. Why a worker stopped is the cause of what the connection then said.
	if t.stop != nil {
		failed := t.failures()
		if failed != nil && errors.Is(t.stop, t.err) { // the destination is unusable: that is said once
			return failed
		}
		return errors.Join(t.stop, failed)
	}
	if errors.As(err, &t.trouble) {
		return nil
	}
	if err != nil {
		return errors.Join(err, t.failures())
	}

	return t.skipAll(ctx)
}

// skipAll has messages that could not be had never tried again. It comes last, when it is known that it is
// not the server that gave none.
func (t *transfer) skipAll(ctx context.Context) error {
	if len(t.skip) == 0 {
		return nil
	}
	if err := t.a.checkLease(); err != nil {
		return err
	}
	return t.m.Skip(ctx, t.skip)
}

// receive fills q. A panic in it must not keep run from closing q, which the workers wait for.
func (t *transfer) receive(ctx context.Context, q *Queue) (err error) {
	defer fault.Recover(&err)
	return t.m.Retrieve(ctx, q)
}

// work takes messages from q until there are no more. Once ctx has ended they are only released.
func (t *transfer) work(ctx context.Context, cancel context.CancelCauseFunc, q *Queue, group int) {
	graceful, end := WithGrace(ctx)
	defer end()

	for {
		items := q.take(group, groupBytes)
		if items == nil {
			return
		}
		if ctx.Err() == nil {
			if err := t.group(ctx, graceful, items); err != nil {
				t.mu.Lock()
				// Noted before the connection is told: what that says of its end is only a consequence.
				t.stop = errors.Join(t.stop, err)
				t.mu.Unlock()
				cancel(err)
			}
		}
		q.done(items)
	}
}

// group delivers items, records those that were delivered, and acknowledges these. The ones in hand when ctx
// ends have until graceful does.
func (t *transfer) group(ctx, graceful context.Context, items []*Item) (err error) {
	defer fault.Recover(&err)
	if err := t.a.checkLease(); err != nil {
		return err
	}
	if d, ok := t.to.(delivery.SeriesDeliverer); ok {
		return t.series(ctx, graceful, d, items)
	}
	return t.settle(graceful, items, t.deliver(graceful, items))
}

// series delivers items one after the other: each is recorded and acknowledged before the next one is
// delivered.
func (t *transfer) series(ctx, graceful context.Context, d delivery.SeriesDeliverer, items []*Item) error {
	b := t.prepare(graceful, items)
	// First those that need no delivery: they must not wait for a destination that may hang.
	for _, i := range b.settled {
		if err := t.settle(graceful, items[i:i+1], b.results[i:i+1]); err != nil {
			return err
		}
	}

	err := d.DeliverSeries(graceful, b.messages, func(k int, err error) error {
		i := b.index[k]
		if err := t.settle(graceful, items[i:i+1], []error{err}); err != nil {
			return err
		}
		if ctx.Err() != nil { // the next one is not in hand yet
			return errEnough
		}
		return nil
	})

	if errors.Is(err, errEnough) {
		return nil
	}

	return err
}

// errEnough ends a series when the retrieval ends.
var errEnough = errors.New("the retrieval ends")

// settle is where the promise is kept that no mail is lost: what was delivered is recorded, and acknowledged
// then, in no other order. An error means that the transfer can't go on.
func (t *transfer) settle(ctx context.Context, items []*Item, results []error) error {
	t.encloseRefused(ctx, items, results)
	delivered, unusable, held := sortResults(items, results)

	// One group at a time: a Mailbox allows only one of Record, Skip and Acknowledge to be under way.
	t.mu.Lock()
	defer t.mu.Unlock()
	refused, err := t.recordAndAcknowledge(ctx, delivered)
	if err != nil {
		return err
	}
	// After the record, which is worth more: without the note some recipients may get a message twice,
	// without the record all of them.
	if err := t.shares.note(ctx, t.name, items, results); err != nil {
		return err
	}
	t.noteDoubts(items, results)

	// Only what is recorded counts as delivered, also where the server refuses the acknowledgement.
	for i, it := range items {
		if !endedByLease(results[i]) { // which is no failure of the message
			t.report(it, results[i])
		}
	}

	if err := cmp.Or(refused, held); err != nil {
		return err
	}
	if err := t.handleUnretrieved(items); err != nil {
		return err
	}

	if unusable == nil {
		unusable = t.outOfRoom(items, results)
	}
	return Fail(KindDelivery, unusable)
}

// sortResults gives the items that were delivered, the error of a destination that can't be used at all, and
// that of a lease which ended before a delivery was final.
func sortResults(items []*Item, results []error) (delivered []*Item, unusable, held error) {
	for i, it := range items {
		switch {
		case results[i] == nil:
			delivered = append(delivered, it)
		case held == nil && endedByLease(results[i]):
			held = results[i]
		case unusable == nil && isUnusable(it, results[i]) && !delivery.OthersWork(results[i]):
			unusable = results[i]
		}
	}
	return delivered, unusable, held
}

// isUnusable tells whether err, of a message that came, is that of the whole destination.
func isUnusable(it *Item, err error) bool {
	return it.Err == nil && delivery.ClassOf(err) == delivery.Unusable
}

func isPartial(err error) bool {
	_, ok := errors.AsType[*delivery.PartialError](err)
	return ok
}

// recordAndAcknowledge returns why the items are not acknowledged, or the error of a record that was not
// made.
func (t *transfer) recordAndAcknowledge(ctx context.Context, delivered []*Item) (refused, err error) {
	if len(delivered) == 0 {
		return nil, nil
	}

	// What was delivered is recorded even if the lease has just ended, so that nobody gets it twice: the
	// journal refuses that once another process has begun. The acknowledgement is up to that process.
	whole, more := t.split(delivered)
	err = errors.Join(t.m.Record(ctx, whole), t.recordOriginals(ctx, more))
	if err != nil {
		return nil, errors.Join(t.a.checkLease(), err)
	}
	t.noteLooks(whole)
	if err := t.a.checkLease(); err != nil {
		return err, nil
	}
	return t.m.Acknowledge(ctx, whole), nil
}

// handleUnretrieved deals with messages that could not be had, as the account says: they are tried again next
// time, or never, or end this retrieval.
func (t *transfer) handleUnretrieved(items []*Item) error {
	var bad []*Item
	for _, it := range items {
		if it.Err != nil {
			bad = append(bad, it)
		}
	}

	switch {
	case len(bad) == 0 || t.a.RetrieveError == Continue:
		return nil
	// Not at once: skipAll decides when it is known that the server gives others.
	case t.a.RetrieveError == MarkSeen:
		t.skip = append(t.skip, bad...)
		return nil
	}

	return Fail(KindServer, bad[0].Err)
}

// batch is a group of items on its way to the destination.
type batch struct {
	results  []error // of all
	settled  []int   // the items that have theirs without a delivery
	messages []*delivery.Message
	index    []int // which items these are
}

// prepare makes messages of the items, but for those that are unfit and those that all recipients have. A
// message that is for nobody has no recipients either: nothing is left to do for it.
func (t *transfer) prepare(ctx context.Context, items []*Item) *batch {
	b := &batch{results: make([]error, len(items)), messages: make([]*delivery.Message, 0, len(items))}
	for i, it := range items {
		if b.results[i] = t.whyNotDeliverable(it); b.results[i] != nil {
			b.settled = append(b.settled, i)
			continue
		}

		to, err := t.addressees(it)
		m := t.message(ctx, it, to)
		if b.results[i] = err; err != nil || len(m.Recipients) == 0 && t.a.hasRecipients() {
			b.settled = append(b.settled, i)
			continue
		}
		b.messages, b.index = append(b.messages, m), append(b.index, i)
	}
	return b
}

// deliver returns one result for each item.
func (t *transfer) deliver(ctx context.Context, items []*Item) []error {
	b := t.prepare(ctx, items)
	if gd, ok := t.to.(delivery.GroupDeliverer); ok {
		for k, err := range gd.DeliverGroup(ctx, b.messages) {
			b.results[b.index[k]] = err
		}
		return b.results
	}
	for k, m := range b.messages {
		b.results[b.index[k]] = t.deliverOne(ctx, m)
	}
	return b.results
}

// deliverOne fails one message alone, whatever happens: those before it are delivered and have to be
// recorded.
func (t *transfer) deliverOne(ctx context.Context, m *delivery.Message) (err error) {
	defer fault.Recover(&err)
	return t.to.Deliver(ctx, m)
}
