package fetch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"fetchd/delivery"
	"fetchd/fetch/fetchtest"
)

// drop is a Session, and its only Mailbox: messages stay until they are acknowledged.
type drop struct {
	there, todo []string
	retrieved   []string
	inDoubt     bool // an earlier run may have delivered what is there
	doubt       bool // the next one is to know that
}

func (d *drop) Mailboxes(context.Context) ([]string, error) { return []string{""}, nil }
func (d *drop) Peer() string                                { return "" }
func (d *drop) Close() error                                { return nil }

func (d *drop) Open(context.Context, string) (Mailbox, error) {
	d.todo = slices.Clone(d.there)
	return d, nil
}

func (d *drop) Counts() Counts  { return Counts{Messages: len(d.there), New: len(d.todo)} }
func (d *drop) Limit(n int)     { d.todo = d.todo[:n] }
func (d *drop) Only(Ref)        {}
func (d *drop) New([]Ref) []Ref { return nil }
func (d *drop) Spare([]Ref)     {}
func (d *drop) Doubt()          { d.doubt = true }
func (d *drop) InDoubt() bool   { return d.inDoubt }

func (d *drop) Leave(messages []Ref) {
	d.todo = slices.DeleteFunc(d.todo, func(uid string) bool {
		return slices.Contains(messages, Ref{UID: uid})
	})
}

func (d *drop) Judgeable() (all []Ref) {
	for _, uid := range d.todo {
		all = append(all, Ref{UID: uid})
	}
	return all
}

func (d *drop) Headers(context.Context, []Ref, []string, func(Ref, []byte)) error { return nil }

func (d *drop) Retrieve(_ context.Context, q *Queue) error {
	for n, uid := range d.todo {
		it := &Item{N: n + 1, Num: uint32(n + 1), UID: uid, Size: 3, Body: q.NewSpool(), Repeat: d.inDoubt}
		_, _ = fmt.Fprintf(it.Body, "x: y\n\n%s\n", uid)
		if err := it.Body.Close(); err != nil {
			return err
		}
		d.retrieved = append(d.retrieved, uid)
		q.Put(it)
	}
	return nil
}

func (d *drop) Record(_ context.Context, items []*Item) error {
	for _, it := range items {
		d.there = slices.DeleteFunc(d.there, func(uid string) bool { return uid == it.UID })
	}
	return nil
}

func (d *drop) Acknowledge(context.Context, []*Item) error { return nil }
func (d *drop) Skip(context.Context, []*Item) error        { return nil }
func (d *drop) Commit(context.Context) (int, error)        { return 0, nil }

// place is a destination that takes mail unless it is told not to.
type place struct {
	got    []string
	refuse func(uid string) error
}

func (p *place) String() string { return "place" }

func (p *place) Deliver(_ context.Context, m *delivery.Message) error {
	if p.refuse != nil {
		if err := p.refuse(m.UID); err != nil {
			return err
		}
	}
	p.got = append(p.got, m.UID)
	return nil
}

