package schedule

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/fetch"
)

// loginRefuser is a server that refuses logins, and an account there with a stamp that can be changed.
func loginRefuser(name string) (*server, *fetch.Account, *atomic.Value) {
	s := &server{fails: func(int) error { return fetch.Fail(fetch.KindAuth, errors.New("wrong password")) }}
	a := s.account(name)
	stamp := new(atomic.Value)
	stamp.Store("wrong")
	a.Stamp = func() string { return stamp.Load().(string) }
	return s, a, stamp
}

// A changed password file ends the back-off of its account, within a minute by itself and at once when the rc
// file is read again; that of others goes on.
func TestMendedAccountIsRetried(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		reload bool
		within time.Duration
	}{
		{"by itself", false, lookInterval},
		{"reload", true, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server, mended, stamp := loginRefuser("ann")
				otherServer, other, _ := loginRefuser("bob")
				start := time.Now()
				run(t, 4*time.Minute, Options{Interval: time.Second}, func(s *Scheduler) {
					s.Replace([]*fetch.Account{mended, other}) // nothing changed
					synctest.Wait()
					if n := len(server.connects); n != 1 {
						t.Fatalf("%d connections before the change", n)
					}
					stamp.Store("right")
					if tt.reload {
						s.Replace([]*fetch.Account{mended, other})
					}
				}, mended, other)

				if n := len(server.connects); n != 2 || server.connects[1].Sub(start) != tt.within {
					t.Errorf("connections after %v, "+
						"want a second one after %v, which fails as a first one does",
						seconds(start, server.connects), tt.within)
				}
				if n := len(otherServer.connects); n != 1 {
					t.Errorf("%d connections for the other account, want 1", n)
				}
			})
		})
	}
}

// What changes while a login is refused was too late for it, and counts.
func TestMendedDuringRetrieval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, a, stamp := loginRefuser("ann")
		s.fails = func(n int) error {
			if n == 1 {
				stamp.Store("right")
				return fetch.Fail(fetch.KindAuth, errors.New("wrong password"))
			}
			return nil
		}
		run(t, 2*time.Minute, Options{Interval: time.Hour}, nil, a)
		if n := len(s.connects); n != 2 {
			t.Errorf("%d connections, want 2", n)
		}
	})
}

// A change of files is no reason to poll an account that is well.
func TestStampOfHealthyAccount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, a, stamp := loginRefuser("ann")
		s.fails = nil
		run(t, 10*time.Minute, Options{Interval: time.Hour}, func(*Scheduler) { stamp.Store("other") }, a)
		if n := len(s.connects); n != 1 {
			t.Errorf("%d connections, want 1", n)
		}
	})
}
