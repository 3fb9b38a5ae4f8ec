package fetch_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
)

// checkRoundTrip: every odd message arrives byte for byte; nothing or everything is left; a second retrieval
// finds nothing; mail that comes later is found.
func checkRoundTrip(t *testing.T, r *rig) {
	messages := r.odd(len(fetchtest.MailKinds()) + 1)
	first, later := messages[:len(messages)-1], messages[len(messages)-1:]
	r.append(t, "INBOX", first...)
	res := r.retrieve(t, len(first))
	r.wants(t, first)
	r.holds(t, "INBOX", r.left(len(first)))
	if want := len(first) - r.left(len(first)); res.Deleted != want {
		t.Errorf("%d deleted, want %d", res.Deleted, want)
	}
	r.allSeen(t)
	r.retrieve(t, 0)
	r.append(t, "INBOX", later...)
	r.retrieve(t, 1)
	r.wants(t, messages)
	r.holds(t, "INBOX", r.left(len(messages)))
	r.allSeen(t)
	r.retrieve(t, 0)
}

// odd gives n messages of all kinds but the 5 MB one. The memory IMAP server puts a blank line behind a
// header that is all there is; such a message is left out there.
func (r *rig) odd(n int) [][]byte {
	var out [][]byte
	for _, m := range r.mail {
		headOnly := !bytes.Contains(m, []byte("\r\n\r\n")) && !bytes.HasPrefix(m, []byte("\r\n"))
		if len(m) < largest && !(headOnly && r.server.name == "memory IMAP") && len(out) < n {
			out = append(out, m)
		}
	}
	return out
}

// largest is the size from which on a message is large.
const largest = 1 << 20

// allSeen checks that what is left on the server has \Seen.
func (r *rig) allSeen(t *testing.T) {
	t.Helper()
	if r.unseen == nil {
		return
	}
	if n := r.unseen(t, "INBOX"); n != 0 {
		t.Errorf("%d messages are not \\Seen", n)
	}
}

// checkMany: 300 messages, of all kinds in turn.
func checkMany(t *testing.T, r *rig) {
	messages := r.odd(300)
	r.append(t, "INBOX", messages...)
	r.retrieve(t, len(messages))
	r.wants(t, messages)
	r.holds(t, "INBOX", 0)
}

// checkLarge: 5 MB among small ones.
func checkLarge(t *testing.T, r *rig) {
	messages := small(2, 500)
	for _, m := range r.mail {
		if len(m) >= largest {
			messages = append(messages, m)
		}
	}
	r.append(t, "INBOX", messages...)
	r.retrieve(t, 3)
	r.wants(t, messages)
	r.holds(t, "INBOX", r.left(3))
	if left, _ := filepath.Glob(filepath.Join(r.a.SpoolDir, "*")); len(left) > 0 {
		t.Errorf("left in the spool: %q", left)
	}
}

// checkLimit: a message above the limit stays, and is retrieved once the limit allows it.
func checkLimit(t *testing.T, r *rig) {
	messages := append(small(3, 500), small(1, 9000)...)
	r.append(t, "INBOX", messages...)
	r.a.Limit = 4000
	for range 2 {
		if res, err := fetch.Retrieve(t.Context(), r.a); err != nil || res.Oversized != 1 || res.Seen != 0 {
			t.Fatalf("%+v, %v", res, err)
		}
		r.wants(t, messages[:3])
		r.holds(t, "INBOX", 1)
	}
	r.a.Limit = 0
	r.retrieve(t, 1)
	r.wants(t, messages)
	r.holds(t, "INBOX", 0)
}

// checkFetchLimit: a few at a time, none of them twice.
func checkFetchLimit(t *testing.T, r *rig) {
	messages := small(7, 300)
	r.append(t, "INBOX", messages...)
	r.a.FetchLimit = 3
	for i, n := range []int{3, 3, 1, 0} {
		if res := r.retrieve(t, n); res.LimitHit != (i < 2) {
			t.Errorf("retrieval %d: limit hit: %v", i, res.LimitHit)
		}
	}
	r.wants(t, messages)
	r.holds(t, "INBOX", r.left(7))
}

// checkFetchAll: what was delivered is delivered again, and the server keeps it.
func checkFetchAll(t *testing.T, r *rig) {
	messages := small(4, 300)
	r.append(t, "INBOX", messages...)
	r.retrieve(t, 4)
	r.retrieve(t, 0)
	r.a.FetchAll = true
	r.retrieve(t, 4)
	r.a.FetchAll = false
	r.retrieve(t, 0)
	r.wants(t, append(messages, messages...))
	r.holds(t, "INBOX", 4)
}

// checkFlush: what an earlier retrieval kept is deleted, and what is new is delivered and kept.
func checkFlush(t *testing.T, r *rig) {
	messages := small(5, 300)
	r.append(t, "INBOX", messages[:3]...)
	r.retrieve(t, 3)
	r.append(t, "INBOX", messages[3:]...)
	r.a.Flush = true
	r.retrieve(t, 2)
	r.wants(t, messages)
	r.holds(t, "INBOX", 2)
}

