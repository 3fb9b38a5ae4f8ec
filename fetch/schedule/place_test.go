package schedule

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/delivery"
	"fetchd/fetch"
)

func nothing() int64 { return 0 }

// apart are n accounts, each on a host of its own.
func apart(s *server, n int) []*fetch.Account {
	var accounts []*fetch.Account
	for i := range n {
		a := s.account(fmt.Sprint("apart", i))
		a.Port = 100 + i
		accounts = append(accounts, a)
	}
	return accounts
}

// mailbox is one with n new messages; each comes after a pause.
type mailbox struct {
	empty
	n     int
	pause time.Duration
}

func (b mailbox) Counts() fetch.Counts { return fetch.Counts{Messages: b.n, New: b.n} }

func (b mailbox) Retrieve(ctx context.Context, q *fetch.Queue) error {
	for i := range b.n {
		if err := q.Wait(ctx); err != nil {
			return err
		}
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

// full is a session on such a mailbox.
type full struct {
	session
	box mailbox
}

func (c *full) Open(ctx context.Context, name string) (fetch.Mailbox, error) {
	_, err := c.session.Open(ctx, name)
	return c.box, err
}

// fill gives the accounts mailboxes like b, whose messages are delivered to box.
func fill(s *server, b mailbox, box *sink, accounts ...*fetch.Account) {
	for _, a := range accounts {
		a.Deliverer = box
		a.Connect = func(context.Context, *fetch.Account) (fetch.Session, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.open++
			return &full{session{s, nil}, b}, nil
		}
	}
}

// sink notes when something is delivered, which may take its time.
type sink struct {
	takes time.Duration

	mu       sync.Mutex
	now, max int // deliveries at once
	times    []time.Time
}

func (s *sink) String() string { return "sink" }

func (s *sink) Deliver(ctx context.Context, _ *delivery.Message) error {
	s.mu.Lock()
	s.now++
	s.max = max(s.max, s.now)
	s.mu.Unlock()

	var err error
	select {
	case <-time.After(s.takes):
	case <-ctx.Done():
		err = ctx.Err()
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	s.now--
	if err == nil {
		s.times = append(s.times, time.Now())
	}
	return err
}

// ways are those to retrieve.
var ways = map[string]func(*Scheduler, context.Context, []*fetch.Account){
	"a daemon": (*Scheduler).Run,
	"a single pass": func(s *Scheduler, ctx context.Context,
		accounts []*fetch.Account) {
		s.Once(ctx, accounts)
	},
}

// Hundreds of others that are in trouble delay an account's mail by seconds, not until they are given up.
func TestTroubleDelaysNobody(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		others func() []*fetch.Account
		wait   time.Duration
	}{
		{"servers that accept and stay silent", func() []*fetch.Account {
			return apart(&server{login: time.Hour}, 600)
		}, 3 * startTime},
		{"servers that stay silent after the login", func() []*fetch.Account {
			return apart(&server{takes: time.Hour}, 600)
		}, 3 * startTime},
		{"servers that stay silent instead of sending", func() []*fetch.Account {
			s := &server{}
			accounts := apart(s, 100)
			fill(s, mailbox{n: 1, pause: time.Hour}, &sink{}, accounts...)
			return accounts
		}, 4 * slowTime},
		{"agents that hang", func() []*fetch.Account {
			s := &server{}
			accounts := apart(s, 100)
			fill(s, mailbox{n: 600}, &sink{takes: time.Hour}, accounts...)
			return accounts
		}, 4 * slowTime},
		{"long first fetches", func() []*fetch.Account {
			s := &server{}
			accounts := apart(s, 300)
			fill(s, mailbox{n: 2000, pause: time.Second}, &sink{}, accounts...)
			return accounts
		}, 40 * time.Second}, // of which each begins with a turn: 300 of them, 32 at a time
	} {
		for name, way := range ways {
			t.Run(tt.name+", "+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					start, s, got := time.Now(), &server{}, &sink{}
					healthy := s.account("fine")
					fill(s, mailbox{n: 1}, got, healthy)
					sch := New(Options{Log: slog.New(slog.DiscardHandler),
						Rand: func() float64 { return 0.5 }})
					ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
					defer cancel()

					others := tt.others()
					way(sch, ctx, append(others, healthy))
					spread := sch.startDelay(healthy, len(others)+1)
					if len(got.times) == 0 || got.times[0].Sub(start) > spread+tt.wait {
						t.Errorf("after %v: %v", spread, seconds(start, got.times))
					}
					if sch.starts.inside()+sch.waits.inside()+sch.transfers.inside()+sch.slow.inside() > 0 {
						t.Error("places are never free again")
					}
				})
			})
		}
	}
}

// A watched account's news waits neither for hundreds that connect, nor behind all that transfers.
func TestNewsComesFirst(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		others func() []*fetch.Account
	}{
		{"others of its server log in", func() []*fetch.Account {
			return numbered(&server{login: time.Second}, 300)
		}},
		{"the logins of others of its server hang", func() []*fetch.Account {
			return numbered(&server{login: time.Hour}, 300)
		}},
		{"long first fetches elsewhere", func() []*fetch.Account {
			s := &server{}
			accounts := apart(s, 40)
			fill(s, mailbox{n: 100, pause: 8 * time.Second}, &sink{}, accounts...)
			return accounts
		}},
		{"agents hang elsewhere", func() []*fetch.Account {
			s := &server{}
			accounts := apart(s, 400)
			fill(s, mailbox{n: 600}, &sink{takes: time.Hour}, accounts...)
			return accounts
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, box := &server{watches: true, mail: make(chan struct{})}, &sink{}
				watched := s.account("watched")
				watched.Idle = true
				fill(s, mailbox{n: 1}, box, watched)

				var told time.Time
				run(t, time.Minute, Options{}, func(sch *Scheduler) {
					sch.Replace(append(tt.others(), watched))
					time.AfterFunc(6*time.Second, func() {
						told = time.Now()
						s.mail <- struct{}{}
					})
				}, watched)
				if len(box.times) != 2 || box.times[1].Sub(told) > time.Second {
					t.Errorf("told at %v, delivered at %v", told, box.times)
				}
			})
		})
	}
}

