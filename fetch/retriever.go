package fetch

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"fetchd/delivery"
	"fetchd/fetch/fault"
	"fetchd/tlsverify/hints"
)

// Retriever retrieves from one account again and again and may keep the connection in between: for an account
// with KeepAlive, or one that watches its mailbox (Idle). It belongs to one goroutine, but for Delivered.
type Retriever struct {
	a     *Account
	dial  Connector // nil = the account's
	s     Session   // nil = no connection is kept
	brief bool
	turns Turns
	said  said
	full  error // of the last pass, if it ended because mail had no room

	shares  shares           // has its own lock
	outages delivery.Outages // likewise

	delivered atomic.Int64 // for everybody
}

// NewRetriever returns a Retriever without a connection.
func NewRetriever(a *Account) *Retriever { return &Retriever{a: a, turns: always{}} }

// Retrieve is one pass, as the function Retrieve makes it, on the kept connection if there is one. A kept
// connection that turns out to be dead is replaced once. ctx must be the same for all calls, or one that
// outlives them: the connection ends with it.
func (r *Retriever) Retrieve(ctx context.Context) (Result, error) {
	fault.ReserveStack()
	var res Result
	kept := r.s != nil
	// Nobody is asked for mail that still has no place.
	if r.full != nil && !r.a.hasRoom() {
		return res, r.full
	}
	err := r.pass(ctx, &res)
	// Routers and servers drop idle connections silently, so the first command on a kept one may fail. Where
	// anything was done it was alive, and the failure is real.
	if err != nil && kept && KindOf(err) == KindNetwork && res == (Result{}) && ctx.Err() == nil {
		err = r.pass(ctx, &res)
	}

	r.full = nil
	if delivery.EndsRetrieval(err) && delivery.LacksRoom(err) {
		r.full = err
	}
	return res, err
}

// Delivered is how many messages were delivered so far, in all passes. It may be called from anywhere.
func (r *Retriever) Delivered() int64 { return r.delivered.Load() }

// Connected tells whether a connection is kept.
func (r *Retriever) Connected() bool { return r.s != nil }

// ConnectBy makes the next connections by dial instead of the account's Connector.
func (r *Retriever) ConnectBy(dial Connector) { r.dial = dial }

// Brief says whether connections end with their retrieval from now on, whatever the account says.
func (r *Retriever) Brief(on bool) { r.brief = on }

// TakeTurns makes the next retrievals transfer messages only in their turn.
func (r *Retriever) TakeTurns(t Turns) { r.turns = t }

// pass is one retrieval, in as many sessions as it needs. An error that ErrSimpler is part of counts only if
// the session after it fails too.
func (r *Retriever) pass(ctx context.Context, res *Result) error {
	// Before the first session: it must not try again what an earlier daemon has set aside.
	r.a.recall(ctx)
	var errs []error
	var simpler error // of a session after which a simpler one was made

	p := &progress{
		res: res, delivered: &r.delivered, shares: &r.shares, turns: r.turns, said: &r.said,
		obstacles: r.a.recallObstacles(ctx), last: r.a.recallLastInLine(ctx),
		destinations: destinations{outages: &r.outages},
	}
	r.outages.Begin(r.a.now())
	// Also after an error, and most of all then: what ended this session is to be avoided by the next one.
	defer func() {
		r.a.keepObstacles(p.obstacles)
		r.a.keepLastInLine(p.last)
	}()

	for again := true; again; again = p.more {
		p.more, p.elsewhere, p.atLast = false, false, false
		err := r.session(ctx, p)
		// What a session has counted is not counted again by the next one.
		p.later = *res != Result{}

		// What was learnt of the server makes the next session simpler, so it may succeed: once.
		if simpler == nil && errors.Is(err, ErrSimpler) && ctx.Err() == nil {
			simpler, p.more = err, true
			continue
		}
		if err != nil && !passable(err) {
			// A destination is down: mail for the others is retrieved by the next session.
			if p.elsewhere && ctx.Err() == nil {
				errs = append(errs, err)
				p.more = true
				continue
			}
			if p.more { // it ended at a message that is left out from now on
				simpler = nil
				continue
			}
			// The simpler session failed too, so the first error may be the better explanation.
			errs = append(errs, saidOnce(simpler, err)...)
			break
		}

		// What waited for a destination that takes mail again is retrieved at once.
		p.more = r.shares.free(&r.outages) || p.more
		errs = append(errs, err)
	}

	// Last, so that a session that dies takes nothing else with it; and only where the server is well.
	if err := errors.Join(errs...); err == nil || passable(err) || p.atLast {
		errs = append(errs, r.tryObstacles(ctx, p))
	}

	errs = append(errs, r.endOutages(errors.Join(errs...)))
	r.a.Log.Debug(EventDone, "account", r.a.Name, "result", *res)
	err := withLeaseKind(WithNextStep(errors.Join(errs...)))
	r.a.LogPanic(err)
	return err
}

