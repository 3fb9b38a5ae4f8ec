package fetch

import (
	"context"
	"log/slog"
	"slices"
	"testing"
)

// levels keeps the levels of what is logged about mailboxes.
type levels struct {
	slog.Handler
	got *[]slog.Level
}

func (l levels) Enabled(context.Context, slog.Level) bool { return true }

func (l levels) Handle(_ context.Context, r slog.Record) error {
	*l.got = append(*l.got, r.Level)
	return nil
}

// A daemon says what a mailbox holds when that has changed, not with each poll.
func TestUnchangedMailboxIsSilent(t *testing.T) {
	t.Parallel()
	var got []slog.Level
	a := &Account{Log: slog.New(levels{slog.DiscardHandler, &got})}
	var s said
	for _, tt := range []struct {
		name string
		c    Counts
	}{
		{"INBOX", Counts{Messages: 3, New: 3}},
		{"INBOX", Counts{Messages: 3, Seen: 3}},
		{"INBOX", Counts{Messages: 3, Seen: 3}},
		{"other", Counts{}},
		{"other", Counts{}},
		{"INBOX", Counts{Messages: 3, Seen: 2, New: 1}},
		{"INBOX", Counts{Messages: 3, Seen: 2, New: 1}}, // tried again
		{"INBOX", Counts{Messages: 4, Seen: 4}},
		{"INBOX", Counts{Messages: 5, Seen: 4, Oversized: []*Item{{}}}},
		{"INBOX", Counts{Messages: 5, Seen: 4, Oversized: []*Item{{}}}},
	} {
		a.report(tt.name, tt.c, &s)
	}

	info, detail := slog.LevelInfo, LevelDetail
	want := []slog.Level{info, detail, detail, info, detail, info, info, detail, info, info, detail, detail}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
