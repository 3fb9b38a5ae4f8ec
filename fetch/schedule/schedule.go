// Package schedule says when an account's next retrieval is due, and makes it: every account in a goroutine of its own,
// under limits for all and for each server, so that a server that hangs delays only itself.
package schedule

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"fetchd/fetch"
)

// Defaults of Options.
const (
	DefaultMaxPolls   = 32
	DefaultMaxPerHost = 10 // Dovecot allows 10 connections of a user from one address, Gmail 15, Courier 20 in all

	// DefaultPassLimit is for Once, whose context has to end it: a server that is slow enough holds a pass for days, and as
	// long as it runs cron starts no other. A mail of 20 MB through a 56k modem takes an hour.
	DefaultPassLimit = 2 * time.Hour
)

// Options describe a Scheduler; the zero value has the defaults.
type Options struct {
	Interval   time.Duration // between the retrievals of an account that says nothing else; 0 = 5 minutes
	MaxPolls   int           // retrievals at once, but for slow ones
	MaxPerHost int           // of these to one server (host and port)
	Log        *slog.Logger

	// Done is called after each retrieval, from several goroutines; nil = nobody.
	Done func(a *fetch.Account, res fetch.Result, err error)
	// Rand gives jitter in [0,1); nil = math/rand.
	Rand func() float64
	// Clock reads the clocks that tell of a suspended machine; nil = the system's.
	Clock func() Clocks
}

// Scheduler runs the retrievals of a set of accounts.
type Scheduler struct {
	opt   Options
	slots chan struct{}
	slow  chan struct{} // places of those that gave theirs to another

	mu      sync.Mutex
	hosts   map[string]chan struct{}
	turns   map[string]chan struct{} // by login
	runners map[string]*runner
	leaving []*runner // told to end: a message in hand may take its time
	wg      sync.WaitGroup
	ctx     context.Context // of Run; nil before
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
	if o.Clock == nil {
		o.Clock = systemClocks(time.Now())
	}
	return &Scheduler{
		opt: o, slots: make(chan struct{}, o.MaxPolls), slow: make(chan struct{}, slowFactor*o.MaxPolls),
		hosts: map[string]chan struct{}{}, turns: map[string]chan struct{}{}, runners: map[string]*runner{},
	}
}

// Outcome is one account's part of Once.
type Outcome struct {
	Account *fetch.Account
	Result  fetch.Result
	Err     error
}

// Once makes one retrieval of each account, all at the same time within the limits, and returns when all have ended.
// The outcomes are in the order of accounts.
func (s *Scheduler) Once(ctx context.Context, accounts []*fetch.Account) []Outcome {
	out := make([]Outcome, len(accounts))
	var wg sync.WaitGroup
	for i, a := range accounts {
		wg.Go(func() {
			r := fetch.NewRetriever(a)
			out[i].Account = a
			out[i].Result, out[i].Err = s.retrieve(ctx, r, a)
			if err := r.Close(); out[i].Err == nil {
				out[i].Err = err
			}
			if s.opt.Done != nil {
				s.opt.Done(a, out[i].Result, out[i].Err)
			}
		})
	}
	wg.Wait()
	return out
}

// Run retrieves from accounts until ctx ends, and returns when all retrievals have.
func (s *Scheduler) Run(ctx context.Context, accounts []*fetch.Account) {
	s.mu.Lock()
	s.ctx = ctx
	s.mu.Unlock()
	s.Replace(accounts)
	s.watchClock(ctx)
	s.mu.Lock()
	s.ctx = nil // no more runners
	s.mu.Unlock()
	s.wg.Wait()
}

// Replace makes accounts the ones to retrieve from. One whose Identity is unchanged keeps its connection and its place
// in time; the others end, or begin: a changed one when its message in hand is delivered and recorded. It is for use while
// Run runs.
func (s *Scheduler) Replace(accounts []*fetch.Account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil {
		return
	}
	wanted := map[string]*fetch.Account{}
	for _, a := range accounts {
		for _, w := range watched(a) {
			wanted[w.Identity()] = w
		}
	}
	s.leaving = slices.DeleteFunc(s.leaving, (*runner).hasEnded)
	for id, r := range s.runners {
		if wanted[id] == nil {
			r.cancel()
			delete(s.runners, id)
			s.leaving = append(s.leaving, r)
		}
	}
	for id, a := range wanted {
		if s.runners[id] != nil {
			continue
		}
		ctx, cancel := context.WithCancel(s.ctx)
		r := &runner{s: s, a: a, cancel: cancel, wake: make(chan struct{}, 1), ended: make(chan struct{})}
		for _, l := range s.leaving {
			if l.a.Name == a.Name { // which a changed account still has
				r.after = append(r.after, l)
			}
		}
		if len(wanted) > 1 {
			r.start = time.Duration((2*s.opt.Rand() - 1) * float64(min(startSpread, s.opt.Interval/10)))
		}
		s.runners[id] = r
		s.wg.Go(func() { r.run(ctx) })
	}
}

// watched splits an account that watches several mailboxes: each needs a connection of its own. Those that only a
// pattern names are polled, as IDLE tells of one of them.
func watched(a *fetch.Account) []*fetch.Account {
	if !a.Idle || a.Protocol == fetch.POP3 || len(a.Mailboxes) < 2 && len(a.Patterns) == 0 {
		return []*fetch.Account{a}
	}
	var out []*fetch.Account
	for _, name := range a.Mailboxes {
		one := *a
		one.Mailboxes, one.Patterns, one.Besides = []string{name}, nil, nil
		out = append(out, &one)
	}
	if len(a.Patterns) > 0 {
		rest := *a
		rest.Mailboxes, rest.Besides, rest.Idle = nil, slices.Concat(a.Besides, a.Mailboxes), false
		out = append(out, &rest)
	}
	return out
}

// Wake makes every account due now, and forgets past failures and crowds.
func (s *Scheduler) Wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.runners {
		r.polls.Store(false)
		r.due()
	}
}

// Status is what the scheduler is doing, for the service manager.
type Status struct {
	Accounts int
	Failing  int
	Last     time.Time // end of the last retrieval; zero = none yet
	Next     time.Time // earliest next one; zero = unknown
}

// Status returns the present state.
func (s *Scheduler) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Status{Accounts: len(s.runners)}
	for _, r := range s.runners {
		r.mu.Lock()
		if r.failures > 0 {
			st.Failing++
		}
		if r.last.After(st.Last) {
			st.Last = r.last
		}
		if !r.next.IsZero() && (st.Next.IsZero() || r.next.Before(st.Next)) {
			st.Next = r.next
		}
		r.mu.Unlock()
	}
	return st
}
