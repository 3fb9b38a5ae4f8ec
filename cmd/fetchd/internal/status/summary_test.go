package status

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/schedule"
)

func TestSummary(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 14, 5, 6, 0, time.Local)
	failed := func(name string, kind fetch.Kind, since time.Time) schedule.State {
		return schedule.State{Account: name, Failing: true, Next: at.Add(time.Hour),
			Failure: schedule.Failure{Kind: kind, Since: since, Count: 1}}
	}
	folder := failed("bob@h", fetch.KindTLS, at)
	folder.Mailboxes = []string{"Lists"}
	well := schedule.State{Account: "zoe@h", Success: at, Next: at.Add(5 * time.Minute)}
	tests := []struct {
		name    string
		states  []schedule.State
		refused map[string]string
		want    string
	}{
		{"none", nil, nil, "0 accounts"},
		{"one that is well", []schedule.State{well}, nil, "1 account, next poll 14:10"},
		{"some in trouble", []schedule.State{
			failed("ann@h", fetch.KindAuth, at),
			failed("bob@h", fetch.KindTLS, at.AddDate(0, 0, -3)), folder, well,
		}, nil, "3 accounts, 2 in trouble (ann@h: login refused since 14:05; " +
			"bob@h: certificate refused since Nov 19 14:05), next poll 14:10"},
		{"many", []schedule.State{
			failed("ann@h", fetch.KindAuth, at), failed("bob@h", fetch.KindNetwork, at),
			failed("kim@h", fetch.KindNetwork, at), failed("tom@h", fetch.KindNetwork, at),
		}, map[string]string{"al@h": "no such protocol"},
			"5 accounts, 5 in trouble (al@h: disabled since 14:05; " +
				"ann@h: login refused since 14:05; " +
				"bob@h: backing off since 14:05; … and 2 more), next poll 15:05"},
		{"long names", []schedule.State{failed(strings.Repeat("é", 100), fetch.KindAuth, at)}, nil,
			fmt.Sprintf("1 account, 1 in trouble (%s…: login refused since 14:05), next poll 15:05",
				strings.Repeat("é", maxName))},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := Of(tt.states, tt.refused, at)
			if got := r.Summary(); got != tt.want {
				t.Errorf("%q,\nwant %q", got, tt.want)
			}
		})
	}
}
