package account

import (
	"strings"
	"testing"
)

// TestCircles: mail that comes back by way of another entry is warned about, once, and what only looks like
// that is not.
func TestCircles(t *testing.T) {
	t.Parallel()
	const (
		toB   = "append 'imaps://bob@b'"
		toA   = "append 'imaps://ann@a'"
		listB = "deliver 'maildir:x' 'append:imaps://bob@b'"
		work  = "folder Work INBOX maildir x folderdeliver Work 'append:imaps://bob@b'"
		more  = "folder INBOX Work append 'imaps://bob@b/%folder'"
		found = "folderpattern 'W*' folder INBOX append 'imaps://bob@b/%folder'"
	)

	for _, tt := range []struct{ name, a, b, says string }{
		{"into each other", toB, toA,
			`ann@a: mail from "INBOX" goes in a circle and comes back again and again, by way of bob@b`},
		{"into a folder that is not retrieved", toB, "append 'imaps://ann@a/Old'", ""},
		{"one way", toB, "maildir x", ""},
		{"one of several destinations", listB, "deliver 'append:imaps://ann@a'", `"INBOX" goes`},
		{"by folder", work, "append 'imaps://ann@a/Work'", `"Work" goes`},
		{"by another folder", work, toA, ""},
		{"by a pattern", found, "folder Work append 'imaps://ann@a/%folder'", `"Work" goes`},
		{"to a folder that stays there", more, "folder Work append 'imaps://ann@a/INBOX'", ""},
		{"to another user", "append 'imaps://carol@b'", toA, ""},
		{"to another server", "append 'imaps://bob@c'", toA, ""},
		{"deeper and deeper", "folderpattern '*' append 'imaps://bob@b/x/%folder'",
			"folderpattern '*' append 'imaps://ann@a/%folder'", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			said, err := circlesOf(t, "poll a proto imap user ann password x "+tt.a+
				"\npoll b proto imap user bob password x "+tt.b+"\n")
			if err != nil || (said == "") != (tt.says == "") || !strings.Contains(said, tt.says) ||
				strings.Count(said, "\n") > 1 {
				t.Errorf("%v, %q, want %q", err, said, tt.says)
			}
		})
	}
}

// TestCirclesOfMoves: what an entry moves is retrieved by one of the same login; with POP3 INBOX is all.
func TestCirclesOfMoves(t *testing.T) {
	t.Parallel()
	said, err := circlesOf(t, `
		poll a proto imap user ann password x moveto Old maildir x
		poll a2 via a proto imap user ann password x folder Old append 'imaps://ann@c'
		poll c proto pop3 user ann password x append 'imap://ann@a'
	`)
	if err != nil || !strings.HasPrefix(said, "ann@a: ") ||
		!strings.HasSuffix(said, "by way of ann@a2, ann@c\n") {
		t.Errorf("%v, %q", err, said)
	}
}

// circlesOf are the warnings about circles.
func circlesOf(t *testing.T, text string) (said string, err error) {
	t.Helper()
	_, warnings, err := resolveText(t, text)
	for line := range strings.Lines(warnings) {
		if strings.Contains(line, "circle") {
			said += line
		}
	}
	return said, err
}
