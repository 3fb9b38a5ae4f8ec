package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/delivery"
	"fetchd/fetch/login"
	"fetchd/tlsverify"
)

// story is what happened, in order.
type story struct {
	mu    sync.Mutex
	lines []string
}

func (s *story) tell(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

func (s *story) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "; ")
}

// fakeServer is a Session whose mailboxes are fakes.
type fakeServer struct {
	*story
	boxes []*fakeMailbox
}

func (s *fakeServer) Mailboxes(context.Context) ([]string, error) {
	names := make([]string, len(s.boxes))
	for i, b := range s.boxes {
		names[i] = b.name
	}
	return names, nil
}

func (s *fakeServer) Open(_ context.Context, name string) (Mailbox, error) {
	for _, b := range s.boxes {
		if b.name == name {
			s.tell("open %s", name)
			b.story = s.story
			return b, b.open
		}
	}
	return nil, errors.New("no such mailbox")
}

func (s *fakeServer) Peer() string { return "192.0.2.1" }

func (s *fakeServer) Close() error {
	s.tell("close")
	return nil
}

// fakeMailbox is a Mailbox with messages 1 to n; those in lost can't be retrieved.
type fakeMailbox struct {
	*story
	name                                   string
	n                                      int
	lost                                   map[int]bool
	open, cut, record, acknowledge, commit error
	pause                                  time.Duration
	heads                                  map[int]string // header fields
}

func (b *fakeMailbox) Counts() Counts { return Counts{Messages: b.n, New: b.n} }

func (b *fakeMailbox) Limit(n int) { b.n = n }

func (b *fakeMailbox) Leave(messages []Ref) {
	if len(messages) > 0 {
		b.tell("leave %v", messages)
	}
}

func (b *fakeMailbox) New([]Ref) []Ref { return nil }

func (b *fakeMailbox) Only(message Ref) { b.tell("only %v", message) }

func (b *fakeMailbox) Retrieve(ctx context.Context, q *Queue) error {
	for n := 1; n <= b.n; n++ {
		if err := q.Wait(ctx); err != nil {
			return Fail(KindNetwork, err)
		}
		it := &Item{N: n, Num: uint32(n), UID: fmt.Sprint(n), Size: 3, Err: errors.New("not sent")}
		if !b.lost[n] {
			it.Err, it.Body = nil, q.NewSpool()
			_, _ = fmt.Fprintf(it.Body, "%s\nm%d", b.heads[n], n)
			if err := it.Body.Close(); err != nil {
				return err
			}
		}
		q.Put(it)
		select {
		case <-time.After(b.pause):
		case <-ctx.Done():
			return Fail(KindNetwork, ctx.Err())
		}
	}
	return b.cut
}

func nums(items []*Item) string {
	var out []string
	for _, it := range items {
		out = append(out, it.UID)
	}
	return strings.Join(out, ",")
}

func (b *fakeMailbox) Record(_ context.Context, items []*Item) error {
	b.tell("record %s", nums(items))
	return b.record
}

func (b *fakeMailbox) Acknowledge(_ context.Context, items []*Item) error {
	b.tell("acknowledge %s", nums(items))
	return b.acknowledge
}

func (b *fakeMailbox) Skip(_ context.Context, items []*Item) error {
	b.tell("skip %s", nums(items))
	return nil
}

func (b *fakeMailbox) Commit(context.Context) (int, error) {
	b.tell("commit")
	return b.n, b.commit
}

// fakeDeliverer refuses messages by their number.
type fakeDeliverer struct {
	*story
	refuse map[string]error
	slow   time.Duration
	busy   chan struct{} // capacity: deliveries allowed at once; nil = any
}

func (d *fakeDeliverer) String() string { return "fake" }

func (d *fakeDeliverer) Deliver(ctx context.Context, m *delivery.Message) error {
	if d.busy != nil {
		select {
		case d.busy <- struct{}{}:
			defer func() { <-d.busy }()
		default:
			return errors.New("too many at once")
		}
	}
	select {
	case <-time.After(d.slow):
	case <-ctx.Done():
		d.tell("give up %s", m.UID)
		return ctx.Err()
	}
	d.tell("deliver %s", m.UID)
	return d.refuse[m.UID]
}

