package imap

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// spelling is what a server sends in place of a message of the text "ab" under UID 1; | stands for CR LF.
type spelling struct{ name, fetch string }

// play is a retrieval of this message and another one.
func (s spelling) play(t *testing.T, end string) (got string, err error) {
	t.Helper()
	r := newRig(t, nil)
	r.Keep, r.MarkSeen = true, false
	got, _, err = r.run(found("1 2", "1:2") + s.script() + fetched(2, "cd") + "S: T3 OK\n" + end)
	return got, err
}

func (s spelling) script() string {
	return "S< " + strings.NewReplacer(`\`, `\\`, "|", `\r\n`).Replace(s.fetch) + "\\r\\n\n"
}

// What servers write otherwise than imapclient wants it, and is plain all the same.
func TestSpellings(t *testing.T) {
	t.Parallel()
	for _, tt := range []spelling{
		{"small letters", `* 1 fetch (uid 1 body[] {2}|ab)`},
		{"blanks before the number", `*  1 FETCH (UID 1 BODY[] {2}|ab)`},
		{"blanks behind the number", `* 1  FETCH (UID 1 BODY[] {2}|ab)`},
		{"blanks before the list", `* 1 FETCH  (UID 1 BODY[] {2}|ab)`},
		{"no blank before the list", `* 1 FETCH(UID 1 BODY[] {2}|ab)`},
		{"blanks everywhere in the list", `* 1 FETCH ( UID  1   BODY[]  {2} |ab ) `},
		{"a tab", "* 1 FETCH (UID 1\tBODY[] {2}|ab)"},
		{"no blank before the literal", `* 1 FETCH (UID 1 BODY[]{2}|ab)`},
		{"a literal of octets", `* 1 FETCH (UID 1 BODY[] ~{2}|ab)`},
		{"a client's literal", `* 1 FETCH (UID 1 BODY[] {2+}|ab)`},
		{"a client's literal of RFC 7888", `* 1 FETCH (UID 1 X-A {3-}|xyz BODY[] {2-}|ab)`},
		{"a client's literal within a list", `* 1 FETCH (UID 1 ENVELOPE (NIL {3+}|xyz` +
			strings.Repeat(" NIL", 8) + `) BODY[] {2}|ab)`},
		{"a long UID", `* 1 FETCH (UID 00000000001 BODY[] {002}|ab)`},
		{"a quoted UID", `* 1 FETCH (UID "1" BODY[] {2}|ab)`},
		{"a quoted text", `* 1 FETCH (UID 1 BODY[] "ab")`},
		{"the number 0", `* 0 FETCH (UID 1 BODY[] {2}|ab)`},
		{"the request's own words", `* 1 FETCH (UID 1 BODY.PEEK[] {2}|ab)`},
		{"the old word", `* 1 FETCH (UID 1 RFC822 {2}|ab)`},
		{"odd flags", "* 1 FETCH (FLAGS (\\Seen a]b \\* \"x y\" gr\xfc\x81n) UID 1 BODY[] {2}|ab)"},
		{"flags with blanks, behind", `* 1 FETCH (UID 1 BODY[] {2}|ab FLAGS ( \Seen ))`},
		{"no flags", `* 1 FETCH (UID 1 FLAGS nil BODY[] {2}|ab)`},
		{"a date without zone", `* 1 FETCH (UID 1 INTERNALDATE "1-jan-2020 1:02:03" BODY[] {2}|ab)`},
		{"no date", `* 1 FETCH (UID 1 INTERNALDATE nil BODY[] {2}|ab)`},
		{"no size", `* 1 FETCH (UID 1 RFC822.SIZE NIL BODY[] {2}|ab)`},
		{"a size below 0", `* 1 FETCH (UID 1 RFC822.SIZE -1 BODY[] {2}|ab)`},
		{"a size of 2^64", `* 1 FETCH (UID 1 RFC822.SIZE 18446744073709551616 BODY[] {2}|ab)`},
		{"MODSEQ without a list", `* 1 FETCH (UID 1 MODSEQ 5 BODY[] {2}|ab)`},
		{"Gmail's items", `* 1 FETCH (X-GM-MSGID 1 X-GM-LABELS ("\\Inbox" "a)") UID 1 BODY[] {2}|ab)`},
		{"items of RFC 8474", `* 1 FETCH (UID 1 EMAILID (M1) THREADID NIL BODY[] {2}|ab)`},
		{"items behind the text", `* 1 FETCH (UID 1 BODY[] {2}|ab X-GM-LABELS ("a)") EMAILID (M1))`},
		{"more behind the text", `* 1 FETCH (UID 1 BODY[] {2}|ab ENVELOPE (nil) x-owner "b" SAVEDATE NIL)`},
		{"an unknown literal", `* 1 FETCH (UID 1 X-A {3}|xyz BODY[] {2}|ab)`},
		{"an envelope", `* 1 FETCH (UID 1 ENVELOPE (nil "a" (("b" nil "c" "d"))) BODY[] {2}|ab)`},
		{"headers", `* 1 FETCH (UID 1 BODY[HEADER] nil BODY[header.fields ("To" )] {2}|| BODY[] {2}|ab)`},
		{"a line that is no list", `* 1 FETCH NIL|* 1 FETCH (UID 1 BODY[] {2}|ab)`},
		{"EXISTS of 10^11", `* 99999999999 EXISTS|* 1 FETCH (UID 1 BODY[] {2}|ab)`},
		{"EXISTS below 0, without a number, with blanks",
			`* -1 EXISTS|* EXISTS|*  2  EXISTS |* 1 FETCH (UID 1 BODY[] {2}|ab)`},
		{"EXPUNGE of none", `* 0 EXPUNGE|* 7 EXPUNGE|* 1 FETCH (UID 1 BODY[] {2}|ab)`},
		{"a continuation", `+ go on|* 1 FETCH (UID 1 BODY[] {2}|ab)`},
		{"unknown data", `* XYZ (a {2}|ab "c)|*|* |* 1 FETCH (UID 1 BODY[] {2}|ab)`},
		{"a folder that nobody asked for", `* LIST (\X ) nil a|* 1 FETCH (UID 1 BODY[] {2}|ab)`},
	} {

		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				if got, err := tt.play(t, bye); got != "1=ab 2=cd" || err != nil {
					t.Errorf("%q, %v", got, err)
				}
			})
		})
	}
}