// endOutages ends a pass with err for the destinations, and returns the error of the messages that wait for
// one.
func (r *Retriever) endOutages(err error) error {
	if delivery.EndsRetrieval(err) { // none works, and the account itself is tried again later
		r.outages.Retry()
		return nil
	}
	waiting := r.shares.awaiting(&r.outages)
	r.outages.End(r.a.now())
	return waiting
}

// NextTry is when messages that wait for a destination are tried again; zero = none waits.
func (r *Retriever) NextTry() time.Time {
	if r.shares.awaiting(&r.outages) == nil {
		return time.Time{}
	}
	return r.outages.Next()
}

// TryAll makes the next retrieval try destinations whose time has not come.
func (r *Retriever) TryAll() { r.outages.Retry() }

// saidOnce returns both errors, and only the second one if the first says the same, and maybe what was not
// done the second time; the first may be nil.
func saidOnce(first, second error) []error {
	if first == nil {
		return []error{second}
	}

	before, _ := hints.Split(first)
	after, _ := hints.Split(second)
	if strings.HasPrefix(before, after) {
		return []error{second}
	}
	return []error{first, second}
}

func (r *Retriever) session(ctx context.Context, p *progress) (err error) {
	defer r.abandon(&err)
	defer fault.Recover(&err)
	// Before the login too: the process that has the account now may be logged in, and some servers allow one
	// session only.
	if err := r.a.checkLease(); err != nil {
		_ = r.Close()
		return err
	}

	if p.kept = r.s != nil; !p.kept {
		dial := r.dial
		if dial == nil {
			dial = r.a.Connect
		}
		s, err := dial(ctx, r.a)
		if err != nil {
			return err
		}
		r.s = s
	}

	// After an error of the connection itself it is useless; other errors leave it intact.
	err = r.a.retrieve(ctx, r.s, p)
	if err != nil && !passable(err) || !r.keeps() {
		if cerr := r.Close(); err == nil {
			err = cerr
		}
	}

	return err
}

// keeps tells whether the connection stays open after a retrieval.
func (r *Retriever) keeps() bool {
	w, ok := r.s.(Watcher)
	return ok && !r.brief && (r.a.KeepAlive || r.a.Idle && w.CanWatch())
}

// ErrCannotWatch is returned by Watch where there is no connection, or none that can wait for mail.
var ErrCannotWatch = errors.New("server can't tell of new mail")

// Watch waits until there may be new mail; see Watcher. After an error the connection is closed.
func (r *Retriever) Watch(
	ctx context.Context, wake <-chan struct{}, timeout time.Duration,
) (changed bool, err error) {
	defer r.abandon(&err)
	defer fault.Recover(&err)

	w, ok := r.s.(Watcher)
	if !ok || !w.CanWatch() {
		return false, ErrCannotWatch
	}

	changed, err = w.Watch(ctx, wake, timeout)
	if err != nil {
		_ = r.Close()
	}
	return changed, err
}

// abandon leaves a session behind in which something panicked. It is closed by a goroutine that nobody waits
// for: what the session itself waits for may never come.
func (r *Retriever) abandon(err *error) {
	var p *fault.Error
	if !errors.As(*err, &p) || r.s == nil {
		return
	}

	s := r.s
	r.s = nil
	if b, ok := s.(Breaker); ok {
		b.Break(*err)
	}

	go func() {
		var again error
		defer fault.Recover(&again)
		_ = s.Close()
	}()
}

// Close ends the kept connection, if there is one.
func (r *Retriever) Close() (err error) {
	defer fault.Recover(&err)
	if r.s == nil {
		return nil
	}

	s := r.s
	r.s = nil // first: whatever Close does, the connection is not used again
	return s.Close()
}