// fakeGroup is a GroupDeliverer.
type fakeGroup struct{ *fakeDeliverer }

func (d fakeGroup) DeliverGroup(ctx context.Context, ms []*delivery.Message) []error {
	var out []error
	for _, m := range ms {
		out = append(out, d.Deliver(ctx, m))
	}
	return out
}

func TestTransfer(t *testing.T) {
	t.Parallel()
	full := errors.New("mailbox full")
	gone := &delivery.Error{Class: delivery.Unusable, Err: errors.New("no such command")}
	later := &delivery.Error{
		Class: delivery.Temporary, Err: &delivery.AgentError{Status: 75, Reason: errors.New("later")},
	}
	broken := Fail(KindNetwork, errors.New("connection lost"))
	journal := Fail(KindJournal, errors.New("disk full"))
	box := func(n int) *fakeMailbox { return &fakeMailbox{name: "a", n: n} }
	tests := []struct {
		name   string
		group  bool
		boxes  []*fakeMailbox
		refuse map[string]error
		limit  int
		want   string
		kind   Kind
		result Result
	}{
		{"one by one", false, []*fakeMailbox{box(2)}, nil, 0,
			"open a; deliver 1; record 1; acknowledge 1; " +
				"deliver 2; record 2; acknowledge 2; commit; close", 0,
			Result{Messages: 2, New: 2, Delivered: 2, Bytes: 6, Deleted: 2}},
		{"group", true, []*fakeMailbox{box(3)}, nil, 0,
			"open a; deliver 1; deliver 2; deliver 3; record 1,2,3; acknowledge 1,2,3; commit; close", 0,
			Result{Messages: 3, New: 3, Delivered: 3, Bytes: 9, Deleted: 3}},
		{"nothing new", true, []*fakeMailbox{box(0)}, nil, 0, "open a; commit; close", 0, Result{}},
		{"refused one by one", false, []*fakeMailbox{box(3)}, map[string]error{"2": full}, 0,
			"open a; deliver 1; record 1; acknowledge 1; deliver 2; " +
				"deliver 3; record 3; acknowledge 3; commit; close", KindDelivery,
			Result{Messages: 3, New: 3, Delivered: 2, Bytes: 6, Deleted: 3, Failed: 1}},
		{"refused in a group", true, []*fakeMailbox{box(3)}, map[string]error{"2": full}, 0,
			"open a; deliver 1; deliver 2; deliver 3; record 1,3; " +
				"acknowledge 1,3; commit; close", KindDelivery,
			Result{Messages: 3, New: 3, Delivered: 2, Bytes: 6, Deleted: 3, Failed: 1}},
		{"later one by one", false, []*fakeMailbox{box(2)}, map[string]error{"1": later}, 0,
			"open a; deliver 1; deliver 2; record 2; acknowledge 2; commit; close", KindDelivery,
			Result{Messages: 2, New: 2, Delivered: 1, Bytes: 3, Deleted: 2, Failed: 1}},
		{"later in a group", true, []*fakeMailbox{box(2)}, map[string]error{"1": later, "2": later}, 0,
			"open a; deliver 1; deliver 2; commit; close", KindDelivery,
			Result{Messages: 2, New: 2, Failed: 2, Deleted: 2}},
		{"all refused in a group", true, []*fakeMailbox{box(2)}, map[string]error{"1": full, "2": full}, 0,
			"open a; deliver 1; deliver 2; commit; close", KindDelivery,
			Result{Messages: 2, New: 2, Failed: 2, Deleted: 2}},
		{"refused here, and not left out there", false,
			[]*fakeMailbox{box(1), {name: "b", n: 1}}, map[string]error{"1": full}, 0,
			"open a; deliver 1; commit; open b; deliver 1; commit; close",
			KindDelivery, Result{Messages: 2, New: 2, Failed: 2, Deleted: 2}},
		{"not retrieved", true, []*fakeMailbox{{name: "a", n: 2, lost: map[int]bool{1: true}}}, nil, 0,
			"open a; deliver 2; record 2; acknowledge 2; commit; close", KindDelivery,
			Result{Messages: 2, New: 2, Delivered: 1, Bytes: 3, Deleted: 2, Failed: 1}},
		{"none retrieved", false, []*fakeMailbox{{name: "a", n: 1, lost: map[int]bool{1: true}}}, nil, 0,
			"open a; commit; close", KindDelivery, Result{Messages: 1, New: 1, Deleted: 1, Failed: 1}},
		{"record fails", true, []*fakeMailbox{{name: "a", n: 2, record: journal}, {name: "b"}}, nil, 0,
			"open a; deliver 1; deliver 2; record 1,2; close", KindJournal, Result{Messages: 2, New: 2}},
		{"record fails one by one", false,
			[]*fakeMailbox{{name: "a", n: 2, record: journal, pause: time.Second}}, nil, 0,
			"open a; deliver 1; record 1; close", KindJournal, Result{Messages: 2, New: 2}},
		{"acknowledge fails", false,
			[]*fakeMailbox{{name: "a", n: 2, acknowledge: broken, pause: time.Second}}, nil, 0,
			"open a; deliver 1; record 1; acknowledge 1; close", KindNetwork,
			Result{Messages: 2, New: 2, Delivered: 1, Bytes: 3}},
		{"connection lost", false, []*fakeMailbox{{name: "a", n: 1, cut: broken}, {name: "b"}}, nil, 0,
			"open a; deliver 1; record 1; acknowledge 1; close", KindNetwork,
			Result{Messages: 1, New: 1, Delivered: 1, Bytes: 3}},
		{"commit fails", false, []*fakeMailbox{
			{name: "a", commit: Fail(KindServer, full)},
			{name: "b"},
		}, nil, 0,
			"open a; commit; open b; commit; close", KindServer, Result{}},
		{"a mailbox is missing", false, []*fakeMailbox{
			{name: "a", open: Fail(KindServer, full)},
			{name: "b"},
		}, nil, 0,
			"open a; open b; commit; close", KindServer, Result{}},
		{"destination unusable", false, []*fakeMailbox{
			{name: "a", n: 3, pause: time.Second},
			{name: "b", n: 1},
		}, map[string]error{"1": gone}, 0,
			"open a; deliver 1; close", KindDelivery, Result{Messages: 3, New: 3, Failed: 1}},
		{"destination unusable for a group", true, []*fakeMailbox{
			{name: "a", n: 3},
			{name: "b", n: 1},
		}, map[string]error{"2": gone}, 0,
			"open a; deliver 1; deliver 2; deliver 3; record 1,3; acknowledge 1,3; close", KindDelivery,
			Result{Messages: 3, New: 3, Delivered: 2, Bytes: 6, Failed: 1}},
		{"limit over mailboxes", false, []*fakeMailbox{box(2), {name: "b", n: 2}, {name: "c", n: 2}}, nil, 3,
			"open a; deliver 1; record 1; acknowledge 1; deliver 2; record 2; acknowledge 2; commit; " +
				"open b; deliver 1; record 1; acknowledge 1; commit; open c; commit; close", 0,
			Result{Messages: 6, New: 3, Delivered: 3, Bytes: 9, Deleted: 3, LimitHit: true}},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &fakeServer{story: &story{}, boxes: tt.boxes}
				a := &Account{Name: "ann", Log: slog.New(slog.DiscardHandler),
					Selection: Selection{FetchLimit: tt.limit},
					Delivery:  Delivery{Recipients: []string{"ann"}}}
				a.Connect = func(context.Context, *Account) (Session, error) { return s, nil }
				d := &fakeDeliverer{story: s.story, refuse: tt.refuse}
				if a.Deliverer = d; tt.group {
					a.Deliverer = fakeGroup{d}
				}

				res, err := Retrieve(t.Context(), a)
				if s.String() != tt.want {
					t.Errorf("happened: %s\nwanted:   %s", s, tt.want)
				}
				if KindOf(err) != tt.kind || (err == nil) != (tt.kind == 0) {
					t.Errorf("kind %d: %v", KindOf(err), err)
				}
				if res != tt.result {
					t.Errorf("result %+v\nwanted %+v", res, tt.result)
				}
			})
		})
	}
}

