package schedule

import (
	"fmt"
	"log/slog"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/fetch"
)

// refusals are what servers do when there are too many connections.
var refusals = map[string]error{
	"words": fetch.Fail(fetch.KindServer, fmt.Errorf("BYE: %w, %w", fetch.ErrCrowded,
		fetch.ErrTurnedAway)),
	"closed":      fetch.Fail(fetch.KindNetwork, fmt.Errorf("EOF: %w", fetch.ErrTurnedAway)),
	"BYE":         fetch.Fail(fetch.KindServer, fmt.Errorf("BYE go away: %w", fetch.ErrTurnedAway)),
	"[LIMIT]":     fetch.Fail(fetch.KindServer, fmt.Errorf("NO [LIMIT] no: %w", fetch.ErrNotJudged)),
	"other words": fetch.Fail(fetch.KindAuth, fmt.Errorf("NO not now: %w", fetch.ErrNotJudged)),
}

// eachSecond calls check for d, until it finds a problem.
func eachSecond(t *testing.T, d time.Duration, check func(at time.Duration) (problem string)) {
	t.Helper()
	for at := time.Second; at < d; at += time.Second {
		<-time.After(time.Second)
		if problem := check(at); problem != "" {
			t.Errorf("after %v: %s", at, problem)
			return
		}
	}
}

// Where a server allows fewer connections than there are folders or logins, all get their mail soon, as many
// as possible are watched, and the server need not refuse again and again.
func TestCrowdedServer(t *testing.T) {
	t.Parallel()
	folders := []string{"INBOX", "f1", "f2", "f3", "f4", "f5"}
	logins := func(n int) func(p *provider) []*fetch.Account {
		return func(p *provider) []*fetch.Account {
			var accounts []*fetch.Account
			for i := range n {
				accounts = append(accounts, p.account(fmt.Sprint("a", i), fmt.Sprint("box", i)))
			}
			return accounts
		}
	}
	oneLogin := func(p *provider) []*fetch.Account { return []*fetch.Account{p.account("a", folders...)} }

	for _, tt := range []struct {
		name     string
		allowed  int
		perLogin bool
		refusal  string
		accounts func(*provider) []*fetch.Account
		watched  int
		within   time.Duration // everything is looked at
	}{
		{"6 folders, 3 connections, in words", 3, true, "words", oneLogin, 2, time.Minute},
		{"6 folders, 3 connections", 3, true, "[LIMIT]", oneLogin, 2, time.Minute},
		{"6 folders, 3 connections, in other words", 3, true, "other words", oneLogin, 2, time.Minute},
		{"6 folders, 3 connections, closed", 3, true, "closed", oneLogin, 2, time.Minute},
		{"6 folders, one connection", 1, true, "[LIMIT]", oneLogin, 0, time.Minute},
		{"6 logins, 4 connections, closed", 4, false, "closed", logins(6), 3, time.Minute},
		{"6 logins, 4 connections, in words", 4, false, "words", logins(6), 3, time.Minute},
		{"6 logins, 4 connections, BYE", 4, false, "BYE", logins(6), 3, time.Minute},
		{"60 logins, 4 connections", 4, false, "closed", logins(60), 0, time.Minute},
		{"60 logins, 20 connections", 20, false, "BYE", logins(60), 15, time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newProvider(tt.allowed, tt.perLogin, refusals[tt.refusal])
				accounts := tt.accounts(p)
				run(t, 30*time.Minute, Options{Interval: 5 * time.Minute}, func(*Scheduler) {
					eachSecond(t, 29*time.Minute, func(at time.Duration) string {
						if d, name := p.longest(); d > tt.within {
							return fmt.Sprintf("%s was not looked at for %v", name, d)
						}
						if n := p.watched(); at > 2*time.Minute && n != tt.watched {
							return fmt.Sprintf("%d are watched, want %d", n, tt.watched)
						}
						return ""
					})
				}, accounts...)
				if p.refused > 3*len(p.seen) {
					t.Errorf("refused %d times", p.refused)
				}
			})
		})
	}
}

