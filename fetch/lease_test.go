package fetch

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"fetchd/delivery"
)

// endingLease ends as soon as the story has a line.
type endingLease struct {
	*story
	after string // "" = at once
	kind  Kind
	ended bool // it was asked after its end
	told  int  // lines of the story by then
}

func (l *endingLease) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended && l.after != "" && !strings.Contains(strings.Join(l.lines, "; ")+";", l.after+";") {
		return nil
	}
	if !l.ended {
		l.ended, l.told = true, len(l.lines)
	}
	return &Error{Kind: l.kind, Err: errors.New("the lease is over")}
}

// Wherever the lease ends, what is in hand is recorded and nothing else is touched: no other mailbox, no
// other session, whatever kind of error the lease ends with.
func TestLeaseEnds(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		name, after string
		group       bool
		want        string
	}{
		{"before all", "", false, ""},
		{"after the login", "connect", false, "connect; close"},
		{"after a mailbox was opened", "open a", false, "connect; open a; close"},
		{"after a delivery", "deliver 1", false, "connect; open a; deliver 1; record 1; close"},
		{"after a record", "record 1", false, "connect; open a; deliver 1; record 1; close"},
		{"after an acknowledgement", "acknowledge 1", false,
			"connect; open a; deliver 1; record 1; acknowledge 1; close"},
		{"after the last acknowledgement", "acknowledge 2", false,
			"connect; open a; deliver 1; record 1; acknowledge 1; deliver 2; record 2; acknowledge 2; close"},
		{"after a commit", "commit", false,
			"connect; open a; deliver 1; record 1; acknowledge 1; " +
				"deliver 2; record 2; acknowledge 2; commit; close"},
		{"within a group", "deliver 1", true, "connect; open a; deliver 1; deliver 2; record 1,2; close"},
	} {
		for _, kind := range []Kind{KindServer, KindBusy, KindDelivery, KindNetwork, KindConfig} {
			t.Run(tt.name+"/"+kind.String(), func(t *testing.T) {
				t.Parallel()
				told := &story{}
				lease := &endingLease{story: told, after: tt.after, kind: kind}
				a := leasedAccount(told, lease, tt.group)
				_, err := Retrieve(t.Context(), a)
				if KindOf(err) != kind || err.Error() != "the lease is over" {
					t.Errorf("%v, of kind %v", err, KindOf(err))
				}
				if got := told.String(); got != tt.want {
					t.Errorf("%s\nwant %s", got, tt.want)
				}
			})
		}
	}
}

// leasedAccount has two mailboxes of two messages each.
func leasedAccount(told *story, lease Lease, group bool) *Account {
	s := &fakeServer{told, []*fakeMailbox{{name: "a", n: 2}, {name: "b", n: 2}}}
	d := &fakeDeliverer{story: told}
	a := &Account{
		Name: "ann@h", Log: slog.New(slog.DiscardHandler), Lease: lease,
		Server: Server{Connect: func(context.Context, *Account) (Session, error) {
			told.tell("connect")
			return s, nil
		}},
		Delivery: Delivery{Deliverer: d, Recipients: []string{"ann"}},
	}
	if group {
		a.Deliverer = fakeGroup{d}
	}
	return a
}

// Deliveries that are under way when another one finds that the lease has ended are recorded, and none
// begins.
func TestLeaseEndsBesideDeliveries(t *testing.T) {
	t.Parallel()
	told := &story{}
	lease := &endingLease{story: told, after: "record 1"}
	a := leasedAccount(told, lease, false)
	a.Jobs = 2
	if _, err := Retrieve(t.Context(), a); err == nil {
		t.Error("no error")
	}
	for _, line := range told.lines[lease.told:] {
		if !strings.HasPrefix(line, "record") && !strings.HasPrefix(line, "deliver") && line != "close" {
			t.Errorf("%q after the lease has ended: %s", line, told)
		}
	}
	deliveries := strings.Count(told.String(), "deliver ")
	if deliveries != strings.Count(told.String(), "record ") {
		t.Errorf("not all that was delivered is recorded: %s", told)
	}
}

