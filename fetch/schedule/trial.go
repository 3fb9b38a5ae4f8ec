package schedule

import (
	"context"
	"errors"
	"sync"
	"time"

	"fetchd/fetch"
)

// trial stands before a login. While nobody knows whether the server accepts that, one connection at a time
// tries it, and what becomes of it is the answer for all that wait: servers lock an account, or an address,
// after a few refusals. All are let in as soon as one is.
type trial struct {
	mu      sync.Mutex    // guards what follows
	passed  bool          // it was accepted, and not refused since
	stamp   string        // of what was accepted
	now     *answer       // of the login under way; nil = none is
	refused *answer       // the last refusal; nil = there is none to heed
	number  int           // of refusals so far
	up      chan struct{} // closed when it is accepted; nil = it was not refused since
}

// answer is what becomes of a login.
type answer struct {
	stamp string        // of what is tried: another password may be accepted
	known chan struct{} // closed when the following is set
	err   error         // of the connection; nil = each has to try for itself

	// Only of a refusal.
	number int           // of the trial's
	count  int           // of those in a row
	until  time.Time     // when it is too old for those that have not heard of it
	up     chan struct{} // closed when the login is accepted
}

// begin waits until p may log in. It returns the answer that p has to give by end, nil if nobody waits for
// that. The error is that of another connection, or why ctx ended.
func (t *trial) begin(ctx context.Context, p *seat) (*answer, error) {
	for {
		a, ours := t.ask(p)
		if a == nil || ours {
			return a, nil
		}

		select {
		case <-a.known:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if a.err != nil && a.stamp == p.stamp {
			p.hear(a)
			p.shared = true
			return nil, a.err
		}
	}
}

// ask returns the answer to wait for, or the one that is p's to give; nil = none is needed.
func (t *trial) ask(p *seat) (a *answer, ours bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.refused
	switch {
	case t.passed && t.stamp == p.stamp:
		return nil, false
	// It came while p waited for its time: it counts for p, too.
	case r != nil && r.number > p.heardOf && r.stamp == p.stamp && time.Now().Before(r.until):
		return r, false
	case t.now == nil:
		t.now = &answer{stamp: p.stamp, known: make(chan struct{})}
		return t.now, true
	}
	return t.now, false
}

// end notes what became of p's connection; ours is what begin returned. Without a session or an error nothing
// is known.
func (t *trial) end(ctx context.Context, p *seat, ours *answer, session fetch.Session, err error) {
	refused := isVerdict(err) && p.crowds[0].isEmpty() && ctx.Err() == nil
	t.mu.Lock()
	defer t.mu.Unlock()
	if ours != nil {
		t.now = nil
		defer close(ours.known)
	}

	switch {
	case session != nil:
		t.passed, t.stamp, t.refused = true, p.stamp, nil
		if t.up != nil {
			close(t.up)
			t.up = nil
		}
	case refused:
		p.hear(t.refuse(p, ours, err))
	case ours != nil && ctx.Err() == nil && !errors.Is(err, fetch.ErrSimpler):
		ours.err = err
	}
}

// refuse returns the refusal err of p's connection, or the one that it is part of; t.mu is held.
func (t *trial) refuse(p *seat, ours *answer, err error) *answer {
	count := 1
	if r := t.refused; r != nil && r.stamp == p.stamp {
		if ours == nil { // several had begun when the first was refused
			return r
		}
		count = r.count + 1
	}
	if ours == nil {
		ours = &answer{stamp: p.stamp, known: make(chan struct{})}
		close(ours.known)
	}
	if t.up == nil {
		t.up = make(chan struct{})
	}

	// Those that don't have to wait longer than this one does may take it for theirs.
	wait := max(p.s.interval(p.a), backOff(count, err))
	t.number++
	ours.err, ours.number, ours.count, ours.up = err, t.number, count, t.up
	ours.until = time.Now().Add(wait - time.Duration(jitter*float64(wait)))
	t.passed, t.refused = false, ours
	return ours
}

// forget makes the next refusal the first one; whether the login was accepted is still known.
func (t *trial) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refused = nil
}

// lastNumber is that of the last refusal.
func (t *trial) lastNumber() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.number
}

// isVerdict tells whether a server may count err against the login.
func isVerdict(err error) bool {
	return err != nil && (fetch.KindOf(err).IsLogin() || errors.Is(err, fetch.ErrNoVerdict))
}