// A message that does not come, in whatever words, is asked for alone, named, and keeps no other.
func TestSpellingsOfNothing(t *testing.T) {
	t.Parallel()
	for _, tt := range []spelling{
		{"nil", `* 1 FETCH (UID 1 BODY[] nil)`},
		{"Nil and its size", `* 1 FETCH (UID 1 RFC822.SIZE 2 BODY[] Nil)`},
		{"an empty list", `* 1 FETCH ()`},
		{"no list", `* 1 FETCH UID 1 BODY[] {2}|ab`},
		{"no text", `* 1 FETCH (UID 1 BODY[])`},
		{"a number of 10^11", `* 99999999999 FETCH (UID 1 BODY[] {2}|ab)`},
		{"UID 0", `* 1 FETCH (UID 0 BODY[] {2}|ab)`},
		{"a UID beyond 32 bits", `* 1 FETCH (UID 4294967297 BODY[] {2}|ab)`},
		{"a UID below 0", `* 1 FETCH (UID -1 BODY[] {2}|ab)`},
		{"a part of it", `* 1 FETCH (UID 1 BODY[]<0> {2}|ab)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				alone := step(4, "UID SEARCH UID 1", names("1")) + step(5, "UID FETCH 1 ", tt.script())
				got, err := tt.play(t, alone+bye)

				if got != "2=cd" || err == nil || !strings.Contains(err.Error(), "sends no text") {
					t.Errorf("%q, %v", got, err)
				}
			})
		})
	}
}

// What no server means ends the session, and delivers nothing of it.
func TestSpellingsThatEndTheSession(t *testing.T) {
	t.Parallel()
	for _, tt := range []spelling{
		{"malformed literal", `* 1 FETCH (UID 1 BODY[] {+}|ab)`},
		{"malformed literal", `* 1 FETCH (UID 1 BODY[] {2++}|ab)`},
		{"unbalanced", `* 1 FETCH (UID 1 X "abc BODY[] {2}|ab)`},
		{"not as long as", `* 1 FETCH (UID 1 BODY[] {2}|abFLAGS ())`},
		{"not as long as", `* 1 FETCH (UID 1 BODY[] {2}|ab|)`},
		{"not as long as", `* 1 FETCH (UID 1 BODY[] {2}|ab and more)`},
		{"no IMAP response", `FLAGS (x)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				got, _, err := r.run(found("1", "1") + tt.script())

				if got != "" || err == nil || !strings.Contains(err.Error(), tt.name) {
					t.Errorf("%q, %v", got, err)
				}
			})
		})
	}
}

// Folders are listed whatever their line looks like.
func TestSpellingsOfLists(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Patterns = []string{"*"}
	script := "S: * PREAUTH [CAPABILITY IMAP4rev1] hello\nC: ~^T1 LIST\n"
	for _, line := range []string{
		`* LIST (\HasNoChildren ) "/" a`,
		`* LIST ( \HasNoChildren  \x[1]) nil b`,
		`* LIST nil "" c`,
		`* list () / "d"`,
		`* LIST () "\" e`,
		`* LIST () \ f`,
		`*  LIST  ()  "/"  g `,
		`* LIST () "/" "h "i" j"`,
		`* LIST () "/" "k "l"`,
		`* LIST () "\"" "m"`,
		`* LIST (\Noselect) "/" n`,
		`* LIST ()`,
		`* LIST () "/" {1}`, `o`,
		`* LIST () "/" {2+}`, `o2`,
		`* LIST () "/" ""`,
		`* LIST () "/" {0}`, ``,
		`* LIST () "/" "p" ("CHILDINFO" ("SUBSCRIBED"))`,
		`* LIST () "/" q ("OLDNAME" ("old q"))`,
		`* LIST () "//" r`,
		`* LIST () " " "s"`,
		`* LIST () "/" t(1`,
		`* LIST () "/" {3}`, `u&v`,
		`* LIST () "/" ~{3}`, `w"x ("OLDNAME" ({3}`, `old))`,
		`* LIST () "/" {3}`, "\xe4\xf6\xfc", // is left out, as the next ones
		`* LIST () "/" {4}`, "a", "b",
		`* LIST () "/" Old (1999)`,
		`* LIST () "/" "y" ("OLDNAME" ({2}`, `)"))`,
		`* LIST () "/" ` + strings.Repeat("z", 2000),
		`* LIST () "/" {4000}`, strings.Repeat("z", 4000),
	} {
		script += "S: " + line + "\n"
	}
	r.play(script+"S: T1 OK"+bye, nil)

	s, err := r.Connect(t.Context(), r.Account)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Mailboxes(t.Context())
	want := []string{"a", "b", "c", "d", "e", "f", "g", `h "i" j`, `k "l`, "m", "o", "o2", "p", "q", "r", "s",
		"t(1", "u&v", `w"x`, "y"}
	if slices.Sort(got); err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	_ = s.Close()
}
