package schedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/fetch"
)

// run runs a scheduler without jitter for d.
func run(t *testing.T, d time.Duration, o Options, during func(*Scheduler), accounts ...*fetch.Account) {
	t.Helper()
	o.Rand = func() float64 { return 0.5 }
	o.Log = slog.New(slog.DiscardHandler)
	s := New(o)
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		s.Run(ctx, accounts)
		close(ended)
	}()
	synctest.Wait()
	if during != nil {
		during(s)
	}
	<-ended
}

// seconds turns times into seconds since the first look at the fake clock.
func seconds(start time.Time, times []time.Time) []int {
	var out []int
	for _, at := range times {
		out = append(out, int(at.Sub(start)/time.Second))
	}
	return out
}

func TestPollsEveryInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, s := time.Now(), &server{}
		every := s.account("every")
		every.Every = 100 * time.Second
		run(t, 250*time.Second, Options{Interval: time.Minute}, nil, every)
		if got, want := seconds(start, s.looks), []int{0, 100, 200}; !slices.Equal(got, want) {
			t.Errorf("looked at %v, want %v", got, want)
		}
	})
}

func TestBackOff(t *testing.T) {
	for _, tc := range []struct {
		name string
		kind fetch.Kind
		err  error
		want []int
	}{
		{"network", fetch.KindNetwork, errors.New("no"), []int{0, 60, 120, 240, 480, 960}},
		{"auth", fetch.KindAuth, errors.New("no"), []int{0, 300, 900}},
		{"refused by the destination", fetch.KindDelivery, fetch.ErrRefused, []int{0, 300, 900}},
		// Some servers end the connection over a wrong password, and lock the account after a few.
		{"ended over the login", fetch.KindNetwork, errors.Join(fetch.ErrTurnedAway, fetch.ErrNoVerdict),
			[]int{0, 60, 360, 960}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				s := &server{fails: func(int) error { return fetch.Fail(tc.kind, tc.err) }}
				run(t, 1000*time.Second, Options{Interval: time.Minute}, nil, s.account("a"))

				if got := seconds(start, s.connects); !slices.Equal(got, tc.want) {
					t.Errorf("connected at %v, want %v", got, tc.want)
				}
			})
		})
	}
}

func TestHungServerDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, hung, healthy := time.Now(), &server{takes: time.Hour}, &server{}
		dead := hung.account("dead")
		dead.Port = 2
		var accounts []*fetch.Account
		for range 20 {
			accounts = append(accounts, dead)
		}
		accounts = append(accounts, healthy.account("fine"))
		s := New(Options{MaxPolls: 12})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		s.Once(ctx, accounts)
		if got := seconds(start, healthy.looks); !slices.Equal(got, []int{0}) {
			t.Errorf("the healthy account was looked at %v", got)
		}
		if hung.max > DefaultMaxPerHost {
			t.Errorf("%d connections to one server at once", hung.max)
		}
	})
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, s := time.Now(), &server{watches: true, mail: make(chan struct{})}
		a := s.account("a")
		a.Idle = true
		run(t, time.Hour, Options{Interval: time.Minute}, func(*Scheduler) {
			time.AfterFunc(10*time.Second, func() { s.mail <- struct{}{} })
		}, a)
		got, want := seconds(start, s.looks), []int{0, 10, 10 + 28*60, 10 + 56*60}
		if !slices.Equal(got, want) {
			t.Errorf("looked at %v, want %v", got, want)
		}
		if len(s.connects) != 1 {
			t.Errorf("%d connections, want one", len(s.connects))
		}
	})
}

// A server that announces changes without end must not keep us busy, nor fill the log.
func TestEndlessNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{watches: true, mail: make(chan struct{})}
		a := s.account("a")
		a.Idle = true
		run(t, 10*time.Minute, Options{Interval: time.Hour}, func(*Scheduler) {
			go func() {
				for {
					select {
					case s.mail <- struct{}{}:
					case <-t.Context().Done():
						return
					}
				}
			}()
		}, a)
		if n := len(s.looks); n < 60 || n > 80 {
			t.Errorf("looked %d times in 10 minutes", n)
		}
	})
}

