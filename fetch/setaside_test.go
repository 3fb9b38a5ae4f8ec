package fetch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
	"fetchd/fetch/imap"
	"fetchd/fetch/pop3"
)

// picky refuses the messages that hold a text; it counts how often it was asked to.
type picky struct {
	delivery.Deliverer
	mu      sync.Mutex
	refuse  map[string]error
	refused int
	notices []string
}

func (p *picky) Deliver(ctx context.Context, m *delivery.Message) error {
	text, err := io.ReadAll(m.Body.Open())
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if strings.HasPrefix(m.UID, "notice-") {
		p.notices = append(p.notices, string(text))
		return nil
	}
	for part, err := range p.refuse {
		if bytes.Contains(text, []byte(part)) {
			p.refused++
			return fmt.Errorf("try %d: %w", p.refused, err)
		}
	}
	return p.Deliverer.Deliver(ctx, m)
}

// events counts what is logged, by level and text.
type events struct {
	slog.Handler
	mu   sync.Mutex
	seen map[string]int
}

func (e *events) Enabled(context.Context, slog.Level) bool { return true }

func (e *events) Handle(_ context.Context, r slog.Record) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.seen[r.Level.String()+" "+r.Message]++
	return nil
}

func (e *events) expect(t *testing.T, event string, n int) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.seen[event] != n {
		t.Errorf("%s: %d times, want %d; logged: %v", event, e.seen[event], n, e.seen)
	}
}

// pickyRig is an account on a server of that kind with a destination that refuses some messages.
func pickyRig(t *testing.T, protocol fetch.Protocol) (*rig, *picky, *events) {
	t.Helper()
	s := &server{protocol: fetch.POP3, connect: pop3.Connect}
	m := popMailbox(fetchtest.StartPOPServer(t, fetchtest.POPOptions{}))
	if protocol == fetch.IMAP {
		s, m = &server{protocol: fetch.IMAP, connect: imap.Connect}, memoryIMAP(t, nil, fetch.ClearText)
	}
	r := newRig(t, variant{server: s, mode: fetch.ClearText}, m)
	p := &picky{Deliverer: r.a.Deliverer, refuse: map[string]error{}}
	e := &events{Handler: slog.DiscardHandler, seen: map[string]int{}}
	r.a.Deliverer, r.a.Log, r.a.Recipients = p, slog.New(e), []string{"ann"}
	return r, p, e
}

func numbered(n int) (out [][]byte) {
	for i := range n {
		out = append(out, fmt.Appendf(nil, "Subject: %d\r\n\r\nmessage %d.\r\n", i, i))
	}
	return out
}

// A message that is refused for good is reported once, and neither retrieved nor a failure until a day has
// gone.
func TestRefusedIsSetAside(t *testing.T) {
	t.Parallel()
	for _, protocol := range []fetch.Protocol{fetch.IMAP, fetch.POP3} {
		t.Run(protocol.String(), func(t *testing.T) {
			t.Parallel()
			r, p, e := pickyRig(t, protocol)
			now := time.Now()
			r.a.Refusals, r.a.Now, r.a.FetchLimit = new(fetch.Refusals), func() time.Time { return now }, 3
			p.refuse["message 0."] = &delivery.Error{
				Class: delivery.Permanent, Err: errors.New("no such user"),
			}
			messages := numbered(5)
			r.append(t, "INBOX", messages...)
			round := func(delivered, refused int) {
				t.Helper()
				r.retrieve(t, delivered)
				r.a.Notify(t.Context(), nil)
				if p.refused != refused {
					t.Errorf("tried %d times, want %d", p.refused, refused)
				}
			}

			round(2, 1)
			round(2, 1) // the limit leaves room for mail behind it
			round(0, 1)
			now = now.Add(25 * time.Hour)
			round(0, 2)
			round(0, 2)
			e.expect(t, "ERROR "+fetch.EventFailed, 1)
			e.expect(t, "DEBUG "+fetch.EventFailed, 1)
			e.expect(t, "WARN "+fetch.EventSetAside, 1)
			if len(p.notices) != 1 || !strings.Contains(p.notices[0], "Subject: fetchmail delivery "+
				"refused on "+r.a.Name+"\n") || !strings.Contains(p.notices[0], "no such user") {
				t.Errorf("notices %q", p.notices)
			}

			delete(p.refuse, "message 0.")
			r.a.Refusals.Retry()
			round(1, 2)
			r.wants(t, messages)
		})
	}
}

