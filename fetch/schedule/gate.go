package schedule

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"time"

	"fetchd/fetch"
)

// gateGap is the time between two connections to a server that refuses them, however many accounts it has.
const gateGap = 50 * time.Millisecond

// gate stands before a server. While that refuses or ends all connections, accounts try it one after the
// other, and all are let in as soon as one is.
type gate struct {
	trying chan struct{} // capacity 1: the account whose turn it is

	mu   sync.Mutex    // guards what follows
	up   chan struct{} // closed when a connection is made; nil = none was refused since the last one
	next time.Time     // when the next account may try
}

func newGate() *gate { return &gate{trying: make(chan struct{}, 1)} }

// pass waits for the account's turn if the server refuses connections.
func (g *gate) pass(ctx context.Context) {
	g.mu.Lock()
	up := g.up
	g.mu.Unlock()
	if up == nil {
		return
	}

	select {
	case g.trying <- struct{}{}:
	case <-up:
		return
	case <-ctx.Done():
		return
	}
	defer func() { <-g.trying }()

	g.mu.Lock()
	// Reserved before the wait: whoever comes next waits for a time after ours.
	wait := max(0, time.Until(g.next))
	g.next = time.Now().Add(wait + gateGap)
	g.mu.Unlock()
	timer := time.NewTimer(wait)
	defer timer.Stop()

	select {
	case <-timer.C:
	case <-up:
	case <-ctx.Done():
	}
}

// note takes notice of how a retrieval ended. For one that was refused, as all are, it returns what is closed
// when another is not.
func (g *gate) note(err error, refused bool) <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case refused:
		if g.up == nil {
			g.up = make(chan struct{})
		}
		return g.up
	// Any answer will do: a server that refuses a login is there.
	case g.up != nil && (err == nil || fetch.KindOf(err) != fetch.KindNetwork):
		close(g.up)
		g.up = nil
	}
	return nil
}

// isRefused tells whether nobody listens at the server, as while it is started again.
func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
