package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fetchd/fetch/fetchtest"
)

// A master user gets the mail of the users that the entries name, each his own. A real server takes the word
// of a client that would bind its proofs, if it could.
func TestMasterUser(t *testing.T) {
	t.Parallel()
	d := fetchtest.StartDovecot(t, "passdb {", "driver = static", "master = yes",
		"args = password=master-secret", "}")
	ann, bob := newVictim(t, d, "imap", false), newVictim(t, d, "imap", false)
	ann.add(t, 2)
	bob.add(t, 3)

	var rc strings.Builder
	fmt.Fprintf(&rc, "set pidfile %q\n", filepath.Join(ann.dir, "pid"))
	for _, v := range []*victim{ann, bob} {
		fmt.Fprintf(&rc, "poll mail via localhost proto imap port %d user master password master-secret "+
			"authzid %q %s %s\n",
			d.IMAPS, v.user, v.wrapped(), v.destination())
	}
	if err := os.WriteFile(filepath.Join(ann.dir, "rc"), []byte(rc.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	said := ann.run(t)
	for v, want := range map[*victim]int{ann: 2, bob: 3} {
		if n := len(v.delivered(t)); n != want || !strings.Contains(said, v.user+" at mail") {
			t.Errorf("%s got %d messages:\n%s", v.user, n, said)
		}
	}

	for _, word := range []string{"scram-sha-256", "scram-sha-1"} {
		v := newVictim(t, d, "pop3", false)
		v.add(t, 1)
		text := fmt.Sprintf("set pidfile %q\npoll mail via localhost proto pop3 port %d auth %s user %q "+
			"password %q %s %s\n",
			filepath.Join(v.dir, "pid"), d.POP3S, word, v.user, d.Password, v.wrapped(), v.destination())
		if err := os.WriteFile(filepath.Join(v.dir, "rc"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		v.run(t)
		if n := len(v.delivered(t)); n != 1 {
			t.Errorf("%s: %d messages", word, n)
		}
	}
}
