package fetch_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
)

// checkJournalLost: what the Maildir has is not retrieved again, wherever a reader has put it there. If much
// may have been there, nothing is retrieved until the user says what to do.
func checkJournalLost(t *testing.T, r *rig) {
	r.a.MarkSeen = false
	messages := small(126, 300)
	r.append(t, "INBOX", messages[:60]...)
	r.retrieve(t, 60)
	r.read(t, 40)

	r.a.Journal = fetchtest.OpenJournal(t)
	r.append(t, "INBOX", messages[60:62]...)
	r.retrieve(t, 2)
	r.retrieve(t, 0)
	if n := len(r.names(t, 62)); n != 62 {
		t.Errorf("%d messages arrived, want 62", n)
	}

	// The reader deletes most of it.
	r.discard(t, 52)
	r.a.Journal = fetchtest.OpenJournal(t)
	r.append(t, "INBOX", messages[62:64]...)
	r.stops(t, "the journal has no record of it", "54 may have been delivered")
	r.stops(t, "the journal has no record of it", "54 may have been delivered")
	r.decide(t, fetch.Adopt)
	r.retrieve(t, 0)
	r.append(t, "INBOX", messages[64:66]...)
	r.retrieve(t, 2)
	r.holds(t, "INBOX", 66)

	r.append(t, "INBOX", messages[66:]...)
	r.retrieve(t, 60)
	r.discard(t, 60)
	r.a.Journal = fetchtest.OpenJournal(t)
	r.stops(t, "the journal has no record of it", "may have been delivered")
	r.decide(t, fetch.Refetch)
	r.retrieve(t, 126)
	r.retrieve(t, 0)
}

// checkRenumberedKept: messages that stay on the server are known by what they look like when they get other
// UIDs. Where that was not noted, nothing is retrieved until the user says what to do.
func checkRenumberedKept(t *testing.T, r *rig) {
	r.a.MarkSeen = false
	r.a.Mailboxes = []string{"Box"}
	box := "Box"
	if r.a.Protocol == fetch.POP3 {
		box = ""
	}
	messages := small(64, 300)
	r.append(t, "Box", messages[:60]...)
	r.retrieve(t, 60)

	// As after a change of the port: what they look like goes with the record.
	at := r.a.Key
	r.a.Key += " at another port"
	if err := r.a.Journal.Copy(t.Context(), at, r.a.Key); err != nil {
		t.Fatal(err)
	}
	r.renumber(t, "Box")
	r.append(t, "Box", messages[60])
	r.retrieve(t, 1)
	r.retrieve(t, 0)
	r.renumber(t, "Box")
	r.retrieve(t, 0)
	r.wants(t, messages[:61])

	forget := func() { // as a version did that noted nothing
		if err := r.a.Journal.SetNote(t.Context(), r.a.Key+" looks "+box, ""); err != nil {
			t.Fatal(err)
		}
	}
	forget()
	r.renumber(t, "Box")
	r.append(t, "Box", messages[61])
	r.stops(t, "its messages have got other UIDs", "61 may have been delivered")
	r.decide(t, fetch.Adopt)
	r.retrieve(t, 0)
	r.append(t, "Box", messages[62])
	r.retrieve(t, 1)
	r.renumber(t, "Box") // what was adopted is known too
	r.retrieve(t, 0)
	r.holds(t, "Box", 63)

	forget()
	r.renumber(t, "Box")
	r.a.FetchAll = true
	r.retrieve(t, 63)
	r.retrieve(t, 63)
	r.a.FetchAll = false
	r.renumber(t, "Box")
	r.retrieve(t, 0)
	note, err := r.a.Journal.Note(t.Context(), r.a.Key+" looks "+box)
	if n := strings.Count(note, "."); n != 63 || err != nil {
		t.Errorf("%d messages are noted, want 63; %v", n, err)
	}
}

// read is a mail reader that shows the first n messages of the Maildir.
func (r *rig) read(t *testing.T, n int) {
	t.Helper()
	for _, name := range r.names(t, n)[:n] {
		to := filepath.Join(filepath.Dir(r.dir), "cur", filepath.Base(name)+":2,S")
		if err := os.Rename(name, to); err != nil {
			t.Fatal(err)
		}
	}
}

// discard is one that deletes n messages of the Maildir.
func (r *rig) discard(t *testing.T, n int) {
	t.Helper()
	for _, name := range r.names(t, n)[:n] {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// names are the messages of the Maildir, at least n.
func (r *rig) names(t *testing.T, n int) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(filepath.Dir(r.dir), "[nc]*", "U*"))
	if err != nil || len(names) < n {
		t.Fatalf("%d messages, %v", len(names), err)
	}
	return names
}

// stops makes a retrieval that must say so, and what to do.
func (r *rig) stops(t *testing.T, texts ...string) {
	t.Helper()
	res, err := r.fails(t, fetch.KindDelivery)
	for _, text := range append(texts, `"fetchd adopt `+r.a.Name+`"`, `"fetchd adopt --refetch `+r.a.Name+
		`"`) {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error %v, want %s", err, text)
		}
	}
	if res.Delivered != 0 {
		t.Errorf("%d messages were delivered", res.Delivered)
	}
}

func (r *rig) decide(t *testing.T, d fetch.Decision) {
	t.Helper()
	if err := fetch.DecideStopped(t.Context(), r.a.Journal, r.a.Key, d, time.Now()); err != nil {
		t.Fatal(err)
	}
}
