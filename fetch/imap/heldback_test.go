package imap

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/delivery"
)

// clocked is a Deliverer that notes when it gets messages.
type clocked struct {
	*taker
	start time.Time
	mu    sync.Mutex
	when  []string
}

func (c *clocked) Deliver(ctx context.Context, m *delivery.Message) error {
	c.mu.Lock()
	c.when = append(c.when, fmt.Sprint(m.UID, " after ", time.Since(c.start)))
	c.mu.Unlock()
	return c.taker.Deliver(ctx, m)
}

// deletedFrom is the deletion of both messages, from a tag on.
func deletedFrom(tag int) string {
	return step(tag, "UID STORE 1:2 ", "") + step(tag+1, "UID SEARCH DELETED", names("1 2")) +
		step(tag+2, "EXPUNGE", "S: * 2 EXPUNGE\nS: * 1 EXPUNGE\n") + bye
}

// The last message of a batch is not delivered, and so not recorded, before its FETCH is answered: a process
// that dies in between must not leave it behind as one that is to be deleted.
func TestLastOneWaitsForTheAnswer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, end, want, err string }{
		{"OK", "S: T3 OK\n" + deletedFrom(4), "1 after 1s 2 after 3s", ""},
		{"NO, and the text was not whole", "S: T3 NO can't read it\n" +
			step(4, "UID FETCH 1 ", fetchedOf(1, 2, "ab")) + step(5, "UID FETCH 2 ", fetchedOf(2, 3, "cde")) +
			deletedFrom(6), "1 after 1s 2 after 3s 2 after 3s", ""},
		{"the server leaves", "CLOSE", "1 after 1s 2 after 3s", "ended the connection"},
		{"the server says nothing", "STALL", "1 after 1s 2 after 1m1s", "no answer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				c := &clocked{taker: r.taker, start: time.Now()}
				r.Deliverer = c

				script := found("1 2", "1:2") + fetched(1, "ab") + "WAIT 1s\n" + fetched(2, "cd")
				if tt.end != "STALL" {
					script += "WAIT 2s\n"
				}

				_, _, err := r.run(script + tt.end)
				if got := strings.Join(c.when, " "); got != tt.want {
					t.Errorf("delivered %s, want %s", got, tt.want)
				}
				if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v, want %q", err, tt.err)
				}
			})
		})
	}
}