// Slow retrievals keep neither the others waiting for long, nor more connections than there are for those
// that stay.
func TestCrowdWithSlowRetrievals(t *testing.T) {
	t.Parallel()
	atFirst := func() func(string) time.Duration {
		start := time.Now()
		return func(string) time.Duration {
			if time.Since(start) < 2*time.Second {
				return 8 * time.Second
			}
			return 200 * time.Millisecond
		}
	}
	always := func(look func(string) time.Duration) func() func(string) time.Duration {
		return func() func(string) time.Duration { return look }
	}
	for _, tt := range []struct {
		name    string
		look    func() func(name string) time.Duration
		within  time.Duration
		watched int // at most
	}{
		{"all are slow at first", atFirst, 34 * time.Second, 2},
		{"all are slow", always(func(string) time.Duration { return 8 * time.Second }), 2 * time.Minute, 2},
		{"one takes ten minutes", always(func(name string) time.Duration {
			if name == "f5" {
				return 10 * time.Minute
			}
			return time.Second
		}), 2 * time.Minute, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newProvider(3, true, refusals["[LIMIT]"])
				p.look = tt.look()
				a := p.account("a", "INBOX", "f1", "f2", "f3", "f4", "f5")
				delete(p.seen, "f5")
				run(t, 30*time.Minute, Options{Interval: 5 * time.Minute}, func(*Scheduler) {
					eachSecond(t, 29*time.Minute, func(at time.Duration) string {
						p.set(func() { delete(p.seen, "f5") })
						if d, name := p.longest(); d > tt.within {
							return fmt.Sprintf("%s was not looked at for %v", name, d)
						}
						if n := p.watched(); at > 2*time.Minute && n > tt.watched {
							return fmt.Sprintf("%d are watched", n)
						}
						return ""
					})
				}, a)
			})
		})
	}
}

// What a refusal means depends on what happened before.
func TestMeaningOfRefusals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd()
		enter := func(opens bool) {
			if err := c.sit(t.Context(), func() {}); err != nil {
				t.Fatal(err)
			}
			if opens {
				c.opened(false)
			}
		}
		for range 4 {
			enter(true)
		}
		enter(false) // the one that is refused
		expect := func(what string, r refusal, want meaning, most int) {
			t.Helper()
			if got := c.interpret(r); got != want || c.most != most {
				t.Errorf("%s: %d, limit %d; want %d, %d", what, got, c.most, want, most)
			}
		}

		expect("at once", refusal{}, unclear, 0)
		<-time.After(crowdSettle)
		expect("later", refusal{}, crowded, 4)
		c.closed(false)
		expect("begun before that", refusal{lesson: 0}, crowded, 4)
		c.opened(true)
		expect("one that has nothing to do with the limit, which was confirmed",
			refusal{lesson: 1, again: true}, unrelated, 4)
		expect("afterwards, without words", refusal{lesson: 1}, unrelated, 4)
		c.closed(false)
		expect("afterwards, in words", refusal{lesson: 1, again: true, words: true}, crowded, 3)
		<-time.After(crowdDoubt)
		expect("one that has nothing to do with the limit, which was not confirmed",
			refusal{lesson: 2, again: true}, unrelated, 0)
	})
}

// A limit is forgotten after an hour, and at once by whoever wakes the daemon or reloads.
func TestRaisedLimit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		do   func(*Scheduler, []*fetch.Account)
		at   time.Duration
	}{
		{"after an hour", func(*Scheduler, []*fetch.Account) {}, crowdMemory + time.Minute},
		{"woken", func(s *Scheduler, _ []*fetch.Account) { s.Wake() }, 11 * time.Minute},
		{"reloaded", func(s *Scheduler, accounts []*fetch.Account) { s.Replace(accounts) }, 11 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newProvider(3, true, refusals["[LIMIT]"])
				accounts := []*fetch.Account{p.account("a", "INBOX", "f1", "f2", "f3", "f4", "f5")}
				run(t, 2*time.Hour, Options{}, func(s *Scheduler) {
					<-time.After(10 * time.Minute)
					p.set(func() { p.allowed = 6 })
					tt.do(s, accounts)
					<-time.After(tt.at - 10*time.Minute)
					if n := p.watched(); n != 6 {
						t.Errorf("%d are watched, want all", n)
					}
				}, accounts...)
			})
		})
	}
}