// checkKeepDays: what was delivered is removed when its time is over, and not what came since. A mailbox is
// not emptied at once.
func checkKeepDays(t *testing.T, r *rig) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	r.a.Now = func() time.Time { return now }
	r.a.KeepDays = 3
	wait := func(days int) {
		for range days - 1 { // with a look each day: over a long gap nothing grows older
			now = now.Add(24 * time.Hour)
			r.retrieve(t, 0)
		}
		now = now.Add(24 * time.Hour)
	}

	messages := small(160, 300)
	r.append(t, "INBOX", messages[:3]...)
	r.retrieve(t, 3)
	r.retrieve(t, 0)
	now = now.Add(2 * 24 * time.Hour)
	r.append(t, "INBOX", messages[3:5]...)
	r.retrieve(t, 2) // of the first three it is known now that they are there
	r.holds(t, "INBOX", 5)
	wait(2)
	r.retrieve(t, 0)
	r.holds(t, "INBOX", 5)
	wait(1)
	r.append(t, "INBOX", messages[5])
	r.retrieve(t, 1)
	r.holds(t, "INBOX", 3)
	r.wants(t, messages[:6])

	r.append(t, "INBOX", messages[6:]...)
	r.retrieve(t, 154)
	wait(1)
	r.retrieve(t, 0)
	wait(3)
	r.retrieve(t, 0) // all of it, which is not what anybody wants
	r.holds(t, "INBOX", 155)
	r.a.RemoveMany = true
	r.retrieve(t, 0)
	r.holds(t, "INBOX", 0)
	r.wants(t, messages)
}

// checkFolders: several folders in one retrieval, one of them named in modified UTF-7, one missing.
func checkFolders(t *testing.T, r *rig) {
	messages := small(6, 300)
	r.append(t, "INBOX", messages[0])
	r.append(t, "Lists", messages[1:3]...)
	r.append(t, "R&-D", messages[3:]...)
	r.a.Mailboxes = []string{"Lists", "R&-D"}
	if r.server.name == "memory IMAP" { // its back door wants plain names
		r.append(t, "R&D", messages[3:]...)
	}
	r.retrieve(t, 5)
	r.wants(t, messages[1:])
	r.holds(t, "Lists", 0)
	r.holds(t, "INBOX", 1)
	r.a.Mailboxes = []string{"No such", "INBOX"}
	if _, err := r.fails(t, fetch.KindServer); !strings.Contains(err.Error(), `"No such"`) {
		t.Errorf("error %v", err)
	}
	r.wants(t, messages)
	r.holds(t, "INBOX", 0)
}

// checkRenumbered: under a new UIDVALIDITY the \Seen messages are old and the others new.
func checkRenumbered(t *testing.T, r *rig) {
	messages := small(8, 300)
	r.a.Mailboxes = []string{"Box"}
	r.append(t, "Box", messages[:5]...)
	r.retrieve(t, 5)
	r.append(t, "Box", messages[5:7]...)
	r.renumber(t, "Box")
	r.retrieve(t, 2)
	r.append(t, "Box", messages[7])
	r.retrieve(t, 1)
	r.retrieve(t, 0)
	r.wants(t, messages)
	r.holds(t, "Box", 8)
}

// checkRenumberedPending: the deletions that an earlier retrieval left pending do not fall on the messages
// that have these UIDs now.
func checkRenumberedPending(t *testing.T, r *rig) {
	messages := small(6, 300)
	r.a.Mailboxes = []string{"Box"}
	r.append(t, "Box", messages[:3]...)
	if res := r.loseAfter(t, 3); res.Delivered != 3 || res.Deleted != 0 {
		t.Fatalf("%+v", res)
	}
	r.holds(t, "Box", 3)
	r.append(t, "Box", messages[3:]...)
	r.renumber(t, "Box")
	res, err := fetch.Retrieve(t.Context(), r.a)
	if err != nil {
		t.Fatal(err)
	}
	got := r.delivered(t)
	for _, m := range messages {
		if !slices.Contains(got, canon(m)) {
			t.Errorf("lost: %.100q", m)
		}
	}
	if res.Delivered < 3 {
		t.Errorf("%+v", res)
	}
}

// checkRefused: a message that the destination refuses stays, and the others go on.
func checkRefused(t *testing.T, r *rig) {
	messages := small(5, 300)
	r.append(t, "INBOX", messages...)
	maildir := r.a.Deliverer
	refused := errors.New("mailbox full")
	r.a.Deliverer = &hooked{Deliverer: maildir, before: func(n int) error {
		if n == 3 {
			return refused
		}
		return nil
	}}
	res, err := r.fails(t, fetch.KindDelivery)
	if res.Delivered != 4 || res.Failed != 1 || !errors.Is(err, refused) {
		t.Fatalf("%+v, %v", res, err)
	}
	r.holds(t, "INBOX", 1)
	r.a.Deliverer = maildir
	r.retrieve(t, 1)
	r.wants(t, messages)
	r.holds(t, "INBOX", 0)
}
