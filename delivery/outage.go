package delivery

import (
	"errors"
	"sync"
	"time"

	"fetchd/fetch/login"
)

// Delays before a destination that can't be used is tried again: the first one, doubled with each further
// failure up to the cap.
const (
	outageDelay    = 30 * time.Second
	outageDelayCap = 30 * time.Minute
	// A refused login waits longer at first: servers lock accounts after repeated failures.
	outageRefused = 5 * time.Minute
)

// Outages remembers from one retrieval to the next which of several destinations can't be used, and when each
// is tried again. Within a retrieval one is tried once: a server that does not answer would cost its time-out
// for every message. The zero value knows of none, and nil remembers nothing. It is safe for concurrent use.
type Outages struct {
	mu    sync.Mutex         // guards what follows
	of    map[string]*outage // by Destination.Key
	began time.Time          // the retrieval
}

// outage is a destination that can't be used, or has no room.
type outage struct {
	why   error // nil = it has worked in this retrieval, and nothing was wrong before
	shut  bool  // it takes nothing at all, rather than only what it has room for
	tries int   // retrievals in a row that failed there
	next  time.Time

	failed, worked bool // in this retrieval
}

// Begin is called when a retrieval begins.
func (o *Outages) Begin(now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.began = now
}

// End is called when a retrieval has ended: what failed in it waits longer, what worked is no outage any
// more.
func (o *Outages) End(now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for key, x := range o.of {
		switch {
		case x.failed:
			x.tries++
			x.next = now.Add(outageWait(x.tries, x.why))
		case x.worked:
			delete(o.of, key)
		}
		x.failed, x.worked = false, false
	}
}

// outageWait is the delay after so many failures, the last of them why. It grows step by step: a shift by a
// large n would overflow.
func outageWait(n int, why error) time.Duration {
	d := outageDelay
	switch {
	case errors.Is(why, login.ErrRefused):
		d = outageRefused
	case errors.Is(why, login.ErrNoVerdict) && n > 1: // the password may be wrong
		d, n = outageRefused, n-1
	}

	for i := 1; i < n && d < outageDelayCap; i++ {
		d *= 2
	}
	return min(d, outageDelayCap)
}

// Retry has all destinations tried by the next retrieval, whatever the present one has met.
func (o *Outages) Retry() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, x := range o.of {
		x.next, x.failed, x.worked = time.Time{}, false, false
	}
}

// Next is when the first of the destinations is tried again; zero = nothing is known to be out of use.
func (o *Outages) Next() (next time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, x := range o.of {
		if next.IsZero() || x.next.Before(next) {
			next = x.next
		}
	}
	return next
}

// Why is the error of the destination with this key; nil = it is not known to be out of use.
func (o *Outages) Why(key string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if x := o.of[key]; x != nil && x.isDown() {
		return x.why
	}
	return nil
}

// IsDue tells whether a destination that is out of use may be tried in this retrieval.
func (o *Outages) IsDue(key string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	x := o.of[key]
	return x == nil || !x.waits(o.began)
}

// isDown tells whether nothing has worked since the last failure.
func (x *outage) isDown() bool { return x.failed || !x.worked }

// waits tells whether the destination is not to be tried in the retrieval that began then.
func (x *outage) waits(began time.Time) bool { return x.failed || began.Before(x.next) }

// known are the errors of the destinations that are not to be tried now, nil for each other one.
func (o *Outages) known(all []Destination) []error {
	errs := make([]error, len(all))
	if o == nil {
		return errs
	}

	o.mu.Lock()
	defer o.mu.Unlock()
	for i, to := range all {
		if x := o.of[to.Key]; x != nil && x.shut && x.waits(o.began) {
			errs[i] = x.why
		}
	}
	return errs
}

// note notes the errors of a destination that was given messages.
func (o *Outages) note(key string, errs []error) {
	if o == nil || len(errs) == 0 {
		return
	}

	o.mu.Lock()
	defer o.mu.Unlock()
	for _, err := range errs {
		x := o.of[key]
		switch {
		case isOutage(err):
			if x == nil {
				x = new(outage)
			}
			x.why, x.failed, x.shut = err, true, EndsRetrieval(err)
			if o.of == nil {
				o.of = map[string]*outage{}
			}
			o.of[key] = x
		// What has room for small messages while a large one waits is tried with that one when it is due.
		case x != nil && err == nil && !x.waits(o.began):
			x.worked = true
		}
	}
}

// isOutage tells whether err, of one of several destinations, says more of the destination than of the
// message.
func isOutage(err error) bool { return err != nil && (EndsRetrieval(err) || LacksRoom(err)) }

// outageError is the error of a message that a destination can't take because it can't be used at all, or has
// no room, while another one works.
type outageError struct {
	error
	keys []string // of the destinations, if nothing else keeps the message from being delivered
}

func (e *outageError) Unwrap() error { return e.error }

// Awaits are the keys of the destinations for which a message with that result waits, of several that have
// it otherwise; none = it failed in another way too.
func Awaits(err error) []string {
	if e, ok := errors.AsType[*outageError](err); ok {
		return e.keys
	}
	return nil
}