// The message in hand gets its grace when the retrieval is cancelled; what waits behind it does not.
func TestGrace(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		name  string
		slow  time.Duration
		want  string
		after time.Duration
	}{
		{"in time", 9 * time.Second, "open a; deliver 1; record 1; acknowledge 1; close", 9 * time.Second},
		{"too late", time.Hour, "open a; give up 1; close", time.Second + Grace},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			synctest.Test(t, func(t *testing.T) {
				s := &fakeServer{story: &story{}, boxes: []*fakeMailbox{{name: "a", n: 3}}}
				a := &Account{Name: "ann", Log: slog.New(slog.DiscardHandler),
					Delivery: Delivery{Deliverer: &fakeDeliverer{story: s.story, slow: tt.slow}}}
				a.Connect = func(context.Context, *Account) (Session, error) { return s, nil }
				s.boxes[0].cut = Fail(KindNetwork, context.Canceled)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				start := time.Now()
				if _, err := Retrieve(ctx, a); err == nil {
					t.Error("no error")
				}
				if d := time.Since(start); s.String() != tt.want || d != tt.after {
					t.Errorf("after %v: %s; want %s", d, s, tt.want)
				}
			})
		})
	}
}

func TestJobs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const jobs, messages = 4, 40
		s := &fakeServer{story: &story{}, boxes: []*fakeMailbox{{name: "a", n: messages}}}
		a := &Account{Name: "ann", Log: slog.New(slog.DiscardHandler), Delivery: Delivery{Jobs: jobs}}
		a.Deliverer = &fakeDeliverer{story: s.story, slow: time.Second, busy: make(chan struct{}, jobs)}
		a.Connect = func(context.Context, *Account) (Session, error) { return s, nil }
		start := time.Now()
		res, err := Retrieve(t.Context(), a)
		if d := time.Since(start); err != nil || res.Delivered != messages || d != messages/jobs*time.Second {
			t.Errorf("%+v, %v after %v", res, err, d)
		}

		at := map[string]int{}
		for i, line := range s.lines {
			at[line] = i
		}

		for n := 1; n <= messages; n++ {
			d := at[fmt.Sprintf("deliver %d", n)]
			r := at[fmt.Sprintf("record %d", n)]
			k := at[fmt.Sprintf("acknowledge %d", n)]
			if d == 0 || d > r || r > k {
				t.Errorf("message %d: delivered %d, recorded %d, acknowledged %d", n, d, r, k)
			}
		}
	})
}

