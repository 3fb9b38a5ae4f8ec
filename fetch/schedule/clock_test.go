package schedule

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestSuspended(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name        string
		wall, awake time.Duration // that have passed
		want        bool
	}{
		{"awake", clockTick, clockTick, false},
		{"long between", time.Hour, time.Hour, false},
		{"suspended", clockTick + 8*time.Hour, clockTick, true},
		{"for long enough", clockTick + clockJump + 1, clockTick, true},
		{"not for long enough", clockTick + clockJump, clockTick, false},
		{"clock set back", -time.Hour, clockTick, false},
	} {
		before := clocks{wall: start, awake: time.Minute}
		now := clocks{wall: start.Add(tt.wall), awake: time.Minute + tt.awake}
		if got := suspended(before, now); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

// The wall clock is read without its monotonic part, which would hide that it went on in our sleep.
func TestSystemClocks(t *testing.T) {
	t.Parallel()
	start := time.Now()
	c := systemClocks(start.Add(-time.Hour))()
	if c.awake < time.Hour || c.wall.Before(start.Round(0)) || c.wall != c.wall.Round(0) {
		t.Errorf("%v, %v awake", c.wall, c.awake)
	}
}

// After a suspension everything is looked at, once.
func TestWakesAfterSuspension(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start, s := time.Now(), &server{}
		clock := func() clocks {
			c := systemClocks(start)()
			if c.awake > 100*time.Second {
				c.wall = c.wall.Add(8 * time.Hour)
			}
			return c
		}
		run(t, 10*time.Minute, Options{Interval: time.Hour, clock: clock}, nil, s.account("a"))
		if got, want := seconds(start, s.looks), []int{0, 120}; !slices.Equal(got, want) {
			t.Errorf("looked at %v, want %v", got, want)
		}
	})
}
