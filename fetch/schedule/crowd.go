package schedule

import (
	"context"
	"slices"

	"fetchd/fetch"
)

// handleCrowding is for a runner that finds no connection left, because others of its login hold all that the
// server allows: its mail would wait as long as they watch. One of them gives its connection up, and from
// then on these two, and all others that find no place, are polled in turn.
func (s *Scheduler) handleCrowding(r *runner) {
	s.mu.Lock()
	defer s.mu.Unlock()

	var watching *runner
	shares := !r.polls.Load() // the connection of those that poll already

	for _, o := range s.runners {
		switch {
		case o == r || o.a.Key != r.a.Key:
		case shares && o.polls.Load():
			r.polls.Store(true)
			return
		case o.watches.Load() && (watching == nil || slices.Contains(watching.a.Mailboxes, "INBOX")):
			watching = o
		}
	}

	if watching == nil { // those that hold the connections will end soon, or are not ours
		return
	}

	s.opt.Log.Warn("the server allows too few connections to watch all folders; some are polled",
		"account", r.a.Name)
	r.polls.Store(true)
	watching.polls.Store(true)
	watching.wakeUp()
}

// turn waits until no other runner that polls is connected with the login of a; end is for afterwards.
func (s *Scheduler) turn(ctx context.Context, a *fetch.Account) (end func(), err error) {
	s.mu.Lock()
	turn := s.turns[a.Key]
	if turn == nil {
		turn = make(chan struct{}, 1)
		s.turns[a.Key] = turn
	}

	s.mu.Unlock()

	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
