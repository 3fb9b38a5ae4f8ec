package fetch

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/mail"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"fetchd/delivery"
)

// post is a destination that keeps what it gets, or fails in a way.
type post struct {
	err  error
	hang bool
	got  []string
	made int
}

func (p *post) String() string { return "post" }

func (p *post) Deliver(ctx context.Context, m *delivery.Message) error {
	p.made++
	if p.hang {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	text, err := io.ReadAll(m.Body.Open())
	p.got = append(p.got, string(text))
	return errors.Join(err, p.err)
}

func noticeAccount(d delivery.Deliverer) *Account {
	return &Account{
		Name: "ann@mail.example.org", Log: slog.New(slog.DiscardHandler), Refusals: new(Refusals),
		Selection: Selection{Limit: 1000},
		Delivery:  Delivery{Hostname: "here.example", Recipients: []string{"ann", "bob"}, Deliverer: d},
		Timing:    Timing{Warnings: time.Hour},
	}
}

func TestNotify(t *testing.T) {
	t.Parallel()
	refused, lost := Fail(KindAuth, errors.New("wrong password")), Fail(KindNetwork, errors.New("no route"))
	ended := Fail(KindGrant, errors.New("a login is needed; hint: run: fetchd login ann@mail"))
	full := Fail(KindDelivery, errors.New("full"))
	type step struct {
		after time.Duration
		err   error
		large []int64
		want  string // subjects
	}

	const (
		failed = "fetchmail authentication failed on ann@mail.example.org"
		works  = "fetchmail authentication OK on ann@mail.example.org"
		large  = "Fetchmail oversized-messages warning"
	)

	for _, tt := range []struct {
		name  string
		steps []step
	}{
		{"nothing", []step{{0, nil, nil, ""}, {0, lost, nil, ""}, {0, full, nil, ""}}},
		{"login", []step{
			{0, refused, nil, failed},
			{0, refused, nil, ""},
			{0, lost, nil, ""},
			{0, refused, nil, ""},
			{0, nil, nil, works},
			{0, nil, nil, ""},
			{0, refused, nil, failed},
			{0, full, nil, works},
		}},
		{"grant", []step{{0, ended, nil, failed}, {0, ended, nil, ""}, {0, refused, nil, ""},
			{0, nil, nil, works}}},
		{"too large", []step{
			{0, nil, []int64{5000}, large},
			{30 * time.Minute, nil, []int64{5000, 6000}, ""},
			{30 * time.Minute, nil, []int64{5000}, large},
			{time.Minute, nil, nil, ""},
			{time.Minute, nil, []int64{5000}, large},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := &post{}
			a := noticeAccount(p)
			now := time.Unix(1_000_000, 0)
			a.Now = func() time.Time { return now }

			for i, s := range tt.steps {
				p.got, now = nil, now.Add(s.after)
				var items []*Item
				for _, size := range s.large {
					items = append(items, &Item{Size: size})
				}

				a.Refusals.skipped("INBOX", items, false)
				a.Notify(t.Context(), s.err)
				var subjects []string
				for _, text := range p.got {
					m, err := mail.ReadMessage(strings.NewReader(text))
					if err != nil {
						t.Fatal(err)
					}
					subjects = append(subjects, m.Header.Get("Subject"))
				}

				if got := strings.Join(subjects, "; "); got != s.want {
					t.Errorf("step %d: %q, want %q", i, got, s.want)
				}
			}
		})
	}
}

func TestOversizedNotice(t *testing.T) {
	t.Parallel()
	p := &post{}
	a := noticeAccount(p)
	a.Refusals.skipped("INBOX", []*Item{{Size: 5000}, {Size: 7000}, {Size: 5000}}, false)
	a.Refusals.skipped("Lists", []*Item{{Size: 5000}}, false)
	a.Notify(t.Context(), nil)

	for _, want := range []string{
		"Return-Path: <>\n", "\nFrom: FETCHMAIL-DAEMON@here.example\n", "\nTo: ann\n",
		"\nAuto-Submitted: auto-generated\n", "limit of 1000 bytes", "stay on the server",
		"\n  1 of 7000 bytes\n  3 of 5000 bytes\n",
	} {
		if len(p.got) != 1 || !strings.Contains(p.got[0], want) {
			t.Errorf("no %q in %q", want, p.got)
		}
	}

	a.LimitFlush, a.Warnings = true, 0 // what was deleted is told of once
	a.Refusals.skipped("INBOX", nil, false)
	a.Refusals.skipped("Lists", nil, false)
	a.Refusals.skipped("Lists", []*Item{{Size: 1}}, true)
	a.Refusals.skipped("Lists", []*Item{{Size: 2}}, true)
	a.Notify(t.Context(), nil)
	a.Notify(t.Context(), nil)
	if len(p.got) != 2 || !strings.Contains(p.got[1], "were deleted") ||
		!strings.Contains(p.got[1], "\n\n  1 of 2 bytes\n  1 of 1 bytes\n") {
		t.Errorf("%q", p.got)
	}
}

// Text of the server in a notice can't become a line of its header or reach a terminal as a command.
func TestNoticeText(t *testing.T) {
	t.Parallel()
	p := &post{}
	a := noticeAccount(p)
	a.Name, a.Hostname, a.KeepCR = "ann\r\nBcc: x@y", "a b\n", true
	a.Notify(t.Context(), Fail(KindAuth, errors.New("\x1b[2J\r\n.\r\n\xff"+strings.Repeat("é", 1000))))
	if len(p.got) != 1 || strings.Contains(p.got[0], "\x1b") || !utf8.ValidString(p.got[0]) ||
		strings.Contains(strings.ReplaceAll(p.got[0], "\r\n", ""), "\r") ||
		strings.Contains(p.got[0], "\nBcc") || strings.Contains(p.got[0], "\n.\r") ||
		len(p.got[0]) > 2000 || !strings.Contains(p.got[0], "@localhost\r\n") {
		t.Errorf("%q", p.got)
	}
}

// A notice that can't be delivered is tried once, holds nothing up for longer than its time, and ends with
// the daemon (fetchmail-SA-2007-02).
func TestNoticeFails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		post post
		end  bool // the daemon ends meanwhile
		want time.Duration
	}{
		{"temporary", post{err: errors.New("451 later")}, false, 0},
		{"permanent",
			post{err: &delivery.Error{Class: delivery.Permanent, Err: errors.New("550 no")}}, false, 0},
		{"unusable", post{err: &delivery.Error{Class: delivery.Unusable, Err: errors.New("gone")}}, false, 0},
		{"closed", post{err: io.ErrUnexpectedEOF}, false, 0},
		{"silent", post{hang: true}, false, 3 * noticeTimeout},
		{"ended", post{hang: true}, true, time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tt.end {
					time.AfterFunc(time.Second, cancel)
				}

				p := tt.post
				a := noticeAccount(&p)
				a.Refusals.skipped("", []*Item{{Size: 5000}}, false)
				a.Refusals.refuse("", &Item{UID: "1"}, errors.New("x"), time.Now())
				a.Refusals.setAside("",
					[]failure{{Ref: Ref{UID: "1"}, class: delivery.Permanent, text: "x"}}, false)
				start := time.Now()

				for range 3 {
					a.Notify(ctx, Fail(KindAuth, errors.New("no")))
				}
				if d := time.Since(start); d != tt.want || !tt.end && p.made != 3 {
					t.Errorf("%d tries in %v, want %v", p.made, d, tt.want)
				}
			})
		})
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	m, now := new(Refusals), time.Now()
	var failures []failure
	for i := range uint32(refusedMost + 100) {
		it := &Item{UIDValidity: i, UID: "1"}
		news := m.refuse("a", it, errors.New("x"), now)
		if news != (i < refusedMost) {
			t.Fatalf("message %d: news %v", i, news)
		}
		failures = append(failures, failure{Ref: it.ref(), class: delivery.Permanent, text: "x"})
	}

	if open := m.setAside("a", failures, true); open != 100 {
		t.Errorf("%d count", open)
	}
	if n, more := m.summary("a"); n != refusedMost || !more {
		t.Errorf("%d, %v", n, more)
	}
	if n := len(m.aside("a", now)); n != refusedMost || len(m.aside("b", now)) != 0 {
		t.Errorf("%d set aside", n)
	}
	if n := len(m.aside("a", now.Add(forgetTime+1))); n != 0 || len(m.refused) != 0 {
		t.Errorf("%d set aside, %d remembered", n, len(m.refused))
	}
	if len(m.untold) > noticeLines {
		t.Errorf("%d lines", len(m.untold))
	}

	var none *Refusals
	if !none.refuse("a", &Item{}, io.EOF, now) ||
		none.setAside("a", failures[:3], true) != 3 || none.aside("a", now) != nil {
		t.Error("no memory remembers")
	}
}
