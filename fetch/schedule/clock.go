package schedule

import (
	"context"
	"time"
)

// clockTick is how often the clocks are compared; clockJump is how far the wall clock must have gone ahead
// for the machine to have been suspended: connections may be dead then and mail may wait.
const (
	clockTick = 30 * time.Second
	clockJump = 60 * time.Second
)

// clocks are two clocks read at the same moment, of which one stops while the machine is suspended.
type clocks struct {
	wall  time.Time
	awake time.Duration // since some moment
}

// systemClocks reads the system's clocks; start is that moment.
func systemClocks(start time.Time) func() clocks {
	return func() clocks {
		now := time.Now()
		return clocks{wall: now.Round(0), awake: now.Sub(start)} // Round takes the monotonic reading away
	}
}

// suspended tells whether the machine was suspended between before and now.
func suspended(before, now clocks) bool {
	return now.wall.Sub(before.wall)-(now.awake-before.awake) > clockJump
}

// watchClock wakes everything after the machine was suspended; it returns when ctx ends.
func (s *Scheduler) watchClock(ctx context.Context) {
	ticker := time.NewTicker(clockTick)
	defer ticker.Stop()

	last := s.opt.clock()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			now := s.opt.clock()
			if suspended(last, now) {
				// Connections may have died meanwhile, and mail may have come: all are due.
				s.Wake()
			}
			last = now
		}
	}
}
