package schedule

import (
	"fmt"
	"log/slog"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/imap"
	"fetchd/fetch/pop3"
)

// down fails with err from one time after start to another.
func down(from, to time.Duration, err error) func(int) error {
	start := time.Now()
	return func(int) error {
		if d := time.Since(start); d < from || d >= to {
			return nil
		}
		return fetch.Fail(fetch.KindNetwork, fmt.Errorf("connect: %w", err))
	}
}

// restarts are what a server gives that is started again: nobody listens, or whoever does ends the
// connection.
var restarts = map[string]error{"refused": syscall.ECONNREFUSED, "ended": fetch.ErrTurnedAway}

// A server that is started again is connected to soon, also where polls are rare; one that stays away is not
// hammered.
func TestRestartedServer(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		name string
		idle bool
		away time.Duration
		want []int // first connections
	}{
		{"for a moment", true, 2 * time.Second, []int{0, 1, 3}},
		{"for half a minute", true, 30 * time.Second, []int{0, 1, 3, 7, 15, 31}},
		{"for long", true, time.Hour, []int{0, 1, 3, 7, 15, 31, 61, 121, 241}},
		{"polled", false, 2 * time.Second, []int{0, 1, 3, 63, 123}},
		{"polled, for long", false, time.Hour, []int{0, 1, 3, 7, 15, 31, 91, 151, 271}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				s := &server{watches: true, mail: make(chan struct{}),
					fails: down(0, tt.away, syscall.ECONNREFUSED)}
				a := s.account("a")
				a.Idle = tt.idle
				run(t, 300*time.Second, Options{Interval: time.Minute}, nil, a)
				got := seconds(start, s.connects)
				if len(got) < len(tt.want) || !slices.Equal(got[:len(tt.want)], tt.want) {
					t.Errorf("connected at %v, want %v", got, tt.want)
				}
			})
		})
	}
}

// The error of a connector says that the server refused the connection.
func TestRefusalOfConnectors(t *testing.T) {
	t.Parallel()
	for name, connect := range map[string]fetch.Connector{"IMAP": imap.Connect, "POP3": pop3.Connect} {
		a := &fetch.Account{Name: "a", Log: slog.New(slog.DiscardHandler)}
		a.Host, a.Port, a.TLS, a.Timeout = "127.0.0.1", 1, fetch.ClearText, time.Minute
		if _, err := connect(t.Context(), a); !isRefused(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Many accounts of a server that lets nobody in try it one after the other, and all have theirs soon after it
// is back.
func TestRefusingServerIsNotHammered(t *testing.T) {
	t.Parallel()
	for name, err := range restarts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { testHammering(t, err) })
		})
	}
}

func testHammering(t *testing.T, err error) {
	const n, away = 2000, 5 * time.Minute
	start := time.Now()
	s := &server{watches: true, mail: make(chan struct{}), fails: down(0, away, err)}
	var accounts []*fetch.Account
	for i := range n {
		a := s.account(fmt.Sprint("a", i))
		a.Idle = true
		accounts = append(accounts, a)
	}
	run(t, away+30*time.Second, Options{Interval: time.Hour}, nil, accounts...)

	perSecond, connected := map[int]int{}, 0
	for _, at := range seconds(start, s.connects) {
		if at < int(away/time.Second) {
			perSecond[at]++
		} else {
			connected++
		}
	}
	for second, times := range perSecond {
		if times > DefaultMaxPerHost+int(time.Second/gateGap) {
			t.Errorf("%d connections in second %d", times, second)
		}
	}
	if connected != n {
		t.Errorf("%d of %d are connected half a minute after the server is back", connected, n)
	}
}

// A connection that was dead when the machine was woken is replaced at once, however young it was.
func TestDeadConnectionAfterWake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start, s := time.Now(), &server{watches: true, mail: make(chan struct{}), dies: true}
		a := s.account("a")
		a.Idle = true
		run(t, 20*time.Second, Options{Interval: time.Hour}, func(sch *Scheduler) {
			time.AfterFunc(10*time.Second, sch.Wake)
		}, a)
		if got, want := seconds(start, s.connects), []int{0, 11}; !slices.Equal(got, want) {
			t.Errorf("connected at %v, want %v", got, want)
		}
	})
}
