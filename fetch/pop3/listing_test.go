package pop3

import (
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
	"fetchd/fetch/journal"
	"fetchd/fetch/wire"
)

func listingOf(t testing.TB, j *journal.Journal, said io.Reader) (*listing, error) {
	t.Helper()
	record, err := j.Maildrop(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return quietSession(t, said).list(record, false)
}

// quietSession is one that is logged in, with a server that says what it says whatever it is asked.
func quietSession(t testing.TB, said io.Reader) *session {
	t.Helper()
	c := wire.New(&fetchtest.Tape{R: said, Size: 1 << 20}, wire.Options{})
	l, err := newClient(c)
	if err != nil {
		t.Fatal(err)
	}
	return &session{a: &fetch.Account{}, c: c, client: l, quirks: new(Quirks)}
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
	text, j := bigListing(n), fetchtest.OpenJournal(t)
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	l, err := listingOf(t, j, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if len(l.rows) != n || l.rows[n-1].size != 4000+n-1 ||
		!strings.HasPrefix(l.rows[n-1].uidl, "00000001869f") || !l.uidl {
		t.Errorf("%d rows, the last %+v", len(l.rows), l.rows[len(l.rows)-1])
	}
	if allocated := (after.TotalAlloc - before.TotalAlloc) >> 20; allocated > 40 {
		t.Errorf("%d MB allocated in all", allocated)
	}
}

// flood is a maildrop's listing, made as it is read: n messages with UIDLs of the given length.
type flood struct {
	n, length int
	row       int
	rest      []byte
}

func (f *flood) Read(p []byte) (int, error) {
	for len(f.rest) < len(p) && f.row <= 2*f.n+2 {
		switch i := f.row; {
		case i == 0:
			f.rest = fmt.Appendf(f.rest, "+OK %d 400000000\r\n+OK\r\n", f.n)
		case i <= f.n:
			f.rest = fmt.Appendf(f.rest, "%d %0*x\r\n", i, f.length, i)
		case i == f.n+1:
			f.rest = append(f.rest, ".\r\n+OK\r\n"...)
		case i <= 2*f.n+1:
			f.rest = fmt.Appendf(f.rest, "%d 4000\r\n", i-f.n-1)
		default:
			f.rest = append(f.rest, ".\r\n"...)
		}
		f.row++
	}
	if len(f.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, f.rest)
	f.rest = f.rest[:copy(f.rest, f.rest[n:])]
	return n, nil
}

// A quarter of the largest listing that is taken stays within a quarter of some 200 MB, also while it grows,
// and a larger one than that is refused.
func TestHugeListing(t *testing.T) {
	for _, tt := range []struct {
		name      string
		n, length int
		err       string
	}{
		{"many", maxMessages / 4, 60, ""},
		{"long", maxUIDLs / 4 / 4000, 4000, ""},
		{"too many", maxMessages + 1, 60, "messages"},
		{"too long", maxUIDLs/4000 + 1, 4000, "bytes of UIDLs"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j, most := fetchtest.OpenJournal(t), uint64(0)
			debug.FreeOSMemory()
			base := heap()
			stop, ended := make(chan struct{}), make(chan struct{})
			go func() { // what the process holds of the system's memory, at its highest
				defer close(ended)
				for {
					most = max(most, heap())
					select {
					case <-time.After(5 * time.Millisecond):
					case <-stop:
						return
					}
				}
			}()

			l, err := listingOf(t, j, &flood{n: tt.n, length: tt.length})
			close(stop)
			<-ended
			if tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) ||
				tt.err == "" && err != nil {
				t.Fatalf("error %v, want %q", err, tt.err)
			}
			if err == nil && len(l.rows) != tt.n {
				t.Errorf("%d rows, want %d", len(l.rows), tt.n)
			}
			if took := (int64(most) - int64(base)) >> 20; tt.err == "" && took > 90 {
				t.Errorf("takes %d MB", took)
			}
		})
	}
}

// heap is the memory that the heap holds of the system's.
func heap() uint64 {
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(samples)
	sum := uint64(0)
	for _, s := range samples {
		sum += s.Value.Uint64()
	}
	return sum
}

// Of many messages with one UIDL a few are named in the log.
func TestManyDuplicatesAreSummedUp(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ n, lines int }{{1, 0}, {2, 1}, {6, 5}, {7, 6}, {1000, 6}} {
		text := fmt.Sprintf("+OK %d 9\r\n+OK\r\n", tt.n)
		for i := range tt.n {
			text += fmt.Sprintf("%d same\r\n", i+1)
		}

		text += ".\r\n+OK\r\n"
		for i := range tt.n {
			text += fmt.Sprintf("%d 9\r\n", i+1)
		}

		var log strings.Builder
		s := quietSession(t, strings.NewReader(text+".\r\n"))
		s.a.Log = slog.New(slog.NewTextHandler(&log, nil))
		record, err := fetchtest.OpenJournal(t).Maildrop(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.list(record, false); err != nil {
			t.Fatal(err)
		}

		n := strings.Count(log.String(), "\n")
		if n != tt.lines || tt.n == 1000 && !strings.Contains(log.String(), "count=994") {
			t.Errorf("%d messages: %d lines, want %d:\n%s", tt.n, n, tt.lines, log.String())
		}
	}
}

// FuzzListing: what comes out of a listing is complete: each row has its size, or is left to another session.
func FuzzListing(f *testing.F) {
	f.Add(bigListing(3))
	f.Add("+OK 0 0\r\n")
	f.Add("+OK 1 5\r\n-ERR\r\n+OK\r\n1 5\r\n.\r\n")
	f.Add("+OK 1 5\r\n+OK\r\n1 \xff\r\n.\r\n+OK\r\n1 5 x\r\n.\r\n")
	f.Add("+OK 2 5\r\n+OK\r\n2 a\r\n1 a\r\n.\r\n+OK\r\n1 5\r\n2 6\r\n.\r\n")
	f.Add("+OK 2 5\r\n+OK\r\n1 b\r\n2 a\r\n.\r\n+OK\r\n1 5\r\n.\r\n")
	f.Add("+OK 2 5\r\n+OK\r\n1 b\r\n3 a\r\n.\r\n+OK\r\n1 5\r\n3 5\r\n.\r\n")
	j := fetchtest.OpenJournal(f)
	f.Fuzz(func(t *testing.T, text string) {
		l, err := listingOf(t, j, strings.NewReader(text))
		if err != nil {
			if len(err.Error()) > 2000 || strings.ContainsAny(err.Error(), "\r\x00\x1b") {
				t.Fatalf("error %q", err)
			}
			return
		}

		seen, left := map[string]bool{}, 0
		for i, r := range l.rows {
			if !r.listed && !r.left || r.size < 0 || r.uidl != "" && seen[r.uidl] {
				t.Fatalf("row %d: %+v", i+1, r)
			}
			if seen[r.uidl] = true; r.left && !r.gap {
				left++
			}
		}
		if left != l.left || (left > 0) != (l.disagree() != nil) {
			t.Fatalf("%d rows are left, and %d counted: %v", left, l.left, l.disagree())
		}
	})
}