// limitedRig is a rig with a clock and a fetchlimit, and with so many messages, the first of which are
// refused.
func limitedRig(t *testing.T, protocol fetch.Protocol, limit, refused, messages int) (
	*rig, *picky, *time.Time,
) {
	t.Helper()
	r, p, _ := pickyRig(t, protocol)
	now := time.Now()
	r.a.Now, r.a.FetchLimit = func() time.Time { return now }, limit
	refuseFirst(p, refused)
	r.append(t, "INBOX", numbered(messages)...)
	return r, p, &now
}

// Messages that an agent refuses again and again use up the fetchlimit of one pass, and let those behind them
// come then, also where each pass is a process of its own. They are tried again when nothing else is new, or
// after an hour.
func TestRefusedLetOthersPass(t *testing.T) {
	t.Parallel()
	for _, protocol := range []fetch.Protocol{fetch.IMAP, fetch.POP3} {
		t.Run(protocol.String(), func(t *testing.T) {
			t.Parallel()
			r, p, now := limitedRig(t, protocol, 3, 3, 8)
			round := func(delivered, refused int, limited bool) {
				t.Helper()
				*now = now.Add(5 * time.Minute)
				res, err := fetch.Retrieve(t.Context(), r.a)
				if res.Delivered != delivered || p.refused != refused || res.LimitHit != limited {
					t.Errorf("delivered %d, refused %d, limit %v; want %d, %d, %v: %v",
						res.Delivered, p.refused, res.LimitHit, delivered, refused, limited, err)
				}
			}
			round(0, 3, true)
			round(3, 3, true)
			round(2, 3, true)
			round(0, 6, false) // nothing else is new
			r.append(t, "INBOX", numbered(9)[8])
			round(1, 6, true)
			r.append(t, "INBOX", numbered(10)[9])
			*now = now.Add(time.Hour)
			round(0, 9, true)
			clear(p.refuse)
			round(1, 9, true)
			round(3, 9, false)
			r.wants(t, numbered(10))
		})
	}
}

// TestRefusedLetOtherMailboxesPass: messages that fail and use up the fetchlimit keep none in other mailboxes
// from coming in the next pass.
func TestRefusedLetOtherMailboxesPass(t *testing.T) {
	t.Parallel()
	r, p, now := limitedRig(t, fetch.IMAP, 2, 2, 2)
	r.a.Mailboxes = []string{"INBOX", "Lists"}
	others := numbered(5)[2:]
	r.append(t, "Lists", others...)
	for i, want := range []struct{ delivered, refused int }{{0, 2}, {2, 2}, {0, 4}, {1, 4}} {
		*now = now.Add(5 * time.Minute)
		res, err := fetch.Retrieve(t.Context(), r.a)
		if res.Delivered != want.delivered || p.refused != want.refused {
			t.Errorf("pass %d: delivered %d, refused %d, want %+v: %v", i, res.Delivered, p.refused, want,
				err)
		}
	}
	r.wants(t, others)
}

// The same with POP3's expunge: those behind them come in the same pass, in other sessions, and in the next
// one before them.
func TestRefusedLetOtherSessionsPass(t *testing.T) {
	t.Parallel()
	r, p, _ := pickyRig(t, fetch.POP3)
	r.a.Expunge = 2
	refuseFirst(p, 3)
	r.append(t, "INBOX", numbered(8)...)
	for i, want := range []int{5, 0, 0} { // message 2 fails beside the others
		res, err := fetch.Retrieve(t.Context(), r.a)
		if res.Delivered != want || res.Failed != 3 || res.LimitHit {
			t.Errorf("round %d: %d delivered, want %d: %+v, %v", i, res.Delivered, want, res, err)
		}
	}

	clear(p.refuse)
	r.append(t, "INBOX", numbered(11)[8:]...)
	r.retrieve(t, 6)
	r.wants(t, append(numbered(11)[3:], numbered(3)...))
}

