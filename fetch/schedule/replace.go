package schedule

import (
	"context"
	"slices"
	"strings"
	"time"

	"fetchd/fetch"
)

// Replace makes accounts the ones to retrieve from. One whose Identity is unchanged keeps its connection and
// its place in time; the others end, or begin: a changed one when its message in hand is delivered and
// recorded. Many that begin do so over a while, see startDelay. It does nothing unless Run runs.
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

	s.forgetCrowds() // whoever reloads may have heard that more is allowed by now
	// Those that leave come first: those that begin have to wait for them.
	s.end(wanted)
	s.begin(wanted)
	s.forget(wanted)
}

// end tells the runners to end that are not wanted; s.mu is held, as for the next three.
func (s *Scheduler) end(wanted map[string]*fetch.Account) {
	s.leaving = slices.DeleteFunc(s.leaving, (*runner).hasEnded)
	for id, r := range s.runners {
		if wanted[id] == nil {
			// Only told: a message in hand is delivered and recorded first, and nobody waits for that under
			// the lock.
			r.cancel()
			delete(s.runners, id)
			s.leaving = append(s.leaving, r)
		}
	}
}

// begin starts a runner for each account that has none.
func (s *Scheduler) begin(wanted map[string]*fetch.Account) {
	n := len(wanted) - len(s.runners) // by now all runners are wanted
	for id, a := range wanted {
		if r := s.runners[id]; r != nil {
			// It stays, but the reload may be about a file that its login needs.
			r.checkMended()
			continue
		}
		s.runners[id] = s.newRunner(a, n)
	}
}

// newRunner starts a runner, one of n that begin.
func (s *Scheduler) newRunner(a *fetch.Account, n int) *runner {
	ctx, cancel := context.WithCancel(s.ctx)
	r := &runner{s: s, a: a, cancel: cancel, wake: make(chan struct{}, 1),
		looks: make(chan struct{}, 1), ended: make(chan struct{}), timer: time.NewTimer(lookInterval)}
	r.timer.Stop() // until it is reset
	for _, l := range s.leaving {
		if l.a.Name == a.Name { // which a changed account still has
			r.after = append(r.after, l)
		}
	}

	// A changed account was mended, perhaps: it starts again, and its record tells what it is to recover
	// from.
	var seed Seed
	key := recordKey(a)
	if r.record = s.records[key]; r.record == nil {
		r.record = &record{state: State{Account: a.Name, Mailboxes: a.Mailboxes}}
		r.record.recall(s.opt.Past, a)
		s.records[key] = r.record
		if s.opt.Seed != nil {
			seed = s.opt.Seed(a)
		}
	}

	r.seat = s.newSeat(a)
	r.start = s.startAt(a, seed, n)
	r.setFailures(seed.BackOff)
	s.wg.Go(func() { r.run(ctx) })
	return r
}

// forget drops the records of accounts that are gone.
func (s *Scheduler) forget(wanted map[string]*fetch.Account) {
	keep := make(map[string]bool, len(wanted))
	for _, a := range wanted {
		keep[recordKey(a)] = true
	}
	for key := range s.records {
		if !keep[key] {
			delete(s.records, key)
		}
	}
}

// recordKey names an account, or a folder of it, also after a change of its settings.
func recordKey(a *fetch.Account) string {
	return a.Name + "\x00" + strings.Join(a.Mailboxes, "\x00")
}

// watched splits an account that watches several mailboxes: each needs a connection of its own. Those that
// only a pattern names are polled, as IDLE tells of one of them.
func watched(a *fetch.Account) []*fetch.Account {
	if !a.Idle || a.Protocol == fetch.POP3 || len(a.Mailboxes) < 2 && len(a.Patterns) == 0 {
		return []*fetch.Account{a}
	}

	var out []*fetch.Account
	for _, name := range a.Mailboxes {
		one := *a
		one.Mailboxes, one.Patterns, one.ExcludedMailboxes = []string{name}, nil, nil
		out = append(out, &one)
	}

	if len(a.Patterns) > 0 {
		rest := *a
		rest.Mailboxes, rest.Idle = nil, false
		rest.ExcludedMailboxes = slices.Concat(a.ExcludedMailboxes, a.Mailboxes)
		out = append(out, &rest)
	}

	return out
}
