package wire

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"
)

// timedConn arms a deadline before every read and write and keeps the first error for ever.
type timedConn struct {
	net.Conn       // replaced under mu, while nobody reads or writes
	rate     int64 // never changed

	mu      sync.Mutex // guards what follows
	timeout time.Duration
	until   time.Time     // the deadline of reads
	err     error         // the first one
	failed  chan struct{} // closed with the first error; made when somebody waits
	debt    debt          // of the peer
	quiet   bool          // the peer owes us nothing: how long we read is not counted
	asked   time.Time     // when quiet ended
	written time.Time     // the first write since the last read; zero = there was none
	latency time.Duration // the shortest time from such a write to what was read next; 0 = none yet

	// The rate limit, owned by the reading goroutine.
	owed  time.Duration // how long the bytes read so far should still take
	since time.Time     // when owed was reckoned
}

var longAgo = time.Unix(1, 0)

// lateLook is how long a read whose time is over looks for an answer that is there already.
const lateLook = 100 * time.Millisecond

// fail makes err the connection's error unless it has one, wakes all readers and writers, and returns the
// connection's error.
func (t *timedConn) fail(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = err
		if t.failed != nil {
			close(t.failed)
		}
		// The only way to wake a read or write that is under way in another goroutine.
		_ = t.Conn.SetDeadline(longAgo)
	}
	return t.err
}

func (t *timedConn) firstError() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// setTimeout also applies to the read under way. quiet is as for Conn.Quiet.
func (t *timedConn) setTimeout(d time.Duration, quiet bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.timeout = d
	if t.quiet && !quiet {
		t.asked = time.Now()
	}
	t.quiet = quiet
	if t.err == nil {
		_ = t.readUntil(time.Now().Add(d))
	}
}

// readUntil sets the deadline of reads; the lock is held.
func (t *timedConn) readUntil(end time.Time) error {
	t.until = end
	return t.Conn.SetReadDeadline(end)
}

// replace puts conn in the old one's place.
func (t *timedConn) replace(conn net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Conn = conn
	if t.err != nil {
		_ = conn.SetDeadline(longAgo)
	}
}

// arm sets the next deadline, under the lock so that it can't undo the one that fail set.
func (t *timedConn) arm(set func(time.Time) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return t.err
	}
	return set(time.Now().Add(t.timeout))
}

func (t *timedConn) Read(p []byte) (int, error) {
	if t.rate > 0 {
		if err := t.pace(); err != nil {
			return 0, err
		}
		// In quarters of a second, so that the line is used evenly and not in bursts.
		p = p[:min(int64(len(p)), max(t.rate/4, 1))]
	}

	if err := t.arm(t.readUntil); err != nil {
		return 0, t.fail(err)
	}

	// The wait for the rate limit is over: it must not count as the peer's.
	began := time.Now()
	n, err := t.Conn.Read(p)
	if n == 0 && isNetTimeout(err) {
		n, err = t.readLate(p, err)
	}

	if n > 0 { // an error that came with bytes comes again: crypto/tls returns the last ones with io.EOF
		err = t.progress(began, n)
	}

	if t.rate > 0 {
		t.owed += time.Duration(float64(n) / float64(t.rate) * float64(time.Second))
	}
	if err != nil {
		err = t.ended(err)
	}

	return n, err
}

// readLate is a read behind one that ended with late. The program may have been stopped, as by Ctrl-Z, while
// the peer answered in time: to drop that answer would, for one, deliver a message twice.
func (t *timedConn) readLate(p []byte, late error) (int, error) {
	now := time.Now()
	t.mu.Lock()
	looks := t.err == nil && now.After(t.until) && t.readUntil(now.Add(lateLook)) == nil
	t.mu.Unlock()

	if !looks {
		return 0, late
	}
	return t.Conn.Read(p)
}

// progress counts n bytes that were read since began.
func (t *timedConn) progress(began time.Time, n int) error {
	now := time.Now()
	t.mu.Lock()
	if wait := now.Sub(t.written); !t.written.IsZero() && (t.latency == 0 || wait < t.latency) {
		t.latency = wait
	}
	t.written = time.Time{}

	if began.Before(t.asked) { // the read was under way already, on a quiet connection
		began = t.asked
	}

	var err error
	if !t.quiet {
		// A read that took longer was none that waited: we were stopped meanwhile.
		err = t.debt.add(min(now.Sub(began), t.timeout), n)
	}

	t.mu.Unlock()

	if err != nil {
		return t.fail(err)
	}

	return nil
}

func (t *timedConn) Write(p []byte) (int, error) {
	if err := t.arm(t.Conn.SetWriteDeadline); err != nil {
		return 0, t.fail(err)
	}
	t.noteWrite()
	n, err := t.Conn.Write(p)
	if err != nil {
		err = t.ended(err)
	}
	return n, err
}

// noteWrite begins to measure how long the peer takes to answer.
func (t *timedConn) noteWrite() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.written.IsZero() {
		t.written = time.Now()
	}
}

// ended keeps err as the connection's error, with time-outs in plain words. A server may never end a
// connection while we read.
func (t *timedConn) ended(err error) error {
	// The deadline may be ours or that of fail: whichever was first is the connection's error.
	if isNetTimeout(err) {
		return t.fail(t.timeoutError("answer"))
	}
	return t.fail(lost(err))
}

// isNetTimeout tells whether err is that of a deadline of ours; net says the same of a dead connection.
func isNetTimeout(err error) bool {
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout() && !errors.Is(err, syscall.ETIMEDOUT)
}

func (t *timedConn) timeoutError(what string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Late(fmt.Sprintf("no %s within %s", what, t.timeout))
}

// pace waits until the rate limit allows another read.
func (t *timedConn) pace() error {
	now := time.Now()
	if !t.since.IsZero() {
		t.owed = max(0, t.owed-now.Sub(t.since))
	}

	t.since = now
	if t.owed <= 0 {
		return nil
	}

	t.mu.Lock()
	if t.err != nil {
		t.mu.Unlock()
		return t.err
	}
	if t.failed == nil {
		t.failed = make(chan struct{})
	}

	failed := t.failed
	t.mu.Unlock()

	// The lock is not held while waiting: fail needs it to wake us.
	timer := time.NewTimer(t.owed)
	defer timer.Stop()

	select {
	case <-timer.C:
		return nil
	case <-failed:
		return t.firstError()
	}
}