func TestFirstOf(t *testing.T) {
	t.Parallel()
	fail := func(k Kind) Connector {
		return func(context.Context, *Account) (Session, error) { return nil, Fail(k, errors.New("no")) }
	}
	good := func(context.Context, *Account) (Session, error) { return &fakeServer{}, nil }
	cut := func(context.Context, *Account) (Session, error) {
		return nil, Fail(KindNetwork, &tlsverify.HandshakeError{Err: io.EOF})
	}
	other := func(context.Context, *Account) (Session, error) {
		return nil, Fail(KindProtocol, login.OtherProtocol(errors.New("+OK")))
	}
	for _, tt := range []struct {
		name string
		of   []Connector
		kind Kind
	}{
		{"the first", []Connector{good, fail(KindAuth)}, 0},
		{"the second", []Connector{fail(KindNetwork), good}, 0},
		{"an answer is an answer", []Connector{fail(KindAuth), good}, KindAuth},
		{"one that ends in the handshake is found", []Connector{cut, good}, KindNetwork},
		{"the greeting is the other's", []Connector{other, good}, 0},
		{"and its login is refused", []Connector{other, fail(KindAuth)}, KindAuth},
		{"none", []Connector{fail(KindNetwork), fail(KindNetwork)}, KindNetwork},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := FirstOf(tt.of...)(t.Context(), &Account{})
			if KindOf(err) != tt.kind || (err == nil) != (s != nil) {
				t.Errorf("%v, %v", s, err)
			}
		})
	}
}
