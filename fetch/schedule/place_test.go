package schedule

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/delivery"
	"fetchd/fetch"
)

// hungAccounts are n accounts on servers of their own that say nothing.
func hungAccounts(hung *server, n int) []*fetch.Account {
	var accounts []*fetch.Account
	for i := range n {
		a := hung.account(fmt.Sprint("dead", i))
		a.Port = 100 + i
		accounts = append(accounts, a)
	}
	return accounts
}

// More silent servers than there are places delay the others by seconds, not until they are given up.
func TestSlowRetrievalsGiveTheirPlaces(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		run  func(*Scheduler, context.Context, []*fetch.Account)
	}{
		{"a daemon", (*Scheduler).Run},
		{"a single pass", func(s *Scheduler, ctx context.Context, accounts []*fetch.Account) { s.Once(ctx, accounts) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				hung, healthy := &server{takes: time.Hour}, &server{}
				accounts := append(hungAccounts(hung, 32), healthy.account("fine"))
				s := New(Options{MaxPolls: 4, Rand: func() float64 { return 0.5 }, Log: slog.New(slog.DiscardHandler)})
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
				defer cancel()
				tt.run(s, ctx, accounts)
				if len(healthy.looks) == 0 {
					t.Error("the healthy account was not looked at within two minutes")
				}
				if len(s.slots) != 0 || len(s.slow) != 0 || len(s.host(accounts[0]).places) != 0 {
					t.Errorf("%d places and %d of slow ones are never free again", len(s.slots), len(s.slow))
				}
			})
		})
	}
}

// What slow retrievals hold is bounded by their number.
func TestSlowRetrievalsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hung := &server{takes: time.Hour}
		s := New(Options{MaxPolls: 2, Log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
		defer cancel()
		s.Once(ctx, hungAccounts(hung, 100))
		if want := 2 + 2*slowFactor; hung.max != want {
			t.Errorf("%d retrievals at once, want %d", hung.max, want)
		}
	})
}

// A look at a retrieval that has just ended changes nothing.
func TestPlaceThatWasLeft(t *testing.T) {
	t.Parallel()
	s := New(Options{MaxPolls: 1})
	p, err := s.acquire(t.Context(), &fetch.Account{})
	if err != nil {
		t.Fatal(err)
	}
	p.watch(func() int64 { return 0 })
	p.release()
	p.look(0)
	if len(s.slots) != 0 || len(s.slow) != 0 {
		t.Errorf("%d places are taken, %d of slow ones", len(s.slots), len(s.slow))
	}
}

// trickle is a mailbox that gives a message every few seconds.
type trickle struct {
	empty
	n     int
	pause time.Duration
}

func (b trickle) Counts() fetch.Counts { return fetch.Counts{Messages: b.n, New: b.n} }

func (b trickle) Retrieve(ctx context.Context, q *fetch.Queue) error {
	for i := range b.n {
		select {
		case <-time.After(b.pause):
		case <-ctx.Done():
			return ctx.Err()
		}
		body := q.NewSpool()
		_, _ = io.WriteString(body, "x\r\n")
		if err := body.Close(); err != nil {
			return err
		}
		q.Put(&fetch.Item{N: i + 1, Num: uint32(i + 1), UID: fmt.Sprint(i), Size: 3, Body: body})
	}
	return nil
}

// trickling is a session on such a mailbox.
type trickling struct {
	session
	box trickle
}

func (c *trickling) Open(context.Context, string) (fetch.Mailbox, error) {
	c.s.looks = append(c.s.looks, time.Now())
	return c.box, nil
}

type sink struct{}

func (sink) Deliver(context.Context, *delivery.Message) error { return nil }
func (sink) String() string                                   { return "sink" }

// Who delivers keeps its place, however long it takes: there are no more of them at work than maxpolls says.
func TestWhoDeliversKeepsItsPlace(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pause time.Duration
		keeps bool
	}{{slowTime / 2, true}, {2 * slowTime, false}} {
		t.Run(tt.pause.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				busy, next := &server{}, &server{}
				first := busy.account("first")
				first.Deliverer = sink{}
				first.Connect = func(_ context.Context, a *fetch.Account) (fetch.Session, error) {
					busy.open++
					return &trickling{session{busy, nil}, trickle{n: 60, pause: tt.pause}}, nil
				}
				s := New(Options{MaxPolls: 1, Log: slog.New(slog.DiscardHandler)})
				start := time.Now()
				ended := make(chan time.Duration, 1)
				go func() {
					if o := s.Once(t.Context(), []*fetch.Account{first}); o[0].Err != nil || o[0].Result.Delivered != 60 {
						t.Errorf("%+v", o[0])
					}
					ended <- time.Since(start)
				}()
				synctest.Wait()
				s.Once(t.Context(), []*fetch.Account{next.account("next")})
				waited := time.Since(start)
				if took := <-ended; tt.keeps != (waited >= took) {
					t.Errorf("the next one waited %v, the first took %v", waited, took)
				}
			})
		})
	}
}
