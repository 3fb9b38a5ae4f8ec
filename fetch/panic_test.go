package fetch

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/delivery"
	"fetchd/fetch/wire"
)

// trap is a session, mailbox and deliverer with three messages, of which one method panics.
type trap struct {
	*fakeServer
	*fakeMailbox
	*fakeDeliverer
	in string
}

func (p *trap) spring(where string) {
	if p.in == where {
		panic("no such s3cret: " + where)
	}
}

func (p *trap) connect(context.Context, *Account) (Session, error) {
	p.spring("Connect")
	return p, nil
}

func (p *trap) Mailboxes(ctx context.Context) ([]string, error) {
	p.spring("Mailboxes")
	return p.fakeServer.Mailboxes(ctx)
}

func (p *trap) Open(ctx context.Context, name string) (Mailbox, error) {
	p.spring("Open")
	_, err := p.fakeServer.Open(ctx, name)
	return p, err
}

func (p *trap) Counts() Counts {
	p.spring("Counts")
	return p.fakeMailbox.Counts()
}

func (p *trap) Retrieve(ctx context.Context, q *Queue) error {
	err := p.fakeMailbox.Retrieve(ctx, q)
	p.spring("Retrieve")
	return err
}

func (p *trap) Record(ctx context.Context, items []*Item) error {
	p.spring("Record")
	return p.fakeMailbox.Record(ctx, items)
}

func (p *trap) Acknowledge(ctx context.Context, items []*Item) error {
	p.spring("Acknowledge")
	return p.fakeMailbox.Acknowledge(ctx, items)
}

func (p *trap) Commit(ctx context.Context) (int, error) {
	p.spring("Commit")
	return p.fakeMailbox.Commit(ctx)
}

func (p *trap) Deliver(ctx context.Context, m *delivery.Message) error {
	if m.UID == "2" {
		p.spring("Deliver")
	}
	return p.fakeDeliverer.Deliver(ctx, m)
}

func (p *trap) Close() error {
	p.spring("Close")
	return p.fakeServer.Close()
}

func (p *trap) CanWatch() bool { return true }

func (p *trap) Watch(context.Context, <-chan struct{}, time.Duration) (bool, error) {
	p.spring("Watch")
	return false, nil
}

func (p *trap) String() string { return "trap" }

// trapGroup delivers groups.
type trapGroup struct{ *trap }

func (p trapGroup) DeliverGroup(ctx context.Context, ms []*delivery.Message) []error {
	p.spring("DeliverGroup")
	return fakeGroup{p.fakeDeliverer}.DeliverGroup(ctx, ms)
}

// trapAccount is an account whose retrieval panics in one method, and its debug log.
func trapAccount(in string) (*Account, *trap, *bytes.Buffer) {
	tale, log := new(story), new(bytes.Buffer)
	box := &fakeMailbox{story: tale, name: "INBOX", n: 3}
	p := &trap{&fakeServer{story: tale, boxes: []*fakeMailbox{box}}, box, &fakeDeliverer{story: tale}, in}
	a := &Account{Name: "ann@h", Server: Server{Connect: p.connect}, Delivery: Delivery{Deliverer: p},
		Credentials: Credentials{Hidden: new(wire.Concealer)},
		Log:         slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	if in == "DeliverGroup" {
		a.Deliverer = trapGroup{p}
	}
	a.Hidden.Add("ann", "s3cret")
	return a, p, log
}

// A mistake in what works for one account ends its retrieval with an error that has a name, and nothing else;
// every goroutine of it ends, or the bubble would not.
func TestPanicEndsTheRetrieval(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, tale string }{
		{"Connect", ""},
		{"Mailboxes", "close"},
		{"Open", "close"},
		{"Counts", "open INBOX; close"},
		{"Retrieve", "open INBOX; deliver 1; record 1; acknowledge 1; deliver 2; " +
			"record 2; acknowledge 2; deliver 3; record 3; acknowledge 3; close"},
		{"Deliver", "open INBOX; deliver 1; record 1; acknowledge 1; " +
			"deliver 3; record 3; acknowledge 3; commit; close"},
		{"DeliverGroup", "open INBOX; close"},
		{"Record", "open INBOX; deliver 1; close"},
		{"Acknowledge", "open INBOX; deliver 1; record 1; close"},
		{"Commit", "open INBOX; deliver 1; record 1; acknowledge 1; deliver 2; " +
			"record 2; acknowledge 2; deliver 3; record 3; acknowledge 3; close"},
		{"Close", "open INBOX; deliver 1; record 1; acknowledge 1; deliver 2; " +
			"record 2; acknowledge 2; deliver 3; record 3; acknowledge 3; commit"},
	}

	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a, p, log := trapAccount(tt.in)
				_, err := Retrieve(t.Context(), a)
				synctest.Wait()
				if KindOf(err) != KindInternal ||
					!strings.Contains(err.Error(), "internal error: panic; hint: ") {
					t.Errorf("kind %v: %v", KindOf(err), err)
				}
				if got := p.fakeServer.story.String(); got != tt.tale {
					t.Errorf("%s\nwant %s", got, tt.tale)
				}
				if !strings.Contains(log.String(),
					`msg="internal error" account=ann@h value="no such ***: `+tt.in+`" stack=`) ||
					!strings.Contains(log.String(), "panic_test.go:") {
					t.Errorf("the log has no stack: %s", log)
				}
			})
		})
	}
}

func TestPanicWhileWatching(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, p, _ := trapAccount("Watch")
		a.Idle = true
		r := NewRetriever(a)
		if _, err := r.Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, err := r.Watch(t.Context(), nil, time.Hour)
		synctest.Wait()
		if KindOf(err) != KindInternal || !strings.HasSuffix(p.fakeServer.story.String(), "; close") {
			t.Errorf("%v: %s", err, p.fakeServer.story)
		}
		if _, err := r.Watch(t.Context(), nil, time.Hour); !errors.Is(err, ErrCannotWatch) {
			t.Errorf("the session is still in use: %v", err)
		}
	})
}

// stuck is a session whose Close waits for what the panic left behind, until the connection is broken.
type stuck struct {
	*trap
	broken chan struct{}
}

func (s stuck) Close() error {
	<-s.broken
	return s.trap.Close()
}

func (s stuck) Break(error) { close(s.broken) }

// Neither the retrieval nor a goroutine waits for such a session for ever.
func TestPanicLeavesNothingStuck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, p, _ := trapAccount("Mailboxes")
		a.Connect = func(context.Context, *Account) (Session, error) {
			return stuck{p, make(chan struct{})}, nil
		}
		_, err := Retrieve(t.Context(), a)
		synctest.Wait()
		if got := p.fakeServer.story.String(); KindOf(err) != KindInternal || got != "close" {
			t.Errorf("%v: %s", err, got)
		}
	})
}
