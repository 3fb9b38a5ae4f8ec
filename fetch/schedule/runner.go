package schedule

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/fault"
)

// Back-off after failures: the first delay, doubled with each further failure up to the cap. A refused login waits
// longer: a server locks the account of who insists.
const (
	networkDelay    = 30 * time.Second
	networkDelayCap = 30 * time.Minute
	authDelay       = 5 * time.Minute
	authDelayCap    = 4 * time.Hour
	jitter          = 0.1 // of every delay, either way
)

// reconnectDelay comes before a new connection after one that was watched for longer than networkDelay.
const reconnectDelay = time.Second

// startSpread is within what time the first retrievals of many accounts begin: half of them at once.
const startSpread = 2 * time.Second

// defaultIdleTimeout re-issues IDLE before servers give up at 30 minutes (RFC 2177).
const defaultIdleTimeout = 28 * time.Minute

// A server that tells of changes all the time is looked at once in a while: after vainMost looks in a row that found
// nothing, each within vainTime of the one before, a pause comes that grows by a second up to vainTime.
const (
	vainMost = 10
	vainTime = 10 * time.Second
)

// runner retrieves from one account until its context ends.
type runner struct {
	s      *Scheduler
	a      *fetch.Account
	cancel context.CancelFunc
	wake   chan struct{}
	after  []*runner     // those of the same account that are to end before
	start  time.Duration // how long to wait then
	ended  chan struct{} // closed at the end of run

	watches atomic.Bool // waits for the server to tell of new mail
	polls   atomic.Bool // does not, although the account says so; see crowded

	mu       sync.Mutex
	failures int
	last     time.Time
	next     time.Time
}

func (r *runner) hasEnded() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

func (r *runner) run(ctx context.Context) {
	defer close(r.ended)
	for _, before := range r.after {
		<-before.ended
	}
	r.after = nil
	if r.start > 0 {
		r.pause(ctx, r.start)
	}
	ret := fetch.NewRetriever(r.a)
	defer ret.Close()
	vain := 0
	for ctx.Err() == nil {
		if err := r.round(ctx, ret, &vain); err != nil {
			r.a.LogPanic(err)
			r.a.Log.Error(fetch.EventQueryFailed, "account", r.a.Name, "err", err, "kind", fetch.KindOf(err))
			r.sleep(ctx, err)
		}
	}
}

// round is one retrieval and the wait for the next one; vain counts looks in a row that found nothing. The only error is
// a panic.
func (r *runner) round(ctx context.Context, ret *fetch.Retriever, vain *int) (panicked error) {
	defer fault.Recover(&panicked)
	began := time.Now()
	res, err := r.once(ctx, ret)
	if ctx.Err() != nil {
		return nil
	}
	if errors.Is(err, fetch.ErrCrowded) {
		r.s.crowded(r)
	}
	if r.s.opt.Done != nil {
		r.s.opt.Done(r.a, res, err)
	}
	if err != nil || res.LimitHit || !r.watch(ctx, ret) {
		r.sleep(ctx, err)
		return nil
	}

	if *vain++; res.New > 0 || time.Since(began) > vainTime {
		*vain = 0
	} else if *vain > vainMost {
		r.pause(ctx, min(vainTime, time.Duration(*vain-vainMost)*time.Second))
	}
	return nil
}

func (r *runner) once(ctx context.Context, ret *fetch.Retriever) (fetch.Result, error) {
	polls := r.polls.Load()
	ret.Brief(polls)
	if polls {
		end, err := r.s.turn(ctx, r.a)
		if err != nil {
			return fetch.Result{}, err
		}
		defer end()
	}
	res, err := r.s.retrieve(ctx, ret, r.a)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = time.Now()
	if r.next = (time.Time{}); err == nil {
		r.failures = 0
	} else {
		r.failures++
	}
	return res, err
}

// watch waits for the server to tell of new mail. False means that it can't, or that the connection was lost, and that
// the account is to be polled.
func (r *runner) watch(ctx context.Context, ret *fetch.Retriever) bool {
	if !r.a.Idle || r.polls.Load() {
		return false
	}
	timeout := r.a.IdleTimeout
	if timeout <= 0 {
		timeout = defaultIdleTimeout
	}
	r.watches.Store(true)
	began := time.Now()
	_, err := ret.Watch(ctx, r.wake, timeout)
	r.watches.Store(false)
	if err == nil {
		return true
	}
	if !errors.Is(err, fetch.ErrCannotWatch) {
		r.s.opt.Log.Debug("watch ended", "account", r.a.Name, "err", err)
		if time.Since(began) > networkDelay { // as servers and routers end what was idle for long
			r.pause(ctx, reconnectDelay)
			return true
		}
		r.mu.Lock()
		r.failures++
		r.mu.Unlock()
		r.pause(ctx, r.delay(err))
		return true
	}
	return false
}

// due ends the runner's present wait.
func (r *runner) due() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// sleep waits until the account is due again, or is woken.
func (r *runner) sleep(ctx context.Context, err error) {
	d := r.a.Every
	if d <= 0 {
		d = r.s.opt.Interval * time.Duration(max(1, r.a.Interval))
	}
	if err != nil {
		d = max(d, r.delay(err))
	}
	r.pause(ctx, d)
}

func (r *runner) pause(ctx context.Context, d time.Duration) {
	d += time.Duration(float64(d) * jitter * (2*r.s.opt.Rand() - 1))
	r.mu.Lock()
	r.next = time.Now().Add(d)
	r.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-r.wake:
		r.mu.Lock()
		r.failures = 0
		r.mu.Unlock()
	}
}

// delay is the back-off after the failures so far, the last of them err.
func (r *runner) delay(err error) time.Duration {
	first, limit := networkDelay, networkDelayCap
	if fetch.KindOf(err) == fetch.KindAuth {
		first, limit = authDelay, authDelayCap
	}
	r.mu.Lock()
	n := r.failures
	r.mu.Unlock()
	d := first
	for i := 1; i < n && d < limit; i++ {
		d *= 2
	}
	return min(d, limit)
}
