package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fetchd/fetch/fetchtest"
)

// Dovecot finds folders, flags and dates again in the Maildir that they were taken over into.
func TestDovecotReadsMaildir(t *testing.T) {
	t.Parallel()
	d := fetchtest.StartDovecot(t, fetchtest.MaildirLines(t)...)
	v, reader := newVictim(t, d, "imap", false), d.User()
	const date = "03-Feb-2001 04:05:06 +0000"
	d.Count(t, reader, "INBOX") // which makes the reader's home
	for mailbox, flags := range map[string][]string{
		"INBOX": {`\Seen`, `\Flagged`}, "Work/2026": {`\Answered`, `\Draft`}, "Entw&APw-rfe": nil,
	} {
		d.Append(t, v.user, mailbox, nil)
		d.AppendAt(t, v.user, mailbox, date, []byte("Subject: in "+mailbox+"\r\n\r\nx\r\n"), flags...)
	}

	v.configure(t, d.IMAPS, v.wrapped(), fmt.Sprintf("fetchall keep no markseen keepflags keepdate "+
		"folder INBOX,Work/2026,Entwürfe maildir %q", filepath.Join(d.Home(reader), "Maildir/%folder")))
	v.run(t)
	for mailbox, want := range map[string]string{
		"INBOX": `\Flagged \Seen`, "Work/2026": `\Answered \Draft`, "Entw&APw-rfe": "",
	} {
		got := d.List(t, reader, mailbox)
		if len(got) != 1 || !strings.Contains(string(got[0].Body), "Subject: in "+mailbox) {
			t.Errorf("%s: %d messages", mailbox, len(got))
			continue
		}
		if flags := slices.Sorted(slices.Values(got[0].Flags)); strings.Join(flags, " ") != want {
			t.Errorf("%s: flags %v, want %s", mailbox, flags, want)
		}
		if got[0].Date != date {
			t.Errorf("%s: %s", mailbox, got[0].Date)
		}
	}
}

// Folders whose names differ only in what divides levels on disk are different ones there too.
func TestFoldersWithDots(t *testing.T) {
	t.Parallel()
	d := fetchtest.StartDovecot(t)
	v := newVictim(t, d, "imap", false)
	for _, mailbox := range []string{"a/b", "a.b"} {
		d.Append(t, v.user, mailbox, [][]byte{[]byte("Subject: in " + mailbox + "\r\n\r\nx\r\n")})
	}
	place := filepath.Join(v.dir, "Folders")
	v.configure(t, d.IMAPS, v.wrapped(),
		fmt.Sprintf("keep folderpattern \"a*\" maildir %q", place+"/%folder"))
	v.run(t)
	for dir, want := range map[string]string{".a.b": "Subject: in a/b\n", ".a%2eb": "Subject: in a.b\n"} {
		files, err := filepath.Glob(filepath.Join(place, dir, "new", "*"))
		if err != nil || len(files) != 1 {
			t.Errorf("%s: %q, %v", dir, files, err)
			continue
		}
		if text, err := os.ReadFile(files[0]); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v, %q", dir, err, text)
		}
	}
}

// Dovecot reads the mbox, and writes into it what it needs, between two deliveries.
func TestDovecotReadsMbox(t *testing.T) {
	t.Parallel()
	d := fetchtest.StartDovecot(t, fetchtest.MboxLines(t)...)
	v, reader := newVictim(t, d, "imap", false), d.User()
	d.Count(t, reader, "INBOX")
	v.configure(t, d.IMAPS, v.wrapped(), fmt.Sprintf("mbox %q", filepath.Join(d.Home(reader), "mbox")))
	for round := range 3 {
		v.add(t, 4)
		v.run(t)
		got := d.List(t, reader, "INBOX")
		if len(got) != 4*(round+1) {
			t.Fatalf("%d messages", len(got))
		}
		for i, m := range got {
			if !strings.HasSuffix(string(m.Body), fmt.Sprintf("\r\n\r\nThis is message %d.\r\n", i+1)) {
				t.Errorf("message %d: %q", i+1, m.Body)
			}
		}
		d.Store(t, reader, "INBOX", `\Seen`)
	}
}
