package journal

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

// What a deleted message looked like is known for a month, also when the record was folded.
func TestLooksOfDeletedMessages(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "state.db")
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	session := func(f func(d *Maildrop)) {
		t.Helper()
		inSession(t, path, Options{Now: func() time.Time { return now }}, func(d *Maildrop) {
			f(d)
			if err := d.End(ctx, true); err != nil {
				t.Fatal(err)
			}
		})
	}
	wants := func(d *Maildrop, uidl, looks string) {
		t.Helper()
		if got := d.Looks(uidl); got != looks || d.Done(uidl) {
			t.Errorf("%s looked like %q, want %q; done %v", uidl, got, looks, d.Done(uidl))
		}
	}
	pass := func(d *Maildrop, uidl, looks string) {
		t.Helper()
		err := d.RecordPending(ctx, []string{uidl, "plain" + uidl}, []int64{1, 2}, []string{looks, ""}, false)
		if err == nil {
			err = d.Acknowledged(ctx, []string{uidl, "plain" + uidl})
		}
		if err != nil {
			t.Fatal(err)
		}
	}

	session(func(d *Maildrop) { pass(d, "a b", "1.x") })
	for i := range 20 {
		session(func(d *Maildrop) { pass(d, fmt.Sprint(i), "1.y") })
	}
	session(func(d *Maildrop) {
		wants(d, "a b", "1.x")
		wants(d, "19", "1.y")
		wants(d, "plain19", "")
		wants(d, "other", "")
		pass(d, "a b", "2.z")
	})
	session(func(d *Maildrop) { wants(d, "a b", "2.z") })
	now = now.Add((traceDays + 1) * 24 * time.Hour)
	for i := range 20 {
		session(func(d *Maildrop) { pass(d, fmt.Sprint("new", i), "1.y") })
	}
	session(func(d *Maildrop) { wants(d, "a b", ""); wants(d, "new3", "1.y") })
}

// Their number has an end.
func TestLooksAreBounded(t *testing.T) {
	t.Parallel()
	traced := &uidlTraces{}
	for i := range 3 * maxTraces {
		for _, r := range traceRows(7, []string{fmt.Sprint(i)}, []string{"1.x"}) {
			traced.keep(r)
		}
	}
	folded := &uidlTraces{rows: traced.fold(7)}
	last := fmt.Sprint(3*maxTraces - 1)
	if folded.find("0") != "" || folded.find(last) != "1.x" || len(folded.looks) > maxTraces {
		t.Errorf("%d are kept, %q and %q", len(folded.looks), folded.find("0"), folded.find(last))
	}
	if rows := traced.fold(8 + traceDays*day); rows != nil {
		t.Errorf("%d rows are kept for too long", len(rows))
	}
}
