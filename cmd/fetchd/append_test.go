package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"fetchd/fetch/fetchtest"
)

// TestAppendWithoutAnAnswer: the connection ends behind the messages, and nobody knows whether they arrived.
// The next process looks for them, whether they are there or not: each is there once.
func TestAppendWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	d := fetchtest.StartDovecot(t)
	for _, protocol := range []string{"imap", "pop3"} {
		for _, acts := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, server acts %v", protocol, acts), func(t *testing.T) {
				t.Parallel()
				v := newVictim(t, d, protocol, false)
				at := net.JoinHostPort("127.0.0.1", strconv.Itoa(d.IMAP))
				wire := fetchtest.Trip(t, at, `^This is message 4`, acts)
				_, port := v.ports()
				v.deliverInto(wire.Port).configure(t, port, clearText, v.destination())
				v.add(t, 7)

				rc := filepath.Join(v.dir, "rc")
				text, err := os.ReadFile(rc)
				if err != nil {
					t.Fatal(err)
				}
				impatient := strings.Replace(string(text), " proto ", " timeout 4 proto ", 1)
				if err := os.WriteFile(rc, []byte(impatient), 0o600); err != nil {
					t.Fatal(err)
				}
				out, err := v.command(t.Context()).CombinedOutput()
				if err == nil || !strings.Contains(string(out), "nobody knows whether it has arrived") {
					t.Errorf("%v:\n%s", err, out)
				}
				<-wire.Over

				if there := d.Count(t, v.into, "INBOX"); (there == 7) != acts {
					t.Errorf("%d messages are there before the next run", there)
				}
				v.configure(t, port, clearText, v.destination())
				v.judge(t, 0)
			})
		}
	}
}

// TestAppendKeepsMarks: dates and flags go from one IMAP server to the other, folder by folder.
func TestAppendKeepsMarks(t *testing.T) {
	t.Parallel()
	d := fetchtest.StartDovecot(t)
	v := newVictim(t, d, "imap", false).deliverInto(d.IMAP)
	const message = "From: bob@example.net\r\nSubject: x\r\n\r\nx\r\n"
	for _, folder := range []string{"INBOX", "Entw&APw-rfe"} {
		d.Append(t, v.user, folder, nil)
		d.AppendAt(t, v.user, folder, "07-Nov-2026 03:04:05 +0100", []byte(message), `\Flagged`, `\Answered`,
			"Work")
		d.AppendAt(t, v.user, folder, "08-Nov-2026 03:04:05 +0100", []byte(message), `\Draft`)
	}

	destination := fmt.Sprintf("append \"imap://%s@localhost:%d/Old/%%folder\" appendpassword %q "+
		"appendsslproto '' "+
		"appendcreate appendkeywords folder INBOX \"Entw&APw-rfe\"", v.into, d.IMAP, d.Password)
	v.configure(t, d.IMAP, clearText, destination)
	v.run(t)
	for _, folder := range []string{"Old/INBOX", "Old/Entw&APw-rfe"} {
		got := ""
		for _, m := range d.List(t, v.into, folder) {
			got += m.Date[:11] + " " + strings.Join(m.Flags, " ") + "; "
		}
		if want := `07-Nov-2026 \Answered \Flagged Work; 08-Nov-2026 \Draft; `; got != want {
			t.Errorf("%s: %s want %s", folder, got, want)
		}
	}
}
