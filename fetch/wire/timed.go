package wire

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// timedConn arms a deadline before every read and write and keeps the first error for ever.
type timedConn struct {
	net.Conn
	rate int64

	mu      sync.Mutex
	timeout time.Duration
	err     error
	failed  chan struct{} // closed with the first error; made when somebody waits
	debt    debt          // of the peer
	quiet   bool          // the peer owes us nothing: how long we read is not counted
	asked   time.Time     // when that ended

	owed  time.Duration // by the rate limit: how long the bytes read so far should still take; the reading goroutine's
	since time.Time
}

var longAgo = time.Unix(1, 0)

// fail makes err the connection's error unless there is one, wakes whoever reads or writes, and returns the error.
func (t *timedConn) fail(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = err
		if t.failed != nil {
			close(t.failed)
		}
		_ = t.Conn.SetDeadline(longAgo)
	}
	return t.err
}

func (t *timedConn) firstError() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// setTimeout also counts for the read under way. quiet is as for Conn.Quiet.
func (t *timedConn) setTimeout(d time.Duration, quiet bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.timeout = d
	if t.quiet && !quiet {
		t.asked = time.Now()
	}
	t.quiet = quiet
	if t.err == nil {
		_ = t.Conn.SetReadDeadline(time.Now().Add(d))
	}
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
		p = p[:min(int64(len(p)), max(t.rate/4, 1))]
	}
	if err := t.arm(t.Conn.SetReadDeadline); err != nil {
		return 0, t.fail(err)
	}
	began := time.Now()
	n, err := t.Conn.Read(p)
	if n > 0 { // an error that came with it comes again: crypto/tls gives the last bytes and io.EOF in one
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

// progress counts n bytes that came of a read since began.
func (t *timedConn) progress(began time.Time, n int) error {
	t.mu.Lock()
	if began.Before(t.asked) { // the read was under way already, on a quiet connection
		began = t.asked
	}
	var err error
	if !t.quiet {
		err = t.debt.add(time.Since(began), n)
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
	n, err := t.Conn.Write(p)
	if err != nil {
		err = t.ended(err)
	}
	return n, err
}

// ended keeps err, naming a time-out as what it is. No server may end a connection while we read.
func (t *timedConn) ended(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
		err = t.timeoutError("answer")
	}
	return t.fail(err)
}

func (t *timedConn) timeoutError(what string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return fmt.Errorf("no %s within %s: %w", what, t.timeout, os.ErrDeadlineExceeded)
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
	timer := time.NewTimer(t.owed)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-failed:
		return t.firstError()
	}
}
