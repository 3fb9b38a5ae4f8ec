package imap

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// fetched is a FETCH response with UID first, as we ask for it.
func fetched(uid int, text string) string {
	return fmt.Sprintf("S< * %d FETCH (UID %d BODY[] {%d}\\r\\n%s)\\r\\n\n", uid, uid, len(text), text)
}

// found is the beginning of a session that finds these UIDs, all below 10, and asks for them.
func found(uids, set string) string {
	return selected("", 10, uids) + "C: T3 UID FETCH " + set + " (UID BODY.PEEK[])\n"
}

const bye = "\nC: ~ LOGOUT$"

// pass is one retrieval: what the server plays, what is delivered, what the error says.
type pass struct{ script, got, err string }

// expect plays passes one after the other on one journal.
func expect(t *testing.T, r *rig, passes ...pass) {
	t.Helper()
	for i, p := range passes {
		got, res, err := r.run(p.script)
		if got != p.got {
			t.Errorf("pass %d delivers %q, want %q", i, got, p.got)
		}
		if (p.err == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), p.err) {
			t.Errorf("pass %d: error %v, want %q", i, err, p.err)
		}
		if n := strings.Count(p.got, "="); res.Delivered != n {
			t.Errorf("pass %d: %d delivered, want %d", i, res.Delivered, n)
		}
	}
}

// nothing is a pass that finds nothing new.
var nothing = pass{selected("", 10, "") + bye, "", ""}

// asking is a script whose first search is this one.
func asking(script, search string) string {
	return strings.Replace(script, "UID SEARCH", "UID SEARCH "+search+"$", 1)
}

// looks is the question what a message looks like, and its answer.
func looks(tag, uid int, header string) string {
	return fmt.Sprintf("C: T%d UID FETCH %d (UID RFC822.SIZE BODY.PEEK[HEADER])\n"+
		"S: * 1 FETCH (UID %[2]d RFC822.SIZE %d BODY[HEADER] {%[3]d}\nS: %s)\nS: T%[1]d OK\n",
		tag, uid, len(header), header)
}

// unfound is the beginning of a session with two messages whose search is answered by OK alone.
var unfound = strings.NewReplacer("S: * SEARCH \n", "", "0 EXISTS", "2 EXISTS").Replace(selected("", 10, ""))

// flags is the answer to a question for the flags of all messages, T4; what is UID and flags.
func flags(what ...string) string {
	out := "C: T4 FETCH 1:* (UID FLAGS)\n"
	for i, w := range what {
		uid, flags, _ := strings.Cut(w, " ")
		out += fmt.Sprintf("S: * %d FETCH (FLAGS (%s) UID %s)\n", i+1, flags, uid)
	}
	return out + "S: T4 OK\n"
}

// whole is selected for a look at all UIDs, in a mailbox with n messages.
func whole(n, next int, found string) string {
	script := asking(selected("", next, found), "ALL")
	return existsLine.ReplaceAllString(script, fmt.Sprintf("S: * %d EXISTS", n))
}

// holds is selected for a mailbox with n messages.
func holds(n int, found string) string {
	return existsLine.ReplaceAllString(selected("", 10, found), fmt.Sprintf("S: * %d EXISTS", n))
}

var existsLine = regexp.MustCompile(`S: \* \d+ EXISTS`)

// esearch is the beginning of a session whose search has this answer.
func esearch(answer string) string { return esearchOf(0, answer) }

// esearchOf is esearch in a mailbox with n messages.
func esearchOf(n int, answer string) string {
	start := strings.Replace(selected("ESEARCH", 10, ""), "S: * SEARCH ", "S: * ESEARCH "+answer, 1)
	return existsLine.ReplaceAllString(start, fmt.Sprintf("S: * %d EXISTS", n))
}
