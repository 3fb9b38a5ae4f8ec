package schedule

import (
	"context"
	"time"
)

// clockTick is how often the clocks are compared; clockJump is how far the wall clock must have gone ahead for the
// machine to have been suspended: connections may be dead then and mail may wait.
const (
	clockTick = 30 * time.Second
	clockJump = 60 * time.Second
)

// Clocks are two clocks read at the same moment, of which one stands still while the machine is suspended.
type Clocks struct {
	Wall  time.Time
	Awake time.Duration // since some moment
}

// systemClocks reads the system's clocks; start is that moment.
func systemClocks(start time.Time) func() Clocks {
	return func() Clocks {
		now := time.Now()
		return Clocks{Wall: now.Round(0), Awake: now.Sub(start)} // Round takes the monotonic reading away
	}
}

// suspended tells whether the machine was suspended between before and now.
func suspended(before, now Clocks) bool {
	return now.Wall.Sub(before.Wall)-(now.Awake-before.Awake) > clockJump
}

// watchClock wakes everything after the machine was suspended; it returns when ctx ends.
func (s *Scheduler) watchClock(ctx context.Context) {
	ticker := time.NewTicker(clockTick)
	defer ticker.Stop()
	last := s.opt.Clock()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			now := s.opt.Clock()
			if suspended(last, now) {
				s.Wake()
			}
			last = now
		}
	}
}
