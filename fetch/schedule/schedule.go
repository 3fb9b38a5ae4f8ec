// Package schedule says when an account's next retrieval is due, and makes it: every account in a goroutine
// of its own, under limits for all and for each server, so that a server that hangs delays only itself.
package schedule

import (
	"context"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"fetchd/fetch"
)

// Defaults of Options.
const (
	DefaultMaxPolls   = 32
	DefaultMaxPerHost = 10 // Dovecot allows a user 10 connections from an address, Gmail 15, Courier 20

	// DefaultPassLimit is for Once, whose context has to end it: a server that is slow enough holds a pass
	// for days, and as long as it runs cron starts no other. A mail of 20 MB through a 56k modem takes an
	// hour.
	DefaultPassLimit = 2 * time.Hour
)

// Options describe a Scheduler; the zero value has the defaults.
type Options struct {
	Interval   time.Duration // between the retrievals of an account that says nothing else; 0 = 5 minutes
	MaxPolls   int           // retrievals that transfer messages at once, but for slow ones
	MaxPerHost int           // retrievals at once from one server (host and port)
	MaxStarts  int           // retrievals at once that connect or look for mail; 0 = any number that wait
	MaxKept    int           // connections that stay open between retrievals; 0 = any number
	Log        *slog.Logger

	// Started is called once Run has its accounts, before it waits; nil = nobody.
	Started func()
	// Done is called after each retrieval, from several goroutines; nil = nobody.
	Done func(Outcome)
	// Seed tells where another process left off with an account that Run has not had before; nil = they are
	// all new. It must not call the Scheduler.
	Seed func(*fetch.Account) Seed
	// Rand gives jitter in [0,1); nil = math/rand.
	Rand func() float64
	// Past tells what an earlier process knew of an account that Run has not had before; nil = nothing. It
	// must not call the Scheduler.
	Past func(*fetch.Account) Past

	clock func() clocks // tells of a suspended machine; nil = the system's
}

// Scheduler runs the retrievals of a set of accounts. Its methods may be called from anywhere.
type Scheduler struct {
	opt   Options
	began time.Time      // the first beat
	kept  chan struct{}  // a token for each connection open between retrievals; nil = any number
	wg    sync.WaitGroup // of runners

	// A retrieval is in one of these at a time; see startFactor and slowTime.
	starts    *limit // connecting, or looking for mail
	waits     *limit // likewise, for longer than startTime
	transfers *limit
	slow      *limit // transferring, and has given its place to another

	sayKept sync.Once // warnOfKept

	mu      sync.Mutex // guards what follows
	hosts   map[string]*host
	logins  map[string]*login  // by the account's Key
	runners map[string]*runner // by the account's Identity
	records map[string]*record // by recordKey; it outlives a change of the account
	leaving []*runner          // told to end: a message in hand may take its time
	ctx     context.Context    // of Run; nil before and after it
}

// New returns a Scheduler; it starts nothing.
func New(o Options) *Scheduler {
	if o.Interval <= 0 {
		o.Interval = 5 * time.Minute
	}
	if o.MaxPolls <= 0 {
		o.MaxPolls = DefaultMaxPolls
	}
	if o.MaxPerHost <= 0 {
		o.MaxPerHost = DefaultMaxPerHost
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	if o.clock == nil {
		o.clock = systemClocks(time.Now())
	}

	s := &Scheduler{
		opt:     o,
		began:   time.Now(),
		hosts:   map[string]*host{},
		logins:  map[string]*login{},
		runners: map[string]*runner{},
		records: map[string]*record{},
	}

	s.starts, s.waits = newLimit(startFactor*o.MaxPolls), newLimit(math.MaxInt32)
	if o.MaxStarts > 0 {
		// Half of the files for those that start, so that those that wait long can't use up all of them.
		s.starts = newLimit(max(1, min(startFactor*o.MaxPolls, o.MaxStarts/2)))
		s.waits = newLimit(max(0, o.MaxStarts-s.starts.most))
	}
	s.transfers = newLimit(o.MaxPolls)
	s.slow = newLimit(slowFactor * o.MaxPolls)
	if o.MaxKept > 0 {
		s.kept = make(chan struct{}, o.MaxKept)
	}

	return s
}

// Outcome is how one retrieval ended.
type Outcome struct {
	Account *fetch.Account
	Result  fetch.Result
	Err     error

	// Only of a retrieval of Run.
	State     State // of the account, from now on
	Repeats   bool  // Err was said lately: it is another folder's, or that of before, but for numbers
	Recovered bool  // there is none any more
}

// Grant is how the account's grant is doing; nil = it has none.
func (o *Outcome) Grant() *fetch.Grant {
	if o.Account.Grant == nil {
		return nil
	}
	g := o.Account.Grant()
	return &g
}

// Once makes one retrieval of each account, all at the same time within the limits, and returns when all have
// ended. The outcomes are in the order of accounts.
func (s *Scheduler) Once(ctx context.Context, accounts []*fetch.Account) []Outcome {
	out := make([]Outcome, len(accounts))

	var wg sync.WaitGroup
	for i, a := range accounts {
		wg.Go(func() {
			out[i] = s.once(ctx, a)
		})
	}

	wg.Wait()
	return out
}

// once makes one retrieval of a, and tells how it ended.
func (s *Scheduler) once(ctx context.Context, a *fetch.Account) Outcome {
	s.mu.Lock()
	seat := s.newSeat(a)
	s.mu.Unlock()
	defer seat.leave()
	seat.trial = new(trial) // each account has one connection, and settings that may differ
	r := seat.retriever()
	r.Brief(true)

	o := Outcome{Account: a}
	o.Result, o.Err = seat.visit(ctx, r, func() (fetch.Result, error) {
		res, _, err := s.retrieve(ctx, r, a, normal)
		return res, err
	})
	if err := r.Close(); o.Err == nil {
		o.Err = err
	}

	if s.opt.Done != nil {
		s.opt.Done(o)
	}
	return o
}

// Run retrieves from accounts until ctx ends, and returns when all retrievals have.
func (s *Scheduler) Run(ctx context.Context, accounts []*fetch.Account) {
	s.mu.Lock()
	s.ctx = ctx
	s.mu.Unlock()

	s.Replace(accounts)
	if s.opt.Started != nil {
		s.opt.Started()
	}
	// Returns when ctx ends.
	s.watchClock(ctx)

	s.mu.Lock()
	s.ctx = nil // no more runners: nothing is added to what is waited for
	s.mu.Unlock()
	s.wg.Wait()
}

// WakeOnly makes those accounts due now that are told to pass, each asked without a lock.
func (s *Scheduler) WakeOnly(passes func(*fetch.Account) bool) (woken int) {
	s.mu.Lock()
	runners := slices.Collect(maps.Values(s.runners))
	s.mu.Unlock()

	runners = slices.DeleteFunc(runners, func(r *runner) bool { return !passes(r.a) })
	// All of them before one is woken: folders share a login.
	for _, r := range runners {
		r.seat.trial.forget()
	}
	for _, r := range runners {
		r.wakeUp()
	}
	return len(runners)
}

// Wake makes every account due now, and forgets past failures, and what servers seem to allow.
func (s *Scheduler) Wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetCrowds()
	for _, l := range s.logins {
		l.trial.forget()
	}
	for _, r := range s.runners {
		r.wakeUp()
	}
}
