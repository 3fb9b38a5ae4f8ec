package pop3

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"fetchd/fetch"
)

// A server that refuses a header and leaves has ended the session at that message, whatever was asked next.
func TestRefusesAHeaderAndLeaves(t *testing.T) {
	t.Parallel()
	const ok, no = "S: +OK\nS: Subject: a\nS: .\n", "S: -ERR broken\n"
	for _, tt := range []struct{ name, answers, uid string }{
		{"one of them", ok + no + "CLOSE", "u2"},
		{"the last", ok + ok + no + "C: NOOP\nCLOSE", "u3"},
		{"it is another", no + ok + "CLOSE", "u3"},
		{"none", ok + ok + no + "C: NOOP\nS: -ERR what\nC: QUIT\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := strings.ReplaceAll(pipelinedStart(3, 20), "S: PIPE", "S: TOP\nS: PIPE")
				s, m, _ := openPlaying(t, start+"C: TOP 1 0\nC: TOP 2 0\nC: TOP 3 0\n"+tt.answers)
				all := []fetch.Ref{{UID: "u1"}, {UID: "u2"}, {UID: "u3"}}
				err := m.(*maildrop).Headers(t.Context(), all, nil, func(fetch.Ref, []byte) {})

				uid, at := "", new(fetch.AtMessage)
				if errors.As(err, &at) {
					uid = at.UID
				}
				if uid != tt.uid || (err == nil) != (tt.uid == "") {
					t.Errorf("ended at %q, %v; want %q", uid, err, tt.uid)
				}
				_ = s.Close()
			})
		})
	}
}