// Where the server allows fewer connections than folders are to be watched, the others are polled. One
// connection is left to poll by: three are refused at first, and yet only one of three has to leave. Now and
// then, by the order in which they are refused, two do.
func TestWatchWithTooFewConnections(t *testing.T) {
	full := 0
	for range 5 {
		switch watched := watchedOfSix(t); {
		case watched == 2:
			full++
		case watched != 1:
			t.Errorf("%d folders are watched, want 2 of 6", watched)
		}
	}
	if full < 3 {
		t.Errorf("2 folders are watched in %d of 5 rounds", full)
	}
}

// watchedOfSix is how many of six folders are watched where the server allows three connections.
func watchedOfSix(t *testing.T) (watched int) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{watches: true, mail: make(chan struct{}), allowed: 3}
		a := s.account("a")
		a.Idle, a.Mailboxes = true, []string{"INBOX", "f1", "f2", "f3", "f4", "f5"}
		run(t, 20*time.Minute, Options{Interval: time.Minute}, nil, a)

		for _, name := range a.Mailboxes {
			switch n := s.looked[name]; {
			case n <= 2: // one that was refused at first is watched after its second look
				watched++
			case n < 15:
				t.Errorf("%s was looked at %d times", name, n)
			}
		}
	})
	return watched
}

func TestLostWatchReconnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, s := time.Now(), &server{watches: true, mail: make(chan struct{})}
		a := s.account("a")
		a.Idle = true
		run(t, 100*time.Second, Options{Interval: time.Hour}, func(*Scheduler) { close(s.mail) }, a)
		want := []int{0, 1, 3, 7, 15, 31, 61, 91}
		if got := seconds(start, s.connects); !slices.Equal(got, want) {
			t.Errorf("connected at %v, want %v", got, want)
		}
	})
}

// What was watched for long and ends then, as idle connections do, is connected to again at once.
func TestLongWatchReconnectsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, s := time.Now(), &server{watches: true, mail: make(chan struct{})}
		a := s.account("a")
		a.Idle = true
		run(t, 100*time.Second, Options{Interval: time.Hour}, func(*Scheduler) {
			<-time.After(40 * time.Second)
			close(s.mail)
		}, a)
		got, want := seconds(start, s.connects), []int{0, 41, 42}
		if !slices.Equal(got[:min(3, len(got))], want) {
			t.Errorf("connected at %v, want %v", got, want)
		}
	})
}

func TestWakeAndReplace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, s, other := time.Now(), &server{}, &server{}
		a, b := s.account("a"), other.account("b")
		run(t, 100*time.Second, Options{Interval: time.Hour}, func(sch *Scheduler) {
			time.AfterFunc(10*time.Second, sch.Wake)
			time.AfterFunc(20*time.Second, func() { sch.Replace([]*fetch.Account{a, b}) })
			time.AfterFunc(30*time.Second, func() { sch.Replace([]*fetch.Account{b}) })
			time.AfterFunc(40*time.Second, sch.Wake)
			time.AfterFunc(50*time.Second, func() {
				if st := sch.States(); len(st) != 1 || st[0].Failing || st[0].Last().IsZero() {
					t.Errorf("states %+v", st)
				}
			})
		}, a)
		if got, want := seconds(start, s.looks), []int{0, 10}; !slices.Equal(got, want) {
			t.Errorf("a was looked at %v, want %v", got, want)
		}
		if got, want := seconds(start, other.looks), []int{20, 40}; !slices.Equal(got, want) {
			t.Errorf("b was looked at %v, want %v", got, want)
		}
	})
}

// Who wakes us has mended something: the next failure is the first again.
func TestWakeForgetsBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		s := &server{fails: func(int) error { return fetch.Fail(fetch.KindNetwork, errors.New("no")) }}
		run(t, 700*time.Second, Options{Interval: time.Minute}, func(sch *Scheduler) {
			time.AfterFunc(300*time.Second, sch.Wake)
		}, s.account("a"))
		want := []int{0, 60, 120, 240, 300, 360, 420, 540}
		if got := seconds(start, s.connects); !slices.Equal(got, want) {
			t.Errorf("connected at %v, want %v", got, want)
		}
	})
}