// What retrievals hold in memory is bounded by the number of those that transfer, and of those that gave
// their places away.
func TestTransfersAreBounded(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		takes time.Duration
		want  int
	}{
		{"quick ones", time.Second, 2},
		{"slow ones", time.Hour, 2 + 2*slowFactor},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, box := &server{}, &sink{takes: tt.takes}
				accounts := apart(s, 100)
				fill(s, mailbox{n: 8}, box, accounts...)
				sch := New(Options{MaxPolls: 2, Log: slog.New(slog.DiscardHandler)})
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
				defer cancel()
				sch.Once(ctx, accounts)
				if box.max != tt.want {
					t.Errorf("%d deliveries at once, want %d", box.max, tt.want)
				}
			})
		})
	}
}

// Connections that come about, silent ones too, are bounded where files are few.
func TestStartsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hung := &server{takes: time.Hour}
		sch := New(Options{MaxPolls: 2, MaxStarts: 20, Log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
		defer cancel()
		sch.Once(ctx, apart(hung, 100))
		if hung.max != 20 || sch.starts.inside()+sch.waits.inside() != 0 {
			t.Errorf("%d at once, want 20; %d at the end", hung.max, sch.starts.inside()+sch.waits.inside())
		}
	})
}

// Long retrievals that interrupt each other get all that there is, in the time that it takes anyway.
func TestLongRetrievalsTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, box := &server{}, &sink{}
		accounts := apart(s, 10)
		fill(s, mailbox{n: 50, pause: time.Second}, box, accounts...)
		sch := New(Options{MaxPolls: 2, Log: slog.New(slog.DiscardHandler)})
		start := time.Now()
		for _, o := range sch.Once(t.Context(), accounts) {
			if o.Err != nil || o.Result.Delivered != 50 {
				t.Errorf("%+v", o)
			}
		}
		if took := time.Since(start); took < 250*time.Second || took > 260*time.Second {
			t.Errorf("500 messages, two in a second, took %v", took)
		}
	})
}

// An account that is due while hundreds of long retrievals take turns does not wait for a turn of each.
func TestShortRetrievalsComeFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, box := &server{}, &sink{}
		accounts := apart(s, 600)
		fill(s, mailbox{n: 2000, pause: time.Second}, &sink{}, accounts...)
		healthy := s.account("fine")
		fill(s, mailbox{n: 1}, box, healthy)
		var due time.Time
		run(t, 5*time.Minute, Options{Interval: time.Hour}, func(sch *Scheduler) {
			time.AfterFunc(4*time.Minute, func() {
				due = time.Now()
				sch.Replace(append(accounts, healthy))
			})
		}, accounts...)
		if len(box.times) == 0 || box.times[0].Sub(due) > 2*turnTime {
			t.Errorf("due at %v, delivered at %v", due, box.times)
		}
	})
}

func TestUrgency(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		r    *runner
		want urgency
	}{
		{"due", &runner{}, normal},
		{"news", &runner{news: true}, urgent},
		{"news of an account whose agent hung", &runner{news: true, slow: true}, patient},
		{"it failed", &runner{failures: 1}, patient},
	} {
		if got := tt.r.urgency(); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

// A retrieval that was slow takes a place like others again as soon as it can.
func TestSlowRetrievalComesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{MaxPolls: 1})
		var delivered atomic.Int64
		p, err := s.acquire(t.Context(), &fetch.Account{}, normal, delivered.Load)
		if err != nil || p.Begin(t.Context()) != nil {
			t.Fatal(err)
		}
		<-time.After(slowTime / 2)
		delivered.Add(1)
		<-time.After(slowTime)
		if p.wasSlow() || p.Wanted() {
			t.Error("it is slow although it delivers")
		}
		<-time.After(slowTime)
		if !p.wasSlow() || !p.Wanted() || s.transfers.inside() != 0 || s.slow.inside() != 1 {
			t.Error("it has not given its place away")
		}

		p.End()
		if err := p.Begin(t.Context()); err != nil || s.transfers.inside() != 1 || s.slow.inside() != 0 {
			t.Errorf("%v; %d transfer, %d are slow", err, s.transfers.inside(), s.slow.inside())
		}
		p.release()
		p.reconsider()
		if s.transfers.inside() != 0 || s.slow.inside() != 0 {
			t.Error("the place is never free again")
		}
	})
}

// A look that comes late, when the retrieval has gone on, changes nothing.
func TestLateLook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{MaxPolls: 1})
		p, err := s.acquire(t.Context(), &fetch.Account{}, normal, nothing)
		if err != nil || p.Begin(t.Context()) != nil {
			t.Fatal(err)
		}
		defer p.release()
		p.reconsider()
		if s.starts.inside() != 0 || s.transfers.inside() != 1 || p.wasSlow() {
			t.Errorf("%d transfer", s.transfers.inside())
		}
	})
}