// A kept connection is closed, and not tried again, when the lease ends between two retrievals.
func TestLeaseEndsBetweenRetrievals(t *testing.T) {
	t.Parallel()
	told := &story{}
	ctx, cancel := context.WithCancelCause(t.Context())
	a := leasedAccount(told, ctx, false)
	a.KeepAlive = true
	connect := a.Connect
	a.Connect = func(ctx context.Context, a *Account) (Session, error) {
		s, err := connect(ctx, a)
		return watchingServer{s}, err
	}
	r := NewRetriever(a)
	if _, err := r.Retrieve(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := told.String()
	cancel(nil)
	if _, err := r.Retrieve(t.Context()); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if got, want := told.String(), before+"; close"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// watchingServer keeps its connection.
type watchingServer struct{ Session }

func (watchingServer) CanWatch() bool { return true }

func (watchingServer) Watch(context.Context, <-chan struct{}, time.Duration) (bool, error) {
	return false, nil
}

// A failure beside the lease's does not lend it its kind, and messages that can't be retrieved are not given
// up.
func TestLeaseEndsAfterFailures(t *testing.T) {
	t.Parallel()
	told := &story{}
	a := leasedAccount(told, &endingLease{story: told, after: "deliver 1", kind: KindConfig}, true)
	a.RetrieveError = MarkSeen
	a.Deliverer.(fakeGroup).refuse = map[string]error{"1": errors.New("full")}
	failing(a, func(b *fakeMailbox) { b.lost = map[int]bool{2: true} })
	_, err := Retrieve(t.Context(), a)
	if KindOf(err) != KindConfig {
		t.Errorf("%v, of kind %v", err, KindOf(err))
	}
	if got, want := told.String(), "connect; open a; deliver 1; close"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// Where the journal refuses the record because another process has begun, the end of the lease is the cause.
func TestLeaseAndRecordEnd(t *testing.T) {
	t.Parallel()
	told := &story{}
	a := leasedAccount(told, &endingLease{story: told, after: "record 1", kind: KindConfig}, false)
	failing(a, func(b *fakeMailbox) { b.record = Fail(KindJournal, errors.New("not our turn")) })
	_, err := Retrieve(t.Context(), a)
	got, want := told.String(), "connect; open a; deliver 1; record 1; close"
	if KindOf(err) != KindConfig || got != want {
		t.Errorf("%s: %v, of kind %v", got, err, KindOf(err))
	}
}

// What failed before the lease ended is told too, and the kind is the lease's.
func TestLeaseEndsAfterAFailedMailbox(t *testing.T) {
	t.Parallel()
	told := &story{}
	a := leasedAccount(told, &endingLease{story: told, after: "open a", kind: KindConfig}, false)
	failing(a, func(b *fakeMailbox) { b.open = Fail(KindServer, errors.New("locked")) })
	_, err := Retrieve(t.Context(), a)
	if KindOf(err) != KindConfig || err.Error() != "locked; hint: it is tried again next time;"+
		" if it lasts, ask the server's operator\nthe lease is over" {
		t.Errorf("%v, of kind %v", err, KindOf(err))
	}
}

// failing changes the first mailbox of a leasedAccount.
func failing(a *Account, change func(*fakeMailbox)) {
	connect := a.Connect
	a.Connect = func(ctx context.Context, a *Account) (Session, error) {
		s, err := connect(ctx, a)
		change(s.(*fakeServer).boxes[0])
		return s, err
	}
}

// Notices, and the note of what was set aside, are for whoever has the account.
func TestNoNoticeWithoutLease(t *testing.T) {
	t.Parallel()
	p := &post{}
	a := noticeAccount(p)
	ctx, cancel := context.WithCancel(t.Context())
	a.Lease = ctx
	refused := Fail(KindAuth, &delivery.Error{Err: errors.New("wrong password")})
	cancel()
	a.Notify(t.Context(), refused)
	if len(p.got) != 0 {
		t.Errorf("%q", p.got)
	}
	a.Lease = nil
	a.Notify(t.Context(), refused)
	if len(p.got) != 1 {
		t.Errorf("%d notices when it is ours", len(p.got))
	}
}
