package pop3

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"fetchd/fetch"
	"fetchd/fetch/journal"
)

func listingOf(t testing.TB, j *journal.Journal, text string) (*listing, error) {
	t.Helper()
	_, c, l := newQuiet(t, text)
	s := &session{a: &fetch.Account{}, c: c, client: l, memory: new(Memory)}
	record, err := j.Maildrop(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return s.list(record, false)
}

func openJournal(t testing.TB) *journal.Journal {
	t.Helper()
	j, err := journal.Open(t.Context(), filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func bigListing(n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "+OK %d 400000000\r\n+OK\r\n", n)
	for i := range n {
		fmt.Fprintf(&b, "%d 0000%08x5f3e6a7b00000001\r\n", i+1, i)
	}
	b.WriteString(".\r\n+OK\r\n")
	for i := range n {
		fmt.Fprintf(&b, "%d %d\r\n", i+1, 4000+i)
	}
	b.WriteString(".\r\n")
	return b.String()
}

// A maildrop of 100,000 messages takes one copy of its listing and no more.
func TestLargeListing(t *testing.T) {
	const n = 100_000
	text, j := bigListing(n), openJournal(t)
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	l, err := listingOf(t, j, text)
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if len(l.rows) != n || l.rows[n-1].size != 4000+n-1 || !strings.HasPrefix(l.rows[n-1].uidl, "00000001869f") || !l.uidl {
		t.Errorf("%d rows, the last %+v", len(l.rows), l.rows[len(l.rows)-1])
	}
	if allocated := (after.TotalAlloc - before.TotalAlloc) >> 20; allocated > 40 {
		t.Errorf("%d MB allocated in all", allocated)
	}
}

// FuzzListing: what comes out of a listing is complete: as many rows as STAT said, each with its size.
func FuzzListing(f *testing.F) {
	f.Add(bigListing(3))
	f.Add("+OK 0 0\r\n")
	f.Add("+OK 1 5\r\n-ERR\r\n+OK\r\n1 5\r\n.\r\n")
	f.Add("+OK 1 5\r\n+OK\r\n1 \xff\r\n.\r\n+OK\r\n1 5 x\r\n.\r\n")
	f.Add("+OK 2 5\r\n+OK\r\n2 a\r\n1 a\r\n.\r\n+OK\r\n1 5\r\n2 6\r\n.\r\n")
	j := openJournal(f)
	f.Fuzz(func(t *testing.T, text string) {
		l, err := listingOf(t, j, text)
		if err != nil {
			if len(err.Error()) > 2000 || strings.ContainsAny(err.Error(), "\r\x00\x1b") {
				t.Fatalf("error %q", err)
			}
			return
		}
		seen := map[string]bool{}
		for i, r := range l.rows {
			if !r.listed || r.size < 0 || r.uidl != "" && seen[r.uidl] {
				t.Fatalf("row %d: %+v", i+1, r)
			}
			seen[r.uidl] = true
		}
	})
}
