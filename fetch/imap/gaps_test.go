package imap

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/fetch/journal"
)

// everyOther are the odd UIDs below n.
func everyOther(n uint32) journal.Set {
	var s journal.Set
	for uid := uint32(1); uid < n; uid += 2 {
		s.Add(uid)
	}
	return s
}

// What the journal lacks is named as long as it fits a command, and then asked for from its first UID on.
func TestMissing(t *testing.T) {
	t.Parallel()
	var all journal.Set
	all.AddRange(1, ^uint32(0))
	short := everyOther(2650) // gaps of some 6,070 bytes

	for _, tt := range []struct {
		name string
		done journal.Set
		want string
	}{
		{"nothing is done", journal.Set{}, "1:*"},
		{"one gap", setOf(t, "1:4,6:9"), "5,10:*"},
		{"all is done", all, "4294967295"},
		{"as many gaps as fit", short, ",2648,2650:*"},
		{"more gaps than fit", everyOther(3000), "2:*"},
		{"more gaps than fit, the first ones done",
			journalUnion(everyOther(3000), setOf(t, "1:100")), "102:*"},
	} {
		got := missing(tt.done).String()

		if tt.name == "as many gaps as fit" {
			if !strings.HasPrefix(got, "2,4,6,") || !strings.HasSuffix(got, tt.want) ||
				len(got) > maxSetText+20 || len(got) < maxSetText-500 {
				t.Errorf("%s: %d bytes, %.20s…%s", tt.name, len(got), got, got[max(0, len(got)-20):])
			}
		} else if got != tt.want {
			t.Errorf("%s: %.100s, want %s", tt.name, got, tt.want)
		}
	}
}

func setOf(t *testing.T, text string) journal.Set {
	t.Helper()
	s, err := journal.ParseSet(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func journalUnion(a, b journal.Set) journal.Set {
	a.AddSet(b)
	return a
}

// Where the gaps are too many to name, what is found in one comes, what was delivered before does not, and
// the gaps that no message has any more are closed.
func TestMoreGapsThanACommandHolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.Keep, r.MarkSeen = true, false
		rec, err := r.Journal.Mailbox(t.Context(), r.Key, "INBOX")
		if err != nil {
			t.Fatal(err)
		}

		must := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}

		must(rec.Start(t.Context(), 1))
		must(rec.Claim(t.Context()))
		must(rec.Record(t.Context(), everyOther(3000), false, false))
		rec.SetCensus(journal.Census{Settled: 1500, Looked: time.Now().Unix()})
		must(rec.End(t.Context(), 3000))
		search := func(found, set string) string {
			script := asking(selected("", 3002, found), "UID "+set)
			return existsLine.ReplaceAllString(script, "S: * 1503 EXISTS")
		}
		expect(t, r,
			pass{search("2 3 5 2998 2999 3001", `2:\*`) +
				"C: ~^T3 UID FETCH 2,2998,3001 \n" + fetched(2, "ab") + fetched(2998, "cd") +
				fetched(3001, "ef") + "S: T3 OK" + bye, "2=ab 2998=cd 3001=ef", ""},
			pass{search("", `3002:\*`) + bye, "", ""})
	})
}
