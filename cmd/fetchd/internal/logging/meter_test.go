package logging

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/fetch"
)

// screen is what a terminal shows at last, of what was written to it: its lines.
func screen(written string) []string {
	lines := []string{""}
	for rest := written; rest != ""; {
		last := len(lines) - 1
		switch {
		case strings.HasPrefix(rest, eraseLine):
			lines[last], rest = "", rest[len(eraseLine):]
		case rest[0] == '\n':
			lines, rest = append(lines, ""), rest[1:]
		default:
			lines[last], rest = lines[last]+rest[:1], rest[1:]
		}
	}
	return lines
}

// A large retrieval has a line at the bottom of the terminal, below what is said meanwhile, and one at its
// end.
func TestMeter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l, err := Open(Target{Name: "fetchd", Out: &out, Err: &out, Columns: func() int { return 80 }})
		if err != nil {
			t.Fatal(err)
		}
		retrieve := func(account string, from, to, total int) {
			for n := from; n <= to; n++ {
				time.Sleep(time.Second)
				l.Info(fetch.EventReading, "account", account, "mailbox", "INBOX", "n", n, "total", total,
					"size", 1_000_000)
			}
		}
		check := func(want ...string) {
			t.Helper()
			if got := screen(out.String()); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
				t.Errorf("the terminal shows\n%q, want\n%q", got, want)
			}
		}

		l.Info(fetch.EventMailbox, "account", "ann@h", "mailbox", "INBOX", "total", 120, "size", 120_000_000)
		retrieve("ann@h", 1, 30, 100)
		shown := []string{"120 messages for ann at h (120000000 octets)."}
		check(append(shown, "ann@h INBOX: 30 of 100, 30 MB of 100 MB, 1.00 MB/s, 1m10s left")...)

		l.Warn("careful", "account", "ann@h")
		shown = append(shown, "fetchd: WARNING: ann@h: careful")
		check(append(shown, "ann@h INBOX: 30 of 100, 30 MB of 100 MB, 1.00 MB/s, 1m10s left")...)

		retrieve("bob@h", 1, 10, 50) // whose server tells no sizes
		check(append(shown, "2 mailboxes: 40 of 150, 40 MB, 1.00 MB/s, 1m50s left")...)
		retrieve("ann@h", 31, 100, 100)
		shown = append(shown, "ann@h INBOX: 100 messages, 100 MB in 1m50s")
		check(append(shown, "bob@h INBOX: 10 of 50, 10 MB, 0.13 MB/s, 5m16s left")...)

		l.Error(fetch.EventQueryFailed, "account", "bob@h", "err", errors.New("the server is gone"))
		shown = append(shown, "fetchd: bob@h: the server is gone", "")
		check(shown...)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		check(shown...)
	})
}

// A few messages have their lines; and so do all where there is no terminal, or more is asked for, or less.
func TestNoMeter(t *testing.T) {
	t.Parallel()
	columns := func() int { return 40 }
	for _, tt := range []struct {
		name   string
		target Target
		total  int
		want   string
	}{
		{"few", Target{Columns: columns}, meterLeast - 1,
			"reading message ann@h:1 of 19 (5 octets) not flushed\n"},
		{"many", Target{Columns: columns}, meterLeast, eraseLine + "ann@h: 1 of 20, 0.00 MB" + eraseLine},
		{"narrow", Target{Columns: func() int { return 9 }}, meterLeast, eraseLine + "ann@h: 1" + eraseLine},
		{"no terminal", Target{}, meterLeast, "reading message ann@h:1 of 20 (5 octets) not flushed\n"},
		{"silent", Target{Columns: columns, Silent: true}, meterLeast, ""},
		{"verbose", Target{Columns: columns, Verbose: 1}, meterLeast,
			"reading message ann@h:1 of 20 (5 octets) not flushed\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			tt.target.Name, tt.target.Out, tt.target.Err = "fetchd", &out, &out
			l, err := Open(tt.target)
			if err != nil {
				t.Fatal(err)
			}
			l.Info(fetch.EventReading, "account", "ann@h", "n", 1, "total", tt.total, "size", 5)
			if err := l.Close(); err != nil || out.String() != tt.want {
				t.Errorf("%q, %v, want %q", out.String(), err, tt.want)
			}
		})
	}
}
