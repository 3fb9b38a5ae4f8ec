package fetch

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"fetchd/fetch/fetchtest"
)

// A kept message is removed so many days after it was first seen to be delivered: never too soon, whatever
// the clock does and whatever has the UIDs now.
func TestAges(t *testing.T) {
	t.Parallel()
	j := fetchtest.OpenJournal(t)
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	a := &Account{Key: "key", Journal: j, Log: slog.New(slog.DiscardHandler),
		Now:      func() time.Time { return now },
		Disposal: Disposal{Keep: true, KeepDays: 2}}
	check := func(what string, wait time.Duration, validity uint32, there, want string) {
		t.Helper()
		now = now.Add(wait)
		g, err := a.Ages(t.Context(), "a", validity)
		if err != nil || (g == nil) != (want == "-") {
			t.Fatalf("%s: %v, %v", what, g, err)
		}
		if g == nil {
			return
		}
		got, err := g.Expired(t.Context(), strings.Fields(there), 10)
		if err != nil || !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s: %q expired, want %q; %v", what, got, want, err)
		}
	}
	const hour = time.Hour
	check("first seen", 0, 7, "1 2", "")
	check("too soon to look", hour, 7, "", "-")
	check("one more", 23*hour, 7, "1 2 3", "")
	check("the first are old", 24*hour, 7, "1 2 3", "1 2")
	check("one could not be removed", 6*hour, 7, "2 3", "2")
	check("a UID is used again after it was gone", 18*hour, 7, "1 3", "3")
	check("the clock goes back", -40*24*hour, 7, "1", "")
	check("and counts from there", 30*hour, 7, "1", "")
	check("for two days", 17*hour, 7, "1", "")
	check("until its time is over", 7*hour, 7, "1", "1")
	check("the mailbox is another", 6*hour, 8, "1", "")
	check("and another", 6*hour, 9, "1", "")
	check("the clock is ahead", 40*24*hour, 9, "1 2", "")
	check("and put right", -40*24*hour, 9, "1 2", "")
	check("and runs", 36*hour, 9, "1 2", "")
	check("and nobody has looked for a week", 7*24*hour, 9, "1 2", "")
	check("until now", 6*hour, 9, "1 2", "1 2")

	check("the clock is behind", -20000*24*hour, 10, "1", "")
	check("and put right", 20000*24*hour, 10, "1 2", "")
	check("and believed", 24*hour, 10, "1 2", "")
	check("so that it counts from there", 24*hour, 10, "1 2", "1 2")
	check("a machine is off often", 0, 11, "1", "")
	check("at each look", 7*24*hour, 11, "1", "")
	check("and again", 7*24*hour, 11, "1", "")
	check("which holds nothing up for long", 7*24*hour, 11, "1", "1")

	a.RemoveMany = true
	check("told to", time.Minute, 8, "1", "")
	for name, d := range map[string]Disposal{
		"off": {Keep: true}, "nothing is kept": {KeepDays: 2},
		"all is removed": {Keep: true, KeepDays: 2, Flush: true},
		"it is moved":    {Keep: true, KeepDays: 2, MoveTo: "x"},
	} {
		a.Disposal = d
		if g, err := a.Ages(t.Context(), "a", 8); g != nil || err != nil {
			t.Errorf("%s: %v, %v", name, g, err)
		}
	}
}

// More than half of a large mailbox is not removed in one pass, unless that is said.
func TestAgesBrake(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name              string
		expired, messages int
		yes               bool
		want              int
	}{
		{"half", 60, 120, false, 60},
		{"more than half", 61, 120, false, 0},
		{"more than half, and meant", 61, 120, true, 61},
		{"a small mailbox", 100, 100, false, 100},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			j := fetchtest.OpenJournal(t)
			now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
			a := &Account{Key: "key", Journal: j, Log: slog.New(slog.DiscardHandler),
				Now:      func() time.Time { return now },
				Disposal: Disposal{Keep: true, KeepDays: 1, RemoveMany: tt.yes}}
			var uids []string
			for i := range tt.expired {
				uids = append(uids, strings.Repeat("x", i+1))
			}
			for _, want := range []int{0, tt.want} {
				g, err := a.Ages(t.Context(), "", 0)
				if err != nil || g == nil {
					t.Fatal(g, err)
				}
				got, err := g.Expired(t.Context(), uids, tt.messages)
				if err != nil || len(got) != want {
					t.Errorf("%d expired, want %d; %v", len(got), want, err)
				}
				now = now.Add(24 * time.Hour)
			}
		})
	}
}
