package logging

import (
	"io"
	"sync"
	"time"
)

// What is said is written by a goroutine of its own, so that a reader that hangs stops nobody. Up to
// maxBacklog bytes wait for it; beyond that, lines are dropped and counted. A reader that is only slow is
// given roomWait for each line, for as long as it has taken one within movingTime. Lines that can't be
// written, as on a full disk, are counted too.
const (
	maxBacklog = 1 << 20
	roomWait   = 100 * time.Millisecond
	movingTime = time.Second
)

// entry is something to be written, and its length.
type entry struct {
	size  int
	write func() error
}

// backlog is what was said and is not written yet.
type backlog struct {
	// writes that n lines are missing here: why is what kept them from being written, nil = they were dropped
	note  func(n int64, why error) error
	ready chan struct{} // capacity 1: there is something to do
	room  chan struct{} // capacity 1: something was written
	ended chan struct{} // closed at the end of run

	// Owned by run.
	failed int64 // lines that could not be written since the last that was
	why    error // the last of them

	// Guarded by mu.
	mu      sync.Mutex
	waiting []entry
	size    int   // of these, and of what is being written
	missing int64 // lines that were dropped since the last that was not
	moved   time.Time
	closed  bool
}

// newBacklog starts the goroutine that close ends.
func newBacklog(note func(n int64, why error) error) *backlog {
	b := &backlog{note: note, ready: make(chan struct{}, 1), room: make(chan struct{}, 1),
		ended: make(chan struct{}),
		moved: time.Now()}
	go b.run()
	return b
}

// add has e written, or drops it.
func (b *backlog) add(e entry) {
	if b.offer(e, false) {
		return
	}
	// The caller waits outside of the lock, so that run can make room meanwhile.
	timer := time.NewTimer(roomWait)
	defer timer.Stop()
	select {
	case <-b.room:
	case <-timer.C:
	}
	// Whether there is room now or not: nobody waits twice for one line.
	b.offer(e, true)
}

// offer takes e, or the last time drops it. False means that it's worth to wait and offer it again.
func (b *backlog) offer(e entry, last bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	full := b.size+e.size > maxBacklog
	switch {
	// True, though nothing was taken: there is nothing to wait for.
	case b.closed:
		return true
	// A reader that took something a moment ago is only slow; one that hangs must not cost roomWait for every
	// line.
	case full && !last && time.Since(b.moved) < movingTime:
		return false
	case full:
		b.missing++
		return true
	}

	b.noteMissing()
	b.push(e)
	return true
}

// noteMissing says how many lines are missing before what is pushed next; b.mu is held, as for push.
func (b *backlog) noteMissing() {
	if n := b.missing; n > 0 {
		b.missing = 0
		// With size 0: the note must find room even in a full backlog.
		b.push(entry{0, func() error { return b.note(n, nil) }})
	}
}

func (b *backlog) push(e entry) {
	b.waiting = append(b.waiting, e)
	b.size += e.size
	signal(b.ready)
}

// run writes until the backlog is closed and empty.
func (b *backlog) run() {
	defer close(b.ended)
	for {
		e, ok := b.next()
		if !ok {
			return
		}
		b.write(e)
		b.written(e)
	}
}

// write writes e, after a note about lines before it that could not be written.
func (b *backlog) write(e entry) {
	if b.failed > 0 && b.note(b.failed, b.why) == nil {
		b.failed = 0
	}
	if err := e.write(); err != nil {
		b.failed, b.why = b.failed+1, err
	}
}

// next waits for something to write; false = there will be nothing more.
func (b *backlog) next() (entry, bool) {
	for {
		b.mu.Lock()
		// The last lines may be among the missing: nothing comes behind them that would bring the note.
		if len(b.waiting) == 0 {
			b.noteMissing()
		}
		if len(b.waiting) > 0 {
			e := b.waiting[0]
			b.waiting[0] = entry{} // not kept in memory
			b.waiting = b.waiting[1:]
			b.mu.Unlock()
			return e, true
		}

		closed := b.closed
		b.mu.Unlock()
		if closed {
			return entry{}, false
		}

		<-b.ready
	}
}

func (b *backlog) written(e entry) {
	b.mu.Lock()
	// Only now: what is being written still occupies memory, and a hanging reader holds it.
	b.size -= e.size
	b.moved = time.Now()
	b.mu.Unlock()
	signal(b.room)
}

// close takes no more, and waits until all is written, but not for a reader that takes nothing for patience.
// False means that something is still being written.
func (b *backlog) close(patience time.Duration) bool {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	signal(b.ready)

	timer := time.NewTimer(patience)
	defer timer.Stop()

	for {
		select {
		case <-b.ended:
			return true
		// Something was written, so the reader still lives, and gets the whole time again.
		case <-b.room:
			timer.Reset(patience)
		case <-timer.C:
			return false
		}
	}
}

// signal puts a token into c, where one is as good as many.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// backlogSink is a lineSink behind a backlog.
type backlogSink struct {
	*backlog
	sink lineSink
}

func (s backlogSink) writeLine(l line) error {
	s.add(entry{len(l.text) + len(l.hint) + 1, func() error { return s.sink.writeLine(l) }})
	return nil
}

// backlogWriter is a Writer behind a backlog.
type backlogWriter struct {
	*backlog
	w io.Writer
}

func (w backlogWriter) Write(p []byte) (int, error) {
	text := append([]byte(nil), p...) // the caller uses p again
	w.add(entry{len(text), func() error {
		_, err := w.w.Write(text)
		return err
	}})
	return len(p), nil
}
