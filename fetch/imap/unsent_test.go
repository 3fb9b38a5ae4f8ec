package imap

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"fetchd/fetch"
)

// A server that answers a batch at a message and leaves ended the session at that message, whatever was asked
// next: the others come before it then.
func TestAnswersAtAMessageAndLeaves(t *testing.T) {
	t.Parallel()
	three := found("1 2 3", "1:3") + fetched(1, "ab")
	var all strings.Builder
	for uid := range 512 {
		fmt.Fprint(&all, " ", uid+1)
	}
	batches := strings.Replace(selected("", 600, all.String()), "S: * 0 ", "S: * 512 ", 1)

	for _, tt := range []struct {
		name, script, got, uid, err string
		deletes                     bool
	}{
		{name: "NO", script: three + "S: T3 NO busy\nCLOSE", got: "1=ab", uid: "2", err: `NO "busy"; then`},
		{name: "BAD", script: three + "S: T3 BAD what\nCLOSE", got: "1=ab", uid: "2", err: `BAD "what"; `},
		{name: "OK", script: three + "S: T3 OK done\nCLOSE", got: "1=ab", uid: "2", err: "search: "},
		{name: "NO, and BYE", script: three + "S: T3 NO busy\nS: * BYE\nCLOSE", got: "1=ab", uid: "2",
			err: "BYE"},
		{name: "NO, and the message before is asked for again", script: three + "S: T3 NO busy\nCLOSE",
			got: "1=ab", uid: "2", err: `NO "busy"; then`, deletes: true},
		{name: "NO, and another batch is under way", script: batches + "C: ~^T3 UID FETCH 1:256 \n" +
			"C: ~^T4 UID FETCH 257:512 \n" + fetched(1, "ab") + "S: T3 NO busy\nCLOSE", got: "1=ab",
			uid: "2", err: `NO "busy"; then`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				r.Keep, r.MarkSeen = !tt.deletes, false
				got, _, err := r.run(tt.script)
				if got != tt.got || err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("delivers %q, error %v, want %q and %q", got, err, tt.got, tt.err)
				}
				var at *fetch.AtMessage
				if !errors.As(err, &at) || at.UID != tt.uid {
					t.Errorf("the session ended at %+v, want %s", at, tt.uid)
				}
			})
		})
	}
}
