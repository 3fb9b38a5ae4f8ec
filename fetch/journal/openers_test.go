package journal_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"fetchd/fetch/journal"
)

func overtaken(t *testing.T, h *house) {
	ctx := t.Context()
	slow := h.mailbox(t, "INBOX")
	must(t, begin(ctx, slow, 7))
	must(t, slow.Record(ctx, set(t, "1"), false, false))
	h.reopen(t)
	fast := h.mailbox(t, "INBOX")
	must(t, begin(ctx, fast, 7))

	for name, err := range map[string]error{
		"record": slow.Record(ctx, set(t, "2"), false, false),
		"start":  slow.Start(ctx, 7),
		"end":    slow.End(ctx, 9),
	} {
		if !errors.Is(err, journal.ErrTaken) {
			t.Errorf("%s after another retrieval began: %v", name, err)
		}
	}

	same(t, "the slow one's done", slow.Done().String(), "1")
	must(t, fast.Record(ctx, set(t, "3"), false, false))
	must(t, fast.End(ctx, 1))
	h.reopen(t)
	same(t, "done", h.mailbox(t, "INBOX").Done().String(), "1,3")
}

// What was recorded since a record was opened was not seen by its opener: it would be delivered again.
func twoOpeners(t *testing.T, h *house) {
	ctx := t.Context()
	a := h.mailbox(t, "INBOX")
	must(t, begin(ctx, a, 7))
	must(t, a.Record(ctx, set(t, "1:4"), false, false))
	h.reopen(t)
	stale, started, claimed := h.mailbox(t, "INBOX"), h.mailbox(t, "INBOX"), h.mailbox(t, "INBOX")
	must(t, started.Start(ctx, 7))
	must(t, claimed.Start(ctx, 7))
	must(t, a.Record(ctx, set(t, "5"), false, false))

	for name, err := range map[string]error{
		"start":  stale.Start(ctx, 7),
		"claim":  started.Claim(ctx),
		"adopt":  started.Adopt(ctx, set(t, "9")),
		"end":    claimed.End(ctx, 3),
		"record": func() error { must(t, a.Claim(ctx)); return a.Record(ctx, set(t, "6"), false, false) }(),
	} {
		if (name != "record") != errors.Is(err, journal.ErrTaken) {
			t.Errorf("%s: %v", name, err)
		}
	}

	h.reopen(t)
	b := h.mailbox(t, "INBOX")
	must(t, begin(ctx, b, 7))
	same(t, "done", b.Done().String(), "1:6")
	if err := a.Record(ctx, set(t, "7"), false, true); !errors.Is(err, journal.ErrTaken) {
		t.Errorf("record after another one's claim: %v", err)
	}
	if err := a.Acknowledged(ctx, set(t, "6")); !errors.Is(err, journal.ErrTaken) {
		t.Errorf("acknowledged after another one's claim: %v", err)
	}
}

