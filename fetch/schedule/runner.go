package schedule

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/fault"
)

// reconnectDelay comes before a new connection after one that was watched for longer than networkDelay.
const reconnectDelay = time.Second

// defaultIdleTimeout re-issues IDLE before servers give up at 30 minutes (RFC 2177).
const defaultIdleTimeout = 28 * time.Minute

// A server that reports changes all the time is looked at once in a while: after vainMost looks in a row that
// found nothing, each within vainTime of the one before, a pause comes that grows by a second up to vainTime.
const (
	vainMost = 10
	vainTime = 10 * time.Second
)

// runner retrieves from one account until its context ends.
type runner struct {
	// Set by Replace before the goroutine starts, and not changed then.
	s      *Scheduler
	a      *fetch.Account
	record *record
	cancel context.CancelFunc
	after  []*runner // those of the same account that have to end before
	start  time.Time // when the first retrieval is due
	seat   *seat     // which belongs to the goroutine of run, but for its crowds
	timer  *time.Timer

	// Owned by the goroutine of run.
	kept     bool // one of s.kept is ours
	keeps    bool // the connection of the last retrieval is still open
	lost     int  // connections in a row that were watched for a moment only
	failures int  // that count for the back-off
	// closed when the server, which refused the last connection or login, lets another in; nil = it did not
	up    <-chan struct{}
	stamp string // the account's, before the last retrieval
	vain  int    // looks in a row that found nothing
	news  bool   // the server told of mail
	slow  bool   // the last retrieval was

	// For everybody.
	watches atomic.Bool   // it waits for the server to tell of new mail
	wake    chan struct{} // capacity 1: it is due now
	woken   atomic.Bool   // since the last retrieval began
	looks   chan struct{} // capacity 1: what made it fail may be mended
	ended   chan struct{} // closed at the end of run
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
	r.awaitFormer()
	r.pause(ctx, r.start)

	ret := r.seat.retriever()
	// Deferred calls run backwards: first the connection is closed, and then its place is free for others.
	defer r.seat.leave()
	defer r.releaseKept() // when the connection is closed
	defer ret.Close()

	for ctx.Err() == nil {
		until, err := r.round(ctx, ret)
		// A mistake of ours in one account: it is tried again after a while, and the others go on.
		if err != nil {
			r.logPanic(err)
			until = r.due(err)
		}
		// Not in round: a wait that is no deeper than this fits into the smallest stack there is.
		r.pause(ctx, until)
	}
}

// awaitFormer waits for those of the same account that have to end before.
func (r *runner) awaitFormer() {
	// A message in hand of the former account isn't recorded yet: we would retrieve it again.
	for _, before := range r.after {
		<-before.ended
	}
	r.after = nil
}

// logPanic logs what panicked in a round.
func (r *runner) logPanic(err error) {
	r.a.LogPanic(err)
	r.a.Log.Error(fetch.EventQueryFailed, "account", r.a.Name, "err", err, "kind", fetch.KindOf(err))
}

// round is one retrieval and, if the server tells of mail, the wait for that. It returns until when to pause
// then; zero = not at all. The only error is a panic.
func (r *runner) round(ctx context.Context, ret *fetch.Retriever) (until time.Time, panicked error) {
	defer fault.Recover(&panicked)
	began := time.Now()
	var found, watches bool
	var due time.Time
	err := fault.OnOtherStack(func() { found, watches, due = r.look(ctx, ret) })
	if err != nil || ctx.Err() != nil {
		return time.Time{}, err
	}

	if !watches || !r.watch(ctx, ret) {
		return due, nil
	}
	if r.vain++; found || time.Since(began) > vainTime {
		r.vain = 0
	} else if r.vain > vainMost {
		return r.from(min(vainTime, time.Duration(r.vain-vainMost)*time.Second)), nil
	}

	return time.Time{}, nil
}

// look is one retrieval, and all that follows from it: whether there was mail, whether the server will tell
// of more, and when the next retrieval is due if not.
func (r *runner) look(ctx context.Context, ret *fetch.Retriever) (found, watches bool, due time.Time) {
	res, err := r.once(ctx, ret)
	if ctx.Err() != nil {
		return false, false, time.Time{}
	}

	// The time of the next retrieval is settled before anybody is told, so that they can hand the account
	// over.
	due = r.due(err)
	watches = isWell(err) && !res.LimitHit && r.a.Idle && r.keeps
	// No time: the server will tell. The daemon's status would otherwise show a time that means nothing.
	if watches {
		r.record.set(Waiting, time.Time{})
	} else {
		r.record.set(Waiting, due)
	}

	r.report(res, err)
	return res.New > 0, watches, due
}

// once makes one retrieval.
func (r *runner) once(ctx context.Context, ret *fetch.Retriever) (fetch.Result, error) {
	r.stamp = r.readStamp()
	r.seat.begin(r.stamp)
	r.record.set(Retrieving, time.Time{})
	if r.woken.Swap(false) { // somebody expects everything to be tried
		ret.TryAll()
	}

	slow, keeps := false, false
	res, err := r.seat.visit(ctx, ret, func() (res fetch.Result, err error) {
		// Decided before the retrieval, which closes its connection by itself if it may not stay.
		if keeps = r.acquireKept(); !keeps {
			r.seat.unsettle()
		}
		ret.Brief(!keeps)
		host := r.s.host(r.a)
		// After the seat and before the place: waiting for a server that is down must take no place from
		// others.
		host.gate.pass(ctx)
		res, slow, err = r.s.retrieve(ctx, ret, r.a, r.urgency())
		r.up = host.gate.note(err, isRefused(err) || isRestart(err) && !host.crowd.isCalm())
		return res, err
	})

	r.news, r.slow = false, slow
	if r.keeps = ret.Connected() && keeps; !r.keeps {
		r.releaseKept()
	}
	if isWell(err) {
		r.setFailures(0)
	} else {
		r.setFailures(r.seat.failures(r.failures+1, err))
	}
	if refused := r.seat.refused; refused != nil {
		r.up = refused.up
	}

	return res, err
}

