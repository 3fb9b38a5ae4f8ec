package journal_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"fetchd/fetch/journal"
)

func (h *house) maildrop(t *testing.T) *journal.Maildrop {
	t.Helper()
	d, err := h.Maildrop(t.Context(), "ann@example.org")
	must(t, err)
	return d
}

func maildrop(t *testing.T, h *house) {
	ctx := t.Context()
	d := h.maildrop(t)
	must(t, beginDrop(ctx, d))
	same(t, "new", d.New(), true)
	must(t, d.Adopt(ctx, []string{"old"}))
	must(t, d.Record(ctx, []string{"a", "b"}, true, true))
	must(t, d.Record(ctx, []string{"c"}, false, false))
	must(t, d.Acknowledged(ctx, []string{"a", "stranger"}))

	for range 2 {
		for uidl, want := range map[string][2]bool{
			"old": {true, false}, "a": {true, false}, "b": {true, true}, "c": {true, false},
			"stranger": {}, "A": {}, "": {}, "a\n": {}, "b\nc": {},
		} {
			same(t, fmt.Sprintf("%q done, pending", uidl), [2]bool{d.Done(uidl), d.Pending(uidl)}, want)
		}

		h.reopen(t)
		d = h.maildrop(t)
		same(t, "new in a second process", d.New(), false)
	}

	must(t, beginDrop(ctx, d))
	same(t, "new in the second retrieval", d.New(), false)
	must(t, d.RecordPending(ctx, []string{"s 1", "t"}, []int64{123, 0}, nil, true))
	for range 2 {
		same(t, "size of a pending message", seen(d, "s 1"),
			journal.Sight{UIDL: "s 1", Done: true, Pending: true, Size: 123})
		same(t, "size that is not known", seen(d, "t"), journal.Sight{UIDL: "t", Done: true, Pending: true})
		h.reopen(t)
		d = h.maildrop(t)
	}

	must(t, beginDrop(ctx, d))
	same(t, "repeat", d.Repeat(), true)
	must(t, d.End(ctx, false))
	must(t, beginDrop(ctx, d))
	same(t, "repeat after End", d.Repeat(), false)
}

func maildropCut(t *testing.T, h *house) {
	ctx := t.Context()
	must(t, beginDrop(ctx, h.maildrop(t)))
	h.reopen(t)
	d := h.maildrop(t)
	must(t, beginDrop(ctx, d))
	same(t, "new after Claim alone", d.New(), true)
	must(t, d.End(ctx, false))
	must(t, beginDrop(ctx, d))
	same(t, "new after End", d.New(), false)
}

// seen is what is known of a UIDL, whatever memory it takes.
func seen(d *journal.Maildrop, uidl string) journal.Sight {
	s := d.MarkListed([]byte(uidl))
	s.Held = 0
	return s
}

func oddUIDLs(t *testing.T, h *house) {
	ctx := t.Context()
	odd := []string{
		"x", " ", "\n", "\x00", "\r\n", "a b", "\\", "\\n", "\\x0a", "é", "\xff\xfe", "a\nb",
		strings.Repeat("q", 1e6), strings.Repeat("\xff", 1e6), strings.Repeat("q", 1e6-1) + "r", "'\";--",
	}
	d := h.maildrop(t)
	must(t, beginDrop(ctx, d))
	must(t, d.Record(ctx, odd, true, false))
	if d.Record(ctx, []string{"fine", ""}, false, false) == nil {
		t.Error("empty UIDL was taken")
	}
	if d.Adopt(ctx, []string{""}) == nil {
		t.Error("empty UIDL was adopted")
	}

	same(t, "the one beside the empty one", d.Done("fine"), false)
	h.reopen(t)
	d = h.maildrop(t)
	for _, u := range odd {
		same(t, fmt.Sprintf("pending %.20q", u), d.Pending(u), true)
	}

	for _, u := range []string{"a", "b", "n", "\\x5c", strings.Repeat("q", 1e6-1)} {
		same(t, fmt.Sprintf("done %.20q", u), d.Done(u), false)
	}
	must(t, beginDrop(ctx, d))

	for _, again := range []bool{false, true} {
		for _, u := range odd {
			same(t, fmt.Sprintf("sight of %.20q", u), seen(d, u),
				journal.Sight{UIDL: u, Done: true, Pending: true, Again: again})
		}
	}

	same(t, "sight of a stranger", seen(d, "b"), journal.Sight{UIDL: "b"})
	same(t, "sight of a stranger", seen(d, "b"), journal.Sight{UIDL: "b", Again: true})
	must(t, d.End(ctx, true))
	same(t, "stranger done", d.Done("b"), false)
}

// The server may list in another order than ours, leave some out and put new ones between.
func listingOrders(t *testing.T, h *house) {
	ctx := t.Context()
	d := h.maildrop(t)
	must(t, beginDrop(ctx, d))
	must(t, d.Record(ctx, []string{"a", "b", "c", "d", "e"}, false, false))
	for _, listing := range []string{"abcde", "edcba", "bXd", "XYZ", "abXcdYe", "eaeXaX", ""} {
		must(t, beginDrop(ctx, d))
		for i, u := range listing {
			want := journal.Sight{
				UIDL: string(u), Done: u >= 'a', Again: strings.ContainsRune(listing[:i], u),
			}
			same(t, fmt.Sprintf("sight of %c in %s", u, listing), seen(d, string(u)), want)
		}
		must(t, d.End(ctx, true))
		h.days(journal.AbsentDays / 2)
	}
	for u, want := range map[string]bool{"a": true, "b": true, "c": true, "d": true, "e": true, "X": false} {
		same(t, "done "+u, d.Done(u), want)
	}
}

func seeAllBut(d *journal.Maildrop, absent ...string) {
	for i := range 60 {
		if u := fmt.Sprint("u", i); !slices.Contains(absent, u) {
			seen(d, u)
		}
	}
}

func manyDropRetrievals(t *testing.T, h *house) {
	ctx := t.Context()
	d := h.maildrop(t)
	for i := range 60 {
		must(t, beginDrop(ctx, d))
		must(t, d.Record(ctx, []string{fmt.Sprint("u", i)}, i%6 != 5, false))
		if i%3 == 0 {
			must(t, d.Acknowledged(ctx, []string{fmt.Sprint("u", i)}))
		}

		seeAllBut(d, "u5", "u17")
		must(t, d.End(ctx, true))
		if i%7 == 0 {
			h.days(2)
			h.reopen(t)
			d = h.maildrop(t)
		}
	}

	h.reopen(t)
	d = h.maildrop(t)
	for i := range 60 {
		u := fmt.Sprint("u", i)
		// u5 and u17 were missed on the 4th and 6th of 18 days.
		same(t, u+" done", d.Done(u), true)
		same(t, u+" pending", d.Pending(u), i%3 != 0 && i%6 != 5)
	}

	h.days(40)
	must(t, beginDrop(ctx, d))
	seeAllBut(d, "u5", "u17", "u23")
	must(t, d.End(ctx, true))

	for i := range 60 {
		same(t, fmt.Sprint("u", i, " after 40 days"), d.Done(fmt.Sprint("u", i)), i != 5 && i != 17)
	}
}

func beginDrop(ctx context.Context, d *journal.Maildrop) error {
	if err := d.Start(ctx); err != nil {
		return err
	}
	return d.Claim(ctx)
}