// Over IMAP expunge limits nothing: what failed once does not wait for others.
func TestExpungeIMAPLimitsNothing(t *testing.T) {
	t.Parallel()
	r, p, _ := pickyRig(t, fetch.IMAP)
	r.a.Expunge = 1
	refuseFirst(p, 1)
	r.append(t, "INBOX", numbered(1)...)
	r.fails(t, fetch.KindDelivery)

	clear(p.refuse)
	r.append(t, "INBOX", numbered(2)[1:]...)
	r.retrieve(t, 2)
	r.wants(t, numbered(2))
}

// Where passes are rare, so that the hour is over each time, every second one is for the others.
func TestRefusedLetOthersPassInRarePasses(t *testing.T) {
	t.Parallel()
	for _, protocol := range []fetch.Protocol{fetch.IMAP, fetch.POP3} {
		t.Run(protocol.String(), func(t *testing.T) {
			t.Parallel()
			r, p, now := limitedRig(t, protocol, 1, 2, 5)
			for i, want := range []int{0, 0, 1, 0, 1, 0, 1, 0} {
				*now = now.Add(25 * time.Hour)
				if res, err := fetch.Retrieve(t.Context(), r.a); res.Delivered != want {
					t.Errorf("pass %d: %d delivered, want %d: %v", i+1, res.Delivered, want, err)
				}
			}

			clear(p.refuse)
			for range 3 { // the last one of which lets nobody pass
				*now = now.Add(25 * time.Hour)
				_, _ = fetch.Retrieve(t.Context(), r.a)
			}
			r.wants(t, numbered(5))
		})
	}
}

// refuseFirst refuses the first n messages of numbered, for now.
func refuseFirst(p *picky, n int) {
	for i := range n {
		p.refuse[fmt.Sprintf("message %d.", i)] = errors.New("later")
	}
}

// A temporary failure is a failure of the retrieval each time, logged once; it is the message's own when
// others are delivered beside it again and again.
func TestFailingIsSetAside(t *testing.T) {
	t.Parallel()
	for _, protocol := range []fetch.Protocol{fetch.IMAP, fetch.POP3} {
		t.Run(protocol.String(), func(t *testing.T) {
			t.Parallel()
			r, p, e := pickyRig(t, protocol)
			now := time.Now()
			r.a.Refusals, r.a.Now = new(fetch.Refusals), func() time.Time { return now }
			p.refuse["message 0."] = errors.New("exit status 1")
			messages := numbered(6)
			r.append(t, "INBOX", messages[0])
			for range 5 {
				r.fails(t, fetch.KindDelivery) // nothing shows that the destination works
			}

			for i, m := range messages[1:] {
				r.append(t, "INBOX", m)
				if i < 3 { // the second one comes so soon that it says nothing more
					r.fails(t, fetch.KindDelivery)
				} else {
					r.retrieve(t, 1)
				}
				if i != 0 {
					now = now.Add(time.Minute)
				}
			}
			if p.refused != 9 {
				t.Errorf("tried %d times", p.refused)
			}
			e.expect(t, "ERROR "+fetch.EventFailed, 1)
			e.expect(t, "WARN "+fetch.EventSetAside, 1)
			r.wants(t, messages[1:])
		})
	}
}

