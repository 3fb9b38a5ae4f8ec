package fetch

import (
	"context"
	"sync"
	"time"

	"fetchd/delivery"
)

// Bounds of a Queue. A server that is asked for more than we can take at once stalls in its own write and
// hangs up after some minutes (Dovecot: 5); so a request waits until the backlog is low, and what was
// requested is always read, into memory first and beyond queueMemory into temporary files.
const (
	queueMemory   = 8 << 20 // bytes of messages held in memory
	queueLow      = 2       // a new request waits until the backlog is below so many windows …
	queueLowCount = 512     // … and this
	groupLinger   = 10 * time.Millisecond
	queueHigh     = 64 << 20 // beyond this even what was requested has to wait
)

// How much is asked for at a time: enough for a server to have always something to send, but on a long way as
// much as fills it. With 512 KB 5,000 messages of 4 KB take 1 MB more and at most a few percent less time,
// with 256 they take a tenth longer.
const (
	nearWindow = 384 << 10
	farWindow  = 2 << 20
	farLatency = 10 * time.Millisecond
)

// Window is how many bytes to ask for at a time of a server that answers after latency.
func Window(latency time.Duration) int64 {
	if latency > farLatency {
		return farWindow
	}
	return nearWindow
}

// Queue holds messages between the connection that retrieves them and the delivery that takes them.
type Queue struct {
	// Changed only before the queue is used.
	spool  delivery.SpoolOptions
	turns  Turns
	linger time.Duration // how long the first item of a group waits for others

	ready chan struct{} // capacity 1: something was put, or the queue was closed
	low   chan struct{} // capacity 1: the backlog shrank

	mu     sync.Mutex // guards what follows
	items  []*Item
	window int64 // a group of so many bytes is enough: more has room to come meanwhile
	count  int   // put and not yet done, including those taken
	bytes  int64 // of these
	closed bool
}

// NewQueue returns an empty queue whose spools follow o.
func NewQueue(o delivery.SpoolOptions) *Queue {
	o.Blocks = new(delivery.Blocks)
	return &Queue{spool: o, turns: always{}, linger: groupLinger, window: nearWindow,
		ready: make(chan struct{}, 1), low: make(chan struct{}, 1)}
}

// SetWindow fits the queue to a session that asks for so many bytes at a time.
func (q *Queue) SetWindow(bytes int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.window = bytes
}

// NewSpool returns a spool for the next message: in memory while the backlog is small.
func (q *Queue) NewSpool() *delivery.Spool {
	q.mu.Lock()
	full := q.bytes > queueMemory
	q.mu.Unlock()

	o := q.spool
	if full { // the message has to be read all the same: it was asked for
		o.Memory = -1
	}
	return delivery.NewSpool(o)
}

// Put adds an item; it never blocks. The queue owns the item's body from now on.
func (q *Queue) Put(it *Item) {
	q.mu.Lock()
	q.items = append(q.items, it)
	q.count++
	q.bytes += it.bodySize()
	q.mu.Unlock()

	notify(q.ready)
}

// Wait blocks until the backlog is low enough for another request, or ctx ends. Other retrievals that wait
// for their turn get it first.
func (q *Queue) Wait(ctx context.Context) error {
	if q.turns.Wanted() {
		// The turn ends when nothing is held in memory any more.
		if err := q.until(ctx, func() bool { return q.count == 0 }); err != nil {
			return err
		}
		// Ended and begun again, not kept: those that wait come first, in the order in which they asked.
		q.turns.End()
		if err := q.turns.Begin(ctx); err != nil {
			return err
		}
	}

	return q.until(ctx, q.isLow)
}

// isLow tells whether the backlog is low; the lock is held.
func (q *Queue) isLow() bool { return q.bytes < queueLow*q.window && q.count < queueLowCount }

// until blocks until ok, which is called with the lock held, or ctx ends.
func (q *Queue) until(ctx context.Context, ok func() bool) error {
	for {
		q.mu.Lock()
		yes := ok()
		q.mu.Unlock()
		if yes {
			return ctx.Err()
		}

		// A signal that came between ok and here is still in the channel.
		select {
		case <-q.low:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Low tells whether another request may be made at once. None may while others want the turn, so that Wait is
// called as soon as what was requested has come.
func (q *Queue) Low() bool {
	if q.turns.Wanted() {
		return false
	}

	q.mu.Lock()
	defer q.mu.Unlock()
	return q.isLow()
}

// Throttle blocks while the backlog is so large that not even what was requested should be read.
func (q *Queue) Throttle(ctx context.Context) error {
	return q.until(ctx, func() bool { return q.bytes < queueHigh })
}

// close says that nothing more will be put.
func (q *Queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	notify(q.ready)
}

// take returns the next items, at least one and at most count or until their sizes pass bytes; nil when the
// queue is closed and empty. A taker of more than one lingers for a full group: what a group shares is
// expensive.
func (q *Queue) take(count int, bytes int64) []*Item {
	var linger <-chan time.Time
	for {
		q.mu.Lock()
		n, sum := 0, int64(0)
		// One item always goes, however large: nothing else would ever take it.
		for n < len(q.items) && n < count && (n == 0 || sum+q.items[n].bodySize() <= bytes) {
			sum += q.items[n].bodySize()
			n++
		}

		// A group is also full if the next item no longer fits, and at the end, when nothing more will come.
		full := n == count || n < len(q.items) || sum >= q.window || q.closed || n > 0 && q.linger == 0
		if n > 0 && !full && linger == nil {
			timer := time.NewTimer(q.linger)
			defer timer.Stop()
			// One timer for the whole group: otherwise a server that sends slowly could hold up the first
			// message forever.
			linger = timer.C
		}
		if full {
			out := q.removeFirst(n)
			q.mu.Unlock()
			return out
		}

		q.mu.Unlock()

		select {
		case <-q.ready:
		case <-linger:
			q.mu.Lock()
			out := q.removeFirst(min(count, len(q.items)))
			q.mu.Unlock()
			return out
		}
	}
}

// removeFirst removes the first n items and returns them; the lock is held.
func (q *Queue) removeFirst(n int) []*Item {
	// A notification wakes one taker only, so it is passed on as long as there is work, or the end, for
	// others.
	if len(q.items) > n || q.closed {
		notify(q.ready)
	}
	if n == 0 {
		return nil
	}
	// The capacity is cut too, so that an append by the taker can't write into the queue.
	out := q.items[:n:n]
	q.items = q.items[n:]
	return out
}

// done says that items have left: their bodies are released.
func (q *Queue) done(items []*Item) {
	var bytes int64
	for _, it := range items {
		bytes += it.bodySize()
		if it.Body != nil {
			it.Body.Release()
		}
	}

	// Only now is there room for more: a released body holds neither memory nor disk.
	q.mu.Lock()
	q.count -= len(items)
	q.bytes -= bytes
	q.mu.Unlock()

	notify(q.low)
}

func (it *Item) bodySize() int64 {
	if it.Body == nil {
		return 0
	}
	return it.Body.Size()
}

func notify(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