// A server that is started again, and turns everybody away but the first until it is ready, has no limit.
func TestRestartIsNoLimit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		refusal error // while it starts
	}{
		{"closes", refusals["closed"]},
		{"says BYE", refusals["BYE"]},
		{"says that there are too many", refusals["words"]},
		{"refuses connections", fetch.Fail(fetch.KindNetwork, syscall.ECONNREFUSED)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newProvider(0, false, nil)
				var accounts []*fetch.Account
				for i := range 8 {
					accounts = append(accounts, p.account(fmt.Sprint("a", i), fmt.Sprint("box", i)))
				}
				run(t, time.Hour, Options{}, func(*Scheduler) {
					<-time.After(time.Minute)
					restarted := time.Now()
					first := true
					p.set(func() {
						close(p.cut)
						p.cut = make(chan struct{})
						p.rejects = func(string) error {
							if time.Since(restarted) > 4*time.Second || first &&
								time.Since(restarted) > time.Second {
								first = false
								return nil
							}
							return tt.refusal
						}
					})
					<-time.After(30 * time.Second)
					eachSecond(t, 10*time.Minute, func(time.Duration) string {
						if n := p.watched(); n != len(accounts) {
							return fmt.Sprintf("%d are watched", n)
						}
						return ""
					})
				}, accounts...)
			})
		})
	}
}

// Accounts that a server never lets in take nothing away from its others.
func TestDeadAccountsAreNoLimit(t *testing.T) {
	t.Parallel()
	for name, refusal := range refusals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const fine, dead = 100, 10
				p := newProvider(0, false, nil)
				p.rejects = func(name string) error {
					if name == "dead" {
						return refusal
					}
					return nil
				}
				var accounts []*fetch.Account
				for i := range fine {
					accounts = append(accounts, p.account(fmt.Sprint("a", i), fmt.Sprint("box", i)))
				}
				for i := range dead {
					accounts = append(accounts, p.account(fmt.Sprint("dead", i), "dead"))
				}
				delete(p.seen, "dead")
				run(t, time.Hour, Options{}, func(*Scheduler) {
					<-time.After(time.Minute)
					eachSecond(t, 58*time.Minute, func(time.Duration) string {
						d, name := p.longest()
						// ten look again at a time when their IDLE is renewed
						if n := p.watched(); n < fine-15 || d > time.Minute {
							return fmt.Sprintf("%d are watched; %s was not looked at for %v", n, name, d)
						}
						return ""
					})
				}, accounts...)
			})
		})
	}
}

// A connection that is turned away while there is no other is an error like others.
func TestNobodyElseIsNoCrowd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(0, false, nil)
		tries := 0
		p.rejects = func(string) error { tries++; return refusals["closed"] }
		run(t, 5*time.Minute, Options{}, nil, p.account("a", "INBOX"))
		if tries != 9 { // as if it were started again: after 0, 1, 3, 7, 15, 31, 61, 121 and 241 s
			t.Errorf("%d tries in five minutes", tries)
		}
	})
}

// A single pass with more logins than the server allows retrieves from all.
func TestCrowdedPass(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(4, false, refusals["closed"])
		var accounts []*fetch.Account
		for i := range 12 {
			accounts = append(accounts, p.account(fmt.Sprint("a", i), fmt.Sprint("box", i)))
		}
		start := time.Now()
		for _, o := range New(Options{Log: slog.New(slog.DiscardHandler)}).Once(t.Context(), accounts) {
			if o.Err != nil {
				t.Errorf("%s: %v", o.Account.Name, o.Err)
			}
		}
		if d := time.Since(start); d > time.Minute {
			t.Errorf("it took %v", d)
		}
	})
}
