package journal

import (
	"slices"
	"strings"
	"testing"
)

// FuzzUIDLs: any UIDLs come back from the rows they are kept in, and different ones stay different.
func FuzzUIDLs(f *testing.F) {
	for _, seed := range []string{
		"a|b", "\n|\\n|\\x0a", "|", "\\|\\\\|\\x", "é|\xff\xfe", " |  ", "whqtswO00WBw418f9t5JxYwZ|a b",
	} {
		f.Add(seed)
	}

	f.Fuzz(func(t *testing.T, text string) {
		uidls := strings.Split(text, "|")
		sizes := make([]int64, len(uidls))
		for i := range sizes {
			sizes[i] = int64(i % 3 * 1000)
		}

		rows, err := encode(pending, 1, uidls, sizes)
		if slices.Contains(uidls, "") != (err != nil) {
			t.Fatalf("%q: %v", uidls, err)
		}
		if err != nil {
			return
		}

		m, err := newMarks(rows)
		if err != nil {
			t.Fatal(err)
		}

		want := map[string]bool{}
		for _, u := range uidls {
			want[u] = true
			if k := m.find(u); k == nil || !k.done() || !k.pending() {
				t.Errorf("%q is lost", u)
			}
		}

		if len(m.list) != len(want) {
			t.Errorf("%d UIDLs of %d", len(m.list), len(want))
		}
		for _, k := range m.list {
			if strings.IndexFunc(k.uidl, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0 {
				t.Errorf("%q is not printable", k.uidl)
			}
		}

		again, err := newMarks(m.fold(1))
		if err != nil || !slices.Equal(again.list, m.list) {
			t.Errorf("folded: %v of %v, %v", again, m, err)
		}
	})
}

// TestChunks: many UIDLs become few rows, and none too large a row.
func TestChunks(t *testing.T) {
	t.Parallel()
	uidl := strings.Repeat("x", 70)
	rows, err := encode(delivered, 1, slices.Repeat([]string{uidl}, 10000), nil)
	if err != nil || len(rows) != 3 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, r := range rows {
		if len(r.uids) > chunk+71 {
			t.Errorf("a row of %d bytes", len(r.uids))
		}
	}
}
