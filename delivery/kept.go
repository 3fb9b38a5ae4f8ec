package delivery

import (
	"slices"
	"sync"
	"time"
)

const (
	// keptIdle is how long a connection waits for another message. The accounts of one pass come within it,
	// and servers wait for minutes.
	keptIdle = 5 * time.Second
	// keptMost is how many connections to one destination wait.
	keptMost = 4
	// quitTimeout bounds the farewell: nothing depends on it.
	quitTimeout = 2 * time.Second
)

// keepable is a connection to a server that may wait for another message.
type keepable interface {
	comparable
	// hasNews tells whether the server has left, or says something, which would be that it will.
	hasNews() bool
	close()
	quit() // ends it politely
}

// keptConnections wait for another message. It is safe for concurrent use.
type keptConnections[S keepable] struct {
	mu     sync.Mutex // guards what follows
	kept   []keptConnection[S]
	closed bool
}

type keptConnection[S keepable] struct {
	session S
	timer   *time.Timer
}

// take gives a connection that waited and is still good; the zero S = there is none.
func (k *keptConnections[S]) take() S {
	for {
		k.mu.Lock()
		if len(k.kept) == 0 {
			k.mu.Unlock()
			return *new(S)
		}
		// The newest: it is the likeliest to be still open.
		c := k.kept[len(k.kept)-1]
		k.kept = k.kept[:len(k.kept)-1]
		k.mu.Unlock()

		c.timer.Stop()
		// A server that has something to say unasked is closing the connection, and the message would get the
		// blame.
		if !c.session.hasNews() {
			return c.session
		}
		c.session.close()
	}
}

// keep lets a connection wait for the next message.
func (k *keptConnections[S]) keep(s S) {
	k.mu.Lock()
	full := k.closed || len(k.kept) >= keptMost
	if !full {
		k.kept = append(k.kept, keptConnection[S]{s, time.AfterFunc(keptIdle, func() { k.expire(s) })})
	}
	k.mu.Unlock()
	if full {
		s.quit()
	}
}

// expire ends a connection that has waited for nothing.
func (k *keptConnections[S]) expire(s S) {
	k.mu.Lock()
	// The timer may have fired in the moment in which the connection was taken.
	i := slices.IndexFunc(k.kept, func(c keptConnection[S]) bool { return c.session == s })
	if i >= 0 {
		k.kept = slices.Delete(k.kept, i, i+1)
	}
	k.mu.Unlock()
	if i >= 0 {
		s.quit()
	}
}

// close ends all that wait. From now on none is kept.
func (k *keptConnections[S]) close() {
	k.mu.Lock()
	kept := k.kept
	k.kept, k.closed = nil, true
	k.mu.Unlock()
	for _, c := range kept {
		c.timer.Stop()
		c.session.quit()
	}
}