// Who stops waiting for a place among all leaves the one at the server that it had.
func TestEndedWaitLeavesItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := (&server{}).account("a")
		s := New(Options{MaxPolls: 1, MaxPerHost: 1})
		for s.starts.tryEnter() {
		}
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if _, err := s.acquire(ctx, a, normal, nothing); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got a place that nobody left: %v", err)
			}
			cancel()
		}

		s.starts.leave()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		p, err := s.acquire(ctx, a, normal, nothing)
		if err != nil {
			t.Fatalf("there is no place at the server: %v", err)
		}
		p.release()
		if n := s.host(a).places.inside(); n != 0 {
			t.Errorf("%d places are taken at the server", n)
		}
	})
}

// An account that is changed while a message of it is being delivered begins anew when that has ended: it
// would find the message not recorded yet.
func TestReplacedAccountWaitsForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, s, other := time.Now(), &server{takes: time.Hour, ends: 5 * time.Second}, &server{}
		a, changed, again := s.account("a"), s.account("a"), s.account("a")
		changed.Settings, again.Settings = "other", "third"
		run(t, 100*time.Second, Options{Interval: time.Hour}, func(sch *Scheduler) {
			time.AfterFunc(10*time.Second,
				func() { sch.Replace([]*fetch.Account{changed, other.account("b")}) })
			time.AfterFunc(12*time.Second, func() { sch.Replace(nil) })
			time.AfterFunc(13*time.Second, func() { sch.Replace([]*fetch.Account{again}) })
		}, a)
		if got, want := seconds(start, s.looks), []int{0, 15}; !slices.Equal(got, want) || s.max != 1 {
			t.Errorf("looked at %v, want %v; %d at once", got, want, s.max)
		}
		if got, want := seconds(start, other.looks), []int{10}; !slices.Equal(got, want) {
			t.Errorf("b was looked at %v, want %v", got, want)
		}
	})
}

func TestWatchedFoldersAreRetrievedOnce(t *testing.T) {
	a := (&server{}).account("a")
	a.Idle, a.Mailboxes, a.Patterns, a.ExcludedMailboxes = true, []string{"INBOX",
		"Lists"}, []string{"*"}, []string{"Other"}
	var got []string
	for _, w := range watched(a) {
		got = append(got, fmt.Sprint(w.Mailboxes, w.Patterns, w.ExcludedMailboxes, w.Idle))
	}
	want := []string{"[INBOX] [] [] true", "[Lists] [] [] true", "[] [*] [Other INBOX Lists] false"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// An account of which one destination is down, or a message is not taken while others are, is retrieved from
// as ever, and what is wrong is in its state.
func TestDestinationDownKeepsPace(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  fetch.UndeliveredError
		want string
	}{
		{fetch.UndeliveredError{Count: 1, Err: errNo, Waiting: true}, "a[] destination down 0"},
		{fetch.UndeliveredError{Count: 1, Err: errNo, Own: true}, "a[] mail undelivered 0"},
	} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			s := &server{fails: func(int) error { return fetch.Fail(fetch.KindDelivery, &tt.err) }}
			a := s.account("a")

			run(t, 350*time.Second, Options{Interval: 10 * time.Second}, func(s *Scheduler) {
				if got := conditionsOf(s); got != tt.want {
					t.Error(got)
				}
			}, a)

			if got := seconds(start, s.connects); len(got) < 35 || got[34] != 340 {
				t.Errorf("retrieved at %v", got)
			}
		})
	}
}

// Connections that are lost soon are made again more and more slowly, until one is watched for long.
func TestLostDelay(t *testing.T) {
	t.Parallel()
	r := &runner{record: new(record)}
	for i, tt := range []struct{ watched, want time.Duration }{
		{0, time.Second},
		{0, 2 * time.Second},
		{0, 4 * time.Second},
		{time.Hour, time.Second},
		{0, time.Second},
		{0, 2 * time.Second},
		{0, 4 * time.Second},
		{0, 8 * time.Second},
		{0, 16 * time.Second},
		{0, networkDelay},
	} {
		if got := r.lostDelay(tt.watched, errors.New("lost")); got != tt.want {
			t.Errorf("loss %d, after %v: %v, want %v", i, tt.watched, got, tt.want)
		}
	}
}