// isWell tells whether a retrieval with err is no reason to wait longer for the next one.
func isWell(err error) bool { return err == nil || fetch.KeepsPace(err) }

// urgency is the line in which the next retrieval waits.
func (r *runner) urgency() urgency {
	switch {
	case r.failures > 0 || r.slow:
		return patient
	case r.news:
		return urgent
	}
	return normal
}

// report notes how the retrieval ended and tells whoever wants to know.
func (r *runner) report(res fetch.Result, err error) {
	o := Outcome{Account: r.a, Result: res, Err: err}
	r.record.end(&o, time.Now())
	o.Repeats = o.Repeats || err != nil && r.seat.shared // by which it was said
	if r.s.opt.Done != nil {
		// What is told may write mail or a log that hangs; Stalled can see that.
		r.record.setTelling(time.Now())
		r.s.opt.Done(o)
		r.record.setTelling(time.Time{})
	}
}

func (r *runner) setFailures(n int) {
	r.failures = n
	r.record.setBackOff(n)
}

// watch waits for the server to tell of new mail. False means that it can't, and that the account is to be
// polled.
func (r *runner) watch(ctx context.Context, ret *fetch.Retriever) bool {
	timeout := r.a.IdleTimeout
	if timeout <= 0 {
		timeout = defaultIdleTimeout
	}
	// A destination that is down is tried again in its own time. Not at once, whatever keeps it from that.
	if next := ret.NextTry(); !next.IsZero() {
		timeout = min(timeout, max(networkDelay, time.Until(next)))
	}

	began := time.Now()
	r.watches.Store(true)
	r.record.set(Watching, time.Time{})
	// After watches is set, so that either askToLeave finds us or we find out.
	if r.seat.tooMany() {
		r.watches.Store(false)
		return true
	}

	changed, err := ret.Watch(ctx, r.wake, timeout)
	r.watches.Store(false)
	r.news = changed && err == nil

	switch {
	case err == nil:
		return true
	case errors.Is(err, fetch.ErrCannotWatch):
		return false
	}

	r.seat.release(err)
	r.s.opt.Log.Debug("watch ended", "account", r.a.Name, "err", err)
	r.pause(ctx, r.from(r.lostDelay(time.Since(began), err)))
	return true
}

// lostDelay is the time until the connection is made again that was watched for so long and then lost with
// err.
func (r *runner) lostDelay(watched time.Duration, err error) time.Duration {
	if r.woken.Load() || watched > networkDelay { // as servers and routers end what was idle for long
		r.lost = 0
		return reconnectDelay
	}
	// a server that is started again; one that always ends them soon waits longer
	if r.lost++; r.lost <= refusedMost {
		return refusedDelay << (r.lost - 1)
	}
	r.setFailures(r.failures + 1)
	return backOff(r.failures, err)
}

// wakeUp ends the runner's present wait.
func (r *runner) wakeUp() {
	r.woken.Store(true)
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// due is when the next retrieval is, after one that ended now with err.
func (r *runner) due(err error) time.Time {
	d := r.s.interval(r.a)
	switch {
	case isWell(err) && r.seat.denied: // nobody expects to wait for an interval
		d = min(d, crowdInterval)
	case isWell(err):
	case isRestart(err) && r.failures <= refusedMost:
		d = backOff(r.failures, err)
	case r.a.Idle && (fetch.KindOf(err) == fetch.KindNetwork || mayBeCrowd(err)): // likewise
		d = backOff(r.failures, err)
	default:
		d = max(d, backOff(r.failures, err))
	}
	return r.from(d)
}

// from is in about d from now: accounts that have begun together don't stay together.
func (r *runner) from(d time.Duration) time.Time {
	d += time.Duration(float64(d) * jitter * (2*r.s.opt.Rand() - 1))
	due := time.Now().Add(d)
	if d < shortWait {
		return due
	}
	return r.s.onBeat(due)
}

// pause waits until a time, or until the server is there again. It also ends when the runner is woken or what
// made it fail is mended, both of which forget past failures.
func (r *runner) pause(ctx context.Context, until time.Time) {
	d := time.Until(until)
	if d <= 0 {
		return
	}

	r.record.set(Waiting, until)
	end := time.Now().Add(d) // by the clock that nobody sets
	defer r.timer.Stop()

	for ; d > 0; d = time.Until(end) {
		// Long waits are worth a look now and then: a user who has mended the password expects no restart.
		r.timer.Reset(min(d, lookInterval))
		select {
		case <-r.timer.C:
		case <-ctx.Done():
			return
		case <-r.up:
			return
		case <-r.wake:
			r.forget()
			return
		case <-r.looks:
		}

		if r.looksMended() {
			r.forget()
			return
		}
	}
}

// forget forgets past failures: the next one is news, and is followed by the first wait.
func (r *runner) forget() {
	r.setFailures(0)
	r.record.forget()
}
