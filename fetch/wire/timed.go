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
	timeout time.Duration
	rate    int64

	mu     sync.Mutex
	err    error
	failed chan struct{} // closed with the first error; made when somebody waits

	asked  time.Time     // when we last sent something, or changed the time-out
	waited time.Duration // for the peer since then
	came   int64         // bytes that arrived in this time

	text       bool          // the read under way is for responses and not for a message; the reading goroutine's
	textWaited time.Duration // for responses since the last answer
	textCame   int64
	kept       time.Duration // of waited, forgiven to a server that kept the connection alive

	owed  time.Duration // by the rate limit: how long the bytes read so far should still take
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

// setTimeout also counts for the read under way.
func (t *timedConn) setTimeout(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.timeout = d
	t.begin()
	if t.err == nil {
		_ = t.Conn.SetReadDeadline(time.Now().Add(d))
	}
}

// begin makes the time that is added up start anew; t.mu is held.
func (t *timedConn) begin() {
	t.asked, t.waited, t.came = time.Now(), 0, 0
	t.textWaited, t.textCame, t.kept = 0, 0, 0
}

// answered makes the time for responses start anew.
func (t *timedConn) answered() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.textWaited, t.textCame = 0, 0
}

// keptAlive makes all other time start anew, as long as that has not summed up to textTimeouts since our last command.
func (t *timedConn) keptAlive() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kept+t.waited <= textTimeouts*t.timeout {
		t.kept += t.waited
		t.waited, t.came = 0, 0
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

// A peer that sends a byte now and then never runs into a deadline. So the time that was spent waiting since our last
// command is added up, and once it passes some time-outs the peer must have sent at least minRate bytes a second. What
// is no message must come at minTextRate: it is small, and who drips it keeps us for days within the bounds of its
// size. A server at work on something long, which says so now and then, has textTimeouts for it.
const (
	progressTimeouts = 3
	minRate          = 64
	textTimeouts     = 10
	minTextRate      = 1 << 10
)

func (t *timedConn) progress(began time.Time, n int) error {
	t.mu.Lock()
	if began.Before(t.asked) { // the read was under way already, on a quiet connection
		began = t.asked
	}
	took := time.Since(began)
	t.waited += took
	t.came += int64(n)
	slow := t.waited > progressTimeouts*t.timeout && slower(t.came, t.waited, minRate)
	if t.text {
		t.textWaited += took
		t.textCame += int64(n)
	}
	most := textTimeouts * t.timeout
	slowText := t.textWaited > most && slower(t.textCame, t.textWaited, minTextRate)
	t.mu.Unlock()
	switch {
	case slow:
		return t.fail(t.timeoutError("answer at a reasonable speed"))
	case slowText:
		return t.fail(fmt.Errorf("the answer came at less than %d bytes a second for %s; hint: the server may be overloaded; if it always is, raise \"timeout\"", minTextRate, most))
	}
	return nil
}

func slower(n int64, d time.Duration, rate float64) bool { return float64(n) < rate*d.Seconds() }

func (t *timedConn) Write(p []byte) (int, error) {
	t.mu.Lock()
	t.begin()
	t.mu.Unlock()
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
