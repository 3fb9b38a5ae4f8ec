package schedule

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/fetch"
)

// numbered are n accounts on a server.
func numbered(s *server, n int) []*fetch.Account {
	var accounts []*fetch.Account
	for i := range n {
		accounts = append(accounts, s.account(fmt.Sprintf("user%d", i)))
	}
	return accounts
}

// A handful of accounts starts at once, and of many never more than some in a second.
func TestStartsAreSpread(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		n             int
		interval      time.Duration
		earliest, end time.Duration // of the last one
		second        int           // most in one second
	}{
		{1, time.Hour, 0, 0, 1},
		{startAtOnce, time.Hour, 0, 0, startAtOnce},
		{100, time.Hour, 2 * time.Second, 3 * time.Second, 50},
		{2000, time.Hour, 55 * time.Second, time.Minute, 60},
		{2000, 10 * time.Second, 19 * time.Second, 20 * time.Second, 140},
	} {
		t.Run(fmt.Sprint(tt.n, " every ", tt.interval), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, start := &server{}, time.Now()
				o := Options{Interval: 2 * tt.interval, MaxPerHost: tt.n}
				run(t, min(2*tt.interval, 3*time.Minute)-time.Millisecond, o, nil, numbered(s, tt.n)...)
				seconds := map[int]int{}
				var last time.Duration
				for _, at := range s.connects[:tt.n] {
					last = max(last, at.Sub(start))
					seconds[int(at.Sub(start)/time.Second)]++
				}
				if last < tt.earliest || last > tt.end {
					t.Errorf("the last one starts after %v, want %v to %v", last, tt.earliest, tt.end)
				}
				for second, n := range seconds {
					if n > tt.second {
						t.Errorf("%d start in second %d", n, second)
					}
				}
			})
		})
	}
}

// Accounts are due in beats, whenever their last retrieval has ended.
func TestRetrievalsBeginInBeats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 200
		s, start := &server{takes: 70 * time.Millisecond}, time.Now()
		run(t, 3*time.Minute, Options{Interval: time.Minute, MaxPerHost: n}, nil, numbered(s, n)...)

		if len(s.connects) < 3*n {
			t.Errorf("only %d retrievals", len(s.connects))
		}
		for _, at := range s.connects {
			if after := at.Sub(start); after%beat != 0 {
				t.Errorf("one began after %v", after)
			}
		}
	})
}

// What a reload adds to many accounts starts at once, and each account has the same moment at every start.
func TestStartMoments(t *testing.T) {
	t.Parallel()
	s := New(Options{Interval: time.Hour})
	a, b := numbered(&server{}, 2)[0], numbered(&server{}, 2)[1]
	folder := *a
	folder.Mailboxes = []string{"Lists"}
	if got := s.startDelay(a, 1); got != 0 {
		t.Errorf("one waits for %v", got)
	}
	first := s.startDelay(a, 2000)
	if first == 0 || first != New(Options{Interval: time.Hour}).startDelay(a, 2000) {
		t.Errorf("another moment than %v", first)
	}
	if first == s.startDelay(b, 2000) || first == s.startDelay(&folder, 2000) {
		t.Error("two accounts, or folders, start at one moment")
	}

	synctest.Test(t, func(t *testing.T) {
		many, one, start := &server{}, &server{}, time.Now()
		accounts := numbered(many, 1000)
		run(t, 2*time.Minute, Options{Interval: time.Hour, MaxPerHost: 1000}, func(sch *Scheduler) {
			time.AfterFunc(90*time.Second, func() { sch.Replace(append(accounts, one.account("new"))) })
		}, accounts...)
		if got, want := seconds(start, one.connects), []int{90}; !slices.Equal(got, want) {
			t.Errorf("the new one started at %v, want %v", got, want)
		}
	})
}

// An account goes on where another process has left off, until its retrieval succeeds or it is woken.
func TestSeed(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		name string
		seed func(start time.Time) Seed
		wake time.Duration
		want []int // seconds of the first connections
	}{
		{"none", func(time.Time) Seed { return Seed{} }, 0, []int{0, 60, 120}},
		{"past", func(start time.Time) Seed {
			return Seed{Next: start.Add(-time.Hour)}
		}, 0, []int{0, 60, 120}},
		{"later", func(start time.Time) Seed {
			return Seed{Next: start.Add(100 * time.Second)}
		}, 0, []int{100, 160, 220}},
		{"backing off", func(start time.Time) Seed {
			return Seed{start.Add(100 * time.Second), 3}
		}, 0, []int{100, 340, 820}},
		{"woken", func(start time.Time) Seed {
			return Seed{start.Add(100 * time.Second), 3}
		}, 10 * time.Second,
			[]int{10, 70, 130}},
		{"absurd", func(start time.Time) Seed { return Seed{Next: start.Add(1e6 * time.Hour)} }, 0,
			[]int{8 * 3600, 8*3600 + 60, 8*3600 + 120}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				s := &server{fails: func(int) error { return fetch.Fail(fetch.KindNetwork, errNo) }}
				o := Options{Interval: time.Minute, Seed: func(*fetch.Account) Seed { return tt.seed(start) }}
				run(t, 9*time.Hour, o, func(sch *Scheduler) {
					if tt.wake > 0 {
						time.AfterFunc(tt.wake, sch.Wake)
					}
				}, s.account("a"))
				if got := seconds(start, s.connects)[:3]; !slices.Equal(got, tt.want) {
					t.Errorf("connected at %v, want %v", got, tt.want)
				}
			})
		})
	}
}

// What Done and States give of an account is what another Scheduler goes on with.
func TestHandOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		s := &server{fails: func(int) error { return fetch.Fail(fetch.KindNetwork, errNo) }}
		a := s.account("a")
		var told Seed
		var shown []State
		o := Options{Interval: time.Minute, Done: func(o Outcome) { told = o.State.Seed() }}
		run(t, 130*time.Second, o, func(sch *Scheduler) {
			<-time.After(125 * time.Second)
			shown = sch.States()
		}, a)
		if want := (Seed{start.Add(240 * time.Second), 3}); told != want ||
			len(shown) != 1 || shown[0].Seed() != want {
			t.Errorf("%+v, %+v; want %+v", told, shown, want)
		}

		asked := 0
		o = Options{Interval: time.Minute, Seed: func(*fetch.Account) Seed { asked++; return told }}
		run(t, 700*time.Second, o, func(sch *Scheduler) {
			changed := *a
			changed.Settings = "mended"
			time.AfterFunc(500*time.Second, func() { sch.Replace([]*fetch.Account{&changed}) })
		}, a)

		got, want := seconds(start, s.connects), []int{0, 60, 120, 240, 480, 630, 690, 750}
		if len(got) < len(want) || !slices.Equal(got[:len(want)], want) || asked != 1 {
			t.Errorf("connected at %v, want %v; asked %d times", got, want, asked)
		}
	})
}

// A watched account that another process takes over is watched at once.
func TestHandOverOfWatched(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{watches: true, mail: make(chan struct{})}
		a := s.account("a")
		a.Idle = true
		o := Options{Interval: time.Minute, Done: func(o Outcome) {
			if got := o.State.Seed(); got != (Seed{}) {
				t.Errorf("%+v", got)
			}
		}, Log: slog.New(slog.DiscardHandler)}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		New(o).Run(ctx, []*fetch.Account{a})
	})
}
