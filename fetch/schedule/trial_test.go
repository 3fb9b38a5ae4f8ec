package schedule

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/fetch"
)

// wrongPasswords are what servers answer to one.
var wrongPasswords = map[string]error{
	"judged": fetch.Fail(fetch.KindAuth, errors.New("NO [AUTHENTICATIONFAILED]")),
	"plain":  fetch.Fail(fetch.KindAuth, fmt.Errorf("NO: %w", fetch.ErrNotJudged)),
	"ended":  fetch.Fail(fetch.KindNetwork, errors.Join(fetch.ErrTurnedAway, fetch.ErrNoVerdict)),
}

// eightFolders is an account that watches eight mailboxes.
func eightFolders(s *server) *fetch.Account {
	s.watches, s.mail = true, make(chan struct{})
	a := s.account("a")
	a.Idle, a.Mailboxes = true, []string{"INBOX", "f1", "f2", "f3", "f4", "f5", "f6", "f7"}
	return a
}

// A login that is refused is tried once for all folders, and said once, however long they wait.
func TestWrongPasswordIsTriedOnce(t *testing.T) {
	t.Parallel()
	want := map[string][]int{"judged": {0, 300, 900}, "plain": {0, 300, 900}, "ended": {0, 30, 330, 930}}
	for name, wrong := range wrongPasswords {
		for _, takes := range []time.Duration{0, 100 * time.Millisecond} {
			t.Run(fmt.Sprint(name, " after ", takes), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					start, s := time.Now(), &server{login: takes, fails: func(int) error { return wrong }}
					var mu sync.Mutex
					told, said := 0, 0
					o := Options{Interval: time.Minute, Done: func(o Outcome) {
						mu.Lock()
						defer mu.Unlock()
						told++
						if !o.Repeats {
							said++
						}
					}}
					run(t, 20*time.Minute, o, nil, eightFolders(s))

					if got := seconds(start, s.connects); !slices.Equal(got, want[name]) {
						t.Errorf("logged in at %v, want %v", got, want[name])
					}
					if said != 1 || told != 8*len(want[name]) {
						t.Errorf("%d outcomes, %d of them news", told, said)
					}
				})
			})
		}
	}
}

// With jitter the folders are due one after the other, and still the login is tried as if there were one.
func TestWrongPasswordWithJitter(t *testing.T) {
	t.Parallel()
	for name, wrong := range wrongPasswords {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &server{login: time.Second, fails: func(int) error { return wrong }}
				a := eightFolders(s)
				sch := New(Options{Interval: time.Minute, Log: a.Log})
				ended := make(chan struct{})
				ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
				defer cancel()
				go func() {
					defer close(ended)
					sch.Run(ctx, []*fetch.Account{a})
				}()
				<-ended

				most := 14 // 5, 10, 20, 40, 80 and 160 minutes, and then every four hours, but for the jitter
				if name == "ended" {
					most = 60 // every half an hour in the end
				}
				if n := len(s.connects); n > most {
					t.Errorf("%d logins in a day", n)
				}
			})
		})
	}
}

// The first login that succeeds lets all others in at once, and those after it wait for none.
func TestLoginThatSucceedsIsWaitedForOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start, s := time.Now(), &server{login: 2 * time.Second}
		a := eightFolders(s)
		run(t, time.Minute, Options{Interval: time.Hour}, func(*Scheduler) {
			<-time.After(40 * time.Second)
			close(s.mail) // the connections are lost
			<-time.After(time.Second)
			s.mail = make(chan struct{})
		}, a)
		got := seconds(start, s.connects)
		want := []int{2, 4, 4, 4, 4, 4, 4, 4, 43, 43, 43, 43, 43, 43, 43, 43}
		if !slices.Equal(got, want) {
			t.Errorf("logged in at %v, want %v", got, want)
		}
	})
}

// A mended password, whoever finds out, is tried by one and then used by all; one that is still wrong is
// tried once more.
func TestMendedPasswordOfFolders(t *testing.T) {
	t.Parallel()
	anyone := func(*fetch.Account) bool { return true }
	for name, do := range map[string]func(*Scheduler, *fetch.Account){
		"wake":      func(s *Scheduler, _ *fetch.Account) { s.Wake() },
		"wake some": func(s *Scheduler, _ *fetch.Account) { s.WakeOnly(anyone) },
		"reload": func(s *Scheduler, a *fetch.Account) {
			changed := *a
			changed.Settings = "changed"
			s.Replace([]*fetch.Account{&changed})
		},
		"file":       func(*Scheduler, *fetch.Account) {},
		"the server": func(*Scheduler, *fetch.Account) { <-time.After(14 * time.Minute) },
	} {
		for _, mended := range []bool{true, false} {
			t.Run(fmt.Sprint(name, " ", mended), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s, stamp := &server{login: time.Second}, ""
					right := false
					s.fails = func(int) error {
						if right {
							return nil
						}
						return wrongPasswords["plain"]
					}

					a := eightFolders(s)
					a.Stamp = func() string {
						s.mu.Lock()
						defer s.mu.Unlock()
						return stamp
					}
					run(t, 20*time.Minute, Options{Interval: time.Minute}, func(sch *Scheduler) {
						<-time.After(100 * time.Second)
						s.mu.Lock()
						before := len(s.connects)
						right = mended
						if name == "file" {
							stamp = "changed"
						}
						s.mu.Unlock()

						do(sch, a)
						<-time.After(65 * time.Second)
						s.mu.Lock()
						defer s.mu.Unlock()
						n := len(s.connects) - before
						switch {
						case mended && s.open != 8:
							t.Errorf("%d are connected", s.open)
						case !mended && name != "the server" && n != 1:
							t.Errorf("tried %d times", n)
						}
					}, a)
				})
			})
		}
	}
}

// A login that ends without an answer leaves nobody waiting: another one tries.
func TestLoginWithoutAnswer(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]func(n int) error{
		"panic": func(n int) error {
			if n == 1 {
				panic("no")
			}
			return nil
		},
		"network": func(n int) error {
			if n == 1 {
				return fetch.Fail(fetch.KindNetwork, errors.New("no"))
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &server{login: time.Second, fails: fails}

				run(t, 10*time.Minute, Options{Interval: time.Minute}, func(*Scheduler) {
					<-time.After(2 * time.Minute)
					s.mu.Lock()
					defer s.mu.Unlock()
					if s.open != 8 {
						t.Errorf("%d are connected", s.open)
					}
				}, eightFolders(s))
			})
		})
	}
}

// The end of the daemon, or of the folder whose turn it is, is waited for by nobody.
func TestEndWhileALoginHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start, s := time.Now(), &server{login: time.Hour}
		a := eightFolders(s)
		run(t, time.Minute, Options{}, func(sch *Scheduler) {
			<-time.After(time.Second)
			fewer := *a
			fewer.Mailboxes = a.Mailboxes[:2]
			sch.Replace([]*fetch.Account{&fewer})
		}, a)
		if d := time.Since(start); d != time.Minute {
			t.Errorf("ended after %v", d)
		}
	})
}