func twoDropOpeners(t *testing.T, h *house) {
	ctx := t.Context()
	a := h.maildrop(t)
	must(t, beginDrop(ctx, a))
	h.reopen(t)
	stale, started := h.maildrop(t), h.maildrop(t)
	must(t, started.Start(ctx))
	must(t, a.Record(ctx, []string{"five"}, false, false))
	must(t, a.End(ctx, true))
	for name, err := range map[string]error{
		"start": stale.Start(ctx), "claim": started.Claim(ctx), "end": started.End(ctx, false),
	} {
		if !errors.Is(err, journal.ErrTaken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func twoNew(t *testing.T, h *house) {
	ctx := t.Context()
	a, b, c := h.maildrop(t), h.maildrop(t), h.maildrop(t)
	must(t, b.Start(ctx))
	must(t, beginDrop(ctx, a))
	for name, err := range map[string]error{"claim": b.Claim(ctx), "start": c.Start(ctx)} {
		if !errors.Is(err, journal.ErrTaken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, a.Record(ctx, []string{"a"}, false, false))
}

func notStarted(t *testing.T, h *house) {
	ctx := t.Context()
	m, d := h.mailbox(t, "INBOX"), h.maildrop(t)
	refused := func(state string, claimed bool) {
		t.Helper()
		for name, err := range map[string]error{
			"mailbox record":   m.Record(ctx, set(t, "2"), false, false),
			"mailbox pending":  m.Record(ctx, set(t, "2"), true, true),
			"maildrop record":  d.Record(ctx, []string{"a"}, false, false),
			"maildrop pending": d.Record(ctx, []string{"a"}, true, true),
		} {
			if err == nil {
				t.Errorf("%s %s", name, state)
			}
		}

		if claimed {
			return
		}
		for name, err := range map[string]error{
			"mailbox adopt": m.Adopt(ctx, set(t, "2")), "maildrop adopt": d.Adopt(ctx, []string{"a"}),
			"mailbox claim": m.Claim(ctx), "maildrop claim": d.Claim(ctx),
			"mailbox end": m.End(ctx, 2), "maildrop end": d.End(ctx, false),
		} {
			if err == nil {
				t.Errorf("%s %s", name, state)
			}
		}
	}

	refused("without Start", false)
	must(t, m.Start(ctx, 7))
	must(t, d.Start(ctx))
	refused("without Claim", true)
	must(t, m.Adopt(ctx, set(t, "3")))
	must(t, d.Adopt(ctx, []string{"b"}))
	must(t, m.Claim(ctx))
	must(t, d.Claim(ctx))
	must(t, m.End(ctx, 1))
	must(t, d.End(ctx, false))
	refused("after End", false)
}

func afterCtx(t *testing.T, h *house) {
	ctx, cancel := context.WithCancel(t.Context())
	m, d := h.mailbox(t, "INBOX"), h.maildrop(t)
	must(t, begin(ctx, m, 7))
	must(t, beginDrop(ctx, d))
	cancel()
	must(t, m.Record(ctx, set(t, "2"), true, true))
	must(t, m.Acknowledged(ctx, set(t, "2")))
	must(t, d.Record(ctx, []string{"a"}, true, true))
	must(t, d.Acknowledged(ctx, []string{"a"}))
	if err := m.Adopt(ctx, set(t, "5")); !errors.Is(err, context.Canceled) {
		t.Errorf("Adopt after ctx: %v", err)
	}
	if err := m.End(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("End after ctx: %v", err)
	}
	same(t, "done", m.Done().String(), "2")
}

func closed(t *testing.T, h *house) {
	ctx := t.Context()
	m := h.mailbox(t, "INBOX")
	must(t, begin(ctx, m, 7))
	must(t, h.Close())
	must(t, h.Close())
	if err := m.Record(ctx, set(t, "2"), false, false); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("Record after Close: %v", err)
	}
	if _, err := h.Mailbox(ctx, "a", "b"); err == nil {
		t.Error("Mailbox after Close")
	}
}

func manyGoroutines(t *testing.T, h *house) {
	const boxes, batches = 16, 20
	var wg sync.WaitGroup
	for i := range boxes {
		wg.Go(func() {
			ctx := context.WithoutCancel(t.Context())
			m, err := h.Mailbox(ctx, fmt.Sprint("account", i%4), fmt.Sprint("mailbox", i))
			d, err2 := h.Maildrop(ctx, fmt.Sprint("account", i))
			err = errors.Join(err, err2, begin(ctx, m, 7), beginDrop(ctx, d))

			for k := range uint32(batches) {
				err = errors.Join(err,
					m.Record(ctx, journal.SetOf(k*3+1, k*3+2), true, k%8 == 0),
					d.Record(ctx, []string{fmt.Sprint("a", k), fmt.Sprint("b", k)}, true, false),
					m.Acknowledged(ctx, journal.SetOf(k*3+1)))
			}

			err = errors.Join(err, m.End(ctx, 1), d.End(ctx, false))
			if err != nil {
				t.Error(err)
			}
		})
	}

	wg.Wait()
	h.reopen(t)
	for i := range boxes {
		m, err := h.Mailbox(t.Context(), fmt.Sprint("account", i%4), fmt.Sprint("mailbox", i))
		must(t, err)
		same(t, "done", m.Done().Len(), 2*batches)
		same(t, "pending", m.Pending().Len(), batches)
		d, err := h.Maildrop(t.Context(), fmt.Sprint("account", i))
		must(t, err)
		same(t, "UIDLs", d.Pending("a0") && d.Pending(fmt.Sprint("b", batches-1)), true)
	}
}
