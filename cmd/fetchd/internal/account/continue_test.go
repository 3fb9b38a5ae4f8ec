package account

import (
	"path/filepath"
	"slices"
	"testing"

	"fetchd/fetch"
	"fetchd/fetch/journal"
)

func TestRecordIsContinuedAtAnotherPort(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, from                string
		recorded, accounts, after []string
	}{
		{"changed port", "port 110", []string{"h||110|ann"}, []string{"h||995|ann"},
			[]string{"h||110|ann", "h||995|ann"}},
		{"default port", "the default port", []string{"h||0|ann"}, []string{"h||995|ann"},
			[]string{"h||0|ann", "h||995|ann"}},
		{"changed via", "", []string{"h|a|0|ann"}, []string{"h|b|0|ann"}, []string{"h|a|0|ann"}},
		{"unchanged", "", []string{"h||110|ann"}, []string{"h||110|ann"}, []string{"h||110|ann"}},
		{"other user", "", []string{"h||110|ann"}, []string{"h||110|bob"}, []string{"h||110|ann"}},
		{"still in use", "", []string{"h||110|ann"}, []string{"h||110|ann", "h||995|ann"},
			[]string{"h||110|ann"}},
		{"two could continue", "", []string{"h||1|ann"}, []string{"h||2|ann", "h||3|ann"},
			[]string{"h||1|ann"}},
		{"changed twice", "port 2", []string{"h||1|ann", "h||2|ann"}, []string{"h||3|ann"},
			[]string{"h||1|ann", "h||2|ann", "h||3|ann"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			j, err := journal.Open(ctx, filepath.Join(t.TempDir(), "j.db"))
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			for _, key := range tt.recorded {
				d, err := j.Maildrop(ctx, key)
				if err == nil {
					err = d.Start(ctx)
				}
				if err == nil {
					err = d.End(ctx, false)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			var accounts []*fetch.Account
			for _, key := range tt.accounts {
				accounts = append(accounts, &fetch.Account{Key: key})
			}

			from := ""
			if err := ContinueRecords(ctx, j, accounts, func(_ *fetch.Account, port string) {
				from = port
			}); err != nil {
				t.Fatal(err)
			}
			if from != tt.from {
				t.Errorf("from %q, want %q", from, tt.from)
			}
			if got, err := j.Names(ctx); err != nil || !slices.Equal(got, tt.after) {
				t.Errorf("records %q, %v, want %q", got, err, tt.after)
			}
		})
	}
}
