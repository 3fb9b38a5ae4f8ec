package fetch_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
)

// apart are n messages of different sizes.
func apart(n int) (out [][]byte) {
	for i := range n {
		out = append(out, fmt.Appendf(nil, "Subject: %d\r\n\r\n%s\r\n", i, bytes.Repeat([]byte("x"), i)))
	}
	return out
}

// withoutUIDLs is an account on a POP3 server that has none.
func withoutUIDLs(t *testing.T, react func(uidl string) fetchtest.Reaction) (*rig, *events) {
	t.Helper()
	return rigOn(t, fetchtest.StartPOPServer(t, fetchtest.POPOptions{NoUIDL: true, Retr: react}))
}

// Without UIDLs, too, a message at which the server ends the session keeps no other one from coming: it is
// known by its size, and by its number among those of that size.
func TestUnnamedMessageThatCannotBeHad(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		messages [][]byte
		passes   int // with the one in which it is given up
	}{
		{"of different sizes", apart(7), 3},
		{"of one size", numbered(7), 5}, // those before it are deleted, so that it has another number
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			mended := false
			r, e := withoutUIDLs(t, func(uidl string) fetchtest.Reaction {
				return fetchtest.Reaction{Drop: uidl == "uidl-4" && !mended}
			})
			now := time.Now()
			r.a.Now = func() time.Time { return now }
			r.append(t, "INBOX", tt.messages...)

			for range tt.passes - 1 {
				_, _ = r.pass(t)
			}
			if n := len(r.delivered(t)); n != 6 {
				t.Errorf("%d delivered", n)
			}
			r.holds(t, "INBOX", 1)

			r.append(t, "INBOX", []byte("Subject: new\r\n\r\nlater, and not alike\r\n"))
			r.retrieve(t, 1)
			e.expect(t, "WARN "+fetch.EventObstacle, 1)

			now, mended = now.Add(25*time.Hour), true
			r.retrieve(t, 1)
			r.holds(t, "INBOX", 0)
			if note, err := r.a.Journal.Obstacles(t.Context(), r.a.Key); note != "" || err != nil {
				t.Errorf("still noted: %s, %v", note, err)
			}
		})
	}
}

// Without UIDLs, too, messages that can't be delivered don't use up fetchlimit in each pass.
func TestUnnamedMessagesThatFailLetOthersPass(t *testing.T) {
	t.Parallel()
	r, _ := withoutUIDLs(t, nil)
	p := &picky{Deliverer: r.a.Deliverer, refuse: map[string]error{}}
	refuseFirst(p, 3)
	r.a.Deliverer, r.a.FetchLimit = p, 3
	r.append(t, "INBOX", numbered(8)...)
	for range 6 {
		_, _ = r.pass(t)
	}
	r.wants(t, numbered(8)[3:])
	r.holds(t, "INBOX", 3)
}