// A message that alone is not taken does not make the account wait longer: others that come are not to wait
// for it. Where nothing has been delivered beside it, or many are not taken, the destination may be at fault.
func TestFailingAloneKeepsPace(t *testing.T) {
	t.Parallel()
	r, p, _ := pickyRig(t, fetch.IMAP)
	r.a.Refusals = new(fetch.Refusals)
	refuseFirst(p, 1)
	r.append(t, "INBOX", numbered(1)...)
	if _, err := r.fails(t, fetch.KindDelivery); fetch.KeepsPace(err) {
		t.Errorf("nothing was delivered: %v", err)
	}

	r.append(t, "INBOX", numbered(2)[1:]...)
	for range 2 {
		if _, err := r.fails(t, fetch.KindDelivery); !fetch.KeepsPace(err) {
			t.Errorf("another was delivered: %v", err)
		}
	}

	r.append(t, "INBOX", []byte("message 0. again\n"))
	if _, err := r.fails(t, fetch.KindDelivery); fetch.KeepsPace(err) {
		t.Errorf("another failed, and nothing was delivered: %v", err)
	}

	p.refuse["more"] = errors.New("later")
	for range 11 {
		r.append(t, "INBOX", []byte("more\n"))
	}
	r.append(t, "INBOX", numbered(3)[2:]...)
	if _, err := r.fails(t, fetch.KindDelivery); fetch.KeepsPace(err) {
		t.Errorf("many failed: %v", err)
	}
}

// "expunge 3" ends a POP3 session after three deletions; what can't be delivered is tried in one of them
// only.
func TestExpungePOP3(t *testing.T) {
	t.Parallel()
	r, p, _ := pickyRig(t, fetch.POP3)
	r.a.Expunge = 3
	messages := numbered(10)
	r.append(t, "INBOX", messages...)
	p.refuse["message 1."] = errors.New("full")
	res, _ := r.fails(t, fetch.KindDelivery)
	if res.Delivered != 9 || res.Deleted != 9 || res.Failed != 1 || res.Messages != 10 || p.refused != 1 {
		t.Errorf("%+v, refused %d times", res, p.refused)
	}
	if n := strings.Count(r.heard(), "POP3> QUIT"); n != 4 {
		t.Errorf("%d sessions:\n%s", n, r.heard())
	}
	r.holds(t, "INBOX", 1)
	p.refuse = nil
	r.retrieve(t, 1)
	r.wants(t, messages)
}

// Where nothing can be delivered, there are few sessions.
func TestExpungeEnds(t *testing.T) {
	t.Parallel()
	r, p, _ := pickyRig(t, fetch.POP3)
	r.a.Expunge = 2
	r.append(t, "INBOX", numbered(20)...)
	p.refuse["message"] = errors.New("full")
	if res, _ := r.fails(t, fetch.KindDelivery); res.Failed != 6 {
		t.Errorf("%+v", res)
	}
}

func TestHeaderSettings(t *testing.T) {
	t.Parallel()
	for _, protocol := range []fetch.Protocol{fetch.IMAP, fetch.POP3} {
		t.Run(protocol.String(), func(t *testing.T) {
			t.Parallel()
			r, p, e := pickyRig(t, protocol)
			r.a.Headers = delivery.HeaderRules{DropStatus: true, DropDelivered: true, Rewrite: "h"}
			r.append(t, "INBOX", []byte("Status: RO\r\nTo: joe\r\nDelivered-To: x\r\n\r\nStatus: body\r\n"))
			r.retrieve(t, 1)
			r.wants(t, [][]byte{[]byte("To: joe@h\r\n\r\nStatus: body\r\n")})
			if protocol == fetch.IMAP {
				return // the memory server shows no broken header
			}

			r.a.RejectBad = true
			r.append(t, "INBOX", []byte("Subject: x\r\nnot a field\r\n\r\nbody\r\n"))
			for range 2 {
				_, err := r.fails(t, fetch.KindDelivery)
				if delivery.ClassOf(err) != delivery.Permanent ||
					!strings.Contains(err.Error(), `"not a field"`) || p.refused > 0 {
					t.Error(err)
				}
			}

			e.expect(t, "ERROR "+fetch.EventFailed, 2)
			r.holds(t, "INBOX", 1)
			r.a.RejectBad = false
			r.retrieve(t, 1)
		})
	}
}
