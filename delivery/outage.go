package delivery

import (
	"slices"
	"sync"
)

// outages are the destinations, by number, that can't be used in this retrieval, and why. Each is tried once:
// a server that does not answer would cost its time-out for every message. A nil outages remembers nothing.
type outages struct {
	mu  sync.Mutex // guards what follows
	why []error    // nil = it is not known to be out of use
}

// known is what is known of n destinations.
func (o *outages) known(n int) []error {
	if o == nil {
		return make([]error, n)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return append(slices.Clone(o.why), make([]error, n-len(o.why))...)
}

// note notes why the destination i of n can't be used.
func (o *outages) note(i, n int, why error) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.why == nil {
		o.why = make([]error, n)
	}
	o.why[i] = why
}

// outageError is the error of a message that a destination can't take because it can't be used at all, or has
// no room, while another one works.
type outageError struct{ error }

func (e *outageError) Unwrap() error { return e.error }