// A destination that can't be used is tried again in its own time, with one message. The account goes on as
// ever, and what waits is not retrieved again and again.
func TestDestinationHasItsOwnBackOff(t *testing.T) {
	t.Parallel()
	down := &delivery.Error{Class: delivery.Unusable, Err: errors.New("b: nobody answers")}
	now := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	server, a, b := &drop{}, &place{}, &place{}
	ret := NewRetriever(&Account{
		Name: "ann@h", Key: "key", Log: slog.New(slog.DiscardHandler), Journal: fetchtest.OpenJournal(t),
		Refusals: new(Refusals), Now: func() time.Time { return now },
		Server: Server{Connect: func(context.Context, *Account) (Session, error) { return server, nil }},
		Delivery: Delivery{Recipients: []string{"ann"}, Deliverer: delivery.NewSeveral([]delivery.Destination{
			{Key: "a", Deliverer: a}, {Key: "b", Deliverer: b},
		})},
	})

	for _, step := range []struct {
		name       string
		after      time.Duration
		down       bool
		come, gone string // messages that come to the server and that the user deletes there
		retrieved  string
		a, b       string
		waiting    int
		next       time.Duration // until the next try
	}{
		{"all is well", 0, false, "1", "", "1", "1", "1", 0, 0},
		{"b is down", 0, true, "2 3 4", "", "2 3 4", "2 3 4", "", 3, outageTest},
		{"others come", outageTest / 2, true, "5", "", "5", "5", "", 4, outageTest / 2},
		{"b is tried again, with one", outageTest / 2, true, "6", "", "2 6", "6", "", 5, 2 * outageTest},
		{"nothing is new", outageTest, true, "", "", "", "", "", 5, outageTest},
		{"the user deletes some", outageTest, true, "", "2 3", "4", "", "", 3, 4 * outageTest},
		{"too early for b", outageTest, false, "7", "", "7", "7", "", 4, 3 * outageTest},
		{"b is back", 3 * outageTest, false, "8", "", "4 8 5 6 7", "8", "4 8 5 6 7", 0, 0},
		{"all is well again", 0, false, "9", "", "9", "9", "9", 0, 0},
	} {
		now = now.Add(step.after)
		server.there = append(server.there, strings.Fields(step.come)...)
		server.there = slices.DeleteFunc(server.there, func(uid string) bool {
			return slices.Contains(strings.Fields(step.gone), uid)
		})
		server.retrieved, a.got, b.got, b.refuse = nil, nil, nil, nil
		if step.down {
			b.refuse = func(string) error { return down }
		}

		_, err := ret.Retrieve(t.Context())
		waiting, until := 0, time.Duration(0)
		if undelivered, ok := errors.AsType[*UndeliveredError](err); ok {
			waiting = undelivered.Count
		}
		if next := ret.NextTry(); !next.IsZero() {
			until = next.Sub(now)
		}
		got := strings.Join([]string{strings.Join(server.retrieved, " "), strings.Join(a.got, " "),
			strings.Join(b.got, " ")}, ", ")
		if want := step.retrieved + ", " + step.a + ", " + step.b; got != want {
			t.Errorf("%s: retrieved, a, b: %s\nwant %s", step.name, got, want)
		}
		if waiting != step.waiting || until != step.next || (err != nil) != (waiting > 0) ||
			err != nil && (!KeepsPace(err) || KindOf(err) != KindDelivery || !errors.Is(err, down)) {
			t.Errorf("%s: %d wait, next in %v: %v", step.name, waiting, until, err)
		}
	}
}

// outageTest is the first delay of a destination that is down.
const outageTest = 30 * time.Second

// A retrieval keeps the pace only if nothing else is wrong.
func TestKeepsPace(t *testing.T) {
	t.Parallel()
	other := Fail(KindDelivery, &UndeliveredError{Count: 1, Err: errors.New("full")})
	waits := Fail(KindDelivery, &UndeliveredError{Count: 1, Err: errors.New("down"), Waiting: true})
	own := Fail(KindDelivery, &UndeliveredError{Count: 1, Err: errors.New("full"), Own: true})
	for _, tt := range []struct {
		name string
		err  error
		want bool
	}{
		{"not taken", own, true},
		{"not taken and waiting", errors.Join(own, waits), true},
		{"not taken, and another failure", errors.Join(own, other), false},
		{"waiting", waits, true},
		{"joined", errors.Join(errors.Join(nil, waits), waits), true},
		{"another failure", errors.Join(waits, other), false},
		{"another failure first", errors.Join(other, waits), false},
		{"the server", errors.Join(waits, Fail(KindNetwork, errors.New("lost"))), false},
		{"none", nil, false},
	} {
		if got := KeepsPace(tt.err); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}

	if !AwaitsDestination(waits) || AwaitsDestination(errors.Join(own, waits)) {
		t.Error("what waits for a destination is not told from what is not taken")
	}
}
