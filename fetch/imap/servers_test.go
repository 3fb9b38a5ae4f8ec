package imap

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"fetchd/fetch"
)

// What servers were seen to do; docs/servers.md names them.
func TestServers(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	for uid := 30_000; uid > 0; uid-- {
		fmt.Fprintf(&many, " %d", uid)
	}

	for _, tt := range []struct {
		name   string
		setup  func(*fetch.Account)
		passes []pass
	}{
		{"SELECT before ID is unsafe", func(a *fetch.Account) { a.Version = "fetchd/0.1" }, []pass{{
			"S: * PREAUTH [CAPABILITY IMAP4rev1 ID] hello\n" +
				"C: T1 ID (\"name\" \"fetchd\" \"version\" \"0.1\")\nS: * ID NIL\nS: T1 OK\n" +
				"C: T2 SELECT INBOX\nC: T3 UID SEARCH UNSEEN\nS: * 0 EXISTS\n" +
				"S: * OK [UIDVALIDITY 1]\nS: T2 OK\nS: * SEARCH\nS: T3 OK" + bye, "", ""}}},
		{"ID is refused", nil, []pass{{
			"S: * PREAUTH [CAPABILITY IMAP4rev1 ID] hello\nC: ~^T1 ID\nS: T1 BAD what\n" +
				"C: T2 SELECT INBOX\nC: T3 UID SEARCH UNSEEN\nS: * 0 EXISTS\n" +
				"S: * OK [UIDVALIDITY 1]\nS: T2 OK\nS: * SEARCH\nS: T3 OK" + bye, "", ""}}},
		{"30,000 results in falling order", func(a *fetch.Account) { a.FetchLimit = 1 }, []pass{{
			strings.Replace(strings.Replace(holds(30_000, ""), "SEARCH \n", "SEARCH"+many.String()+"\n", 1),
				"UIDNEXT 10", "UIDNEXT 30001", 1) +
				step(3, "UID FETCH 1 ", fetched(1, "a")) + bye, "1=a", ""}}},
		{"SEARCH RETURN is BAD", nil, []pass{
			{strings.Replace(strings.SplitN(selected("ESEARCH", 10, ""), "S: * SEARCH", 2)[0],
				"0 EXISTS", "1 EXISTS", 1) + "S: T2 BAD syntax\n" +
				"C: T3 UID SEARCH RETURN (ALL) UNSEEN\nS: T3 BAD syntax\n" +
				"C: T4 UID SEARCH UNSEEN\nS: * SEARCH 1\nS: T4 OK\n" +
				step(5, "UID FETCH 1 ", fetched(1, "a")) + bye, "1=a", ""},
			{strings.Replace(holds(1, ""), "IMAP4rev1", "IMAP4rev1 ESEARCH", 1) + bye, "", ""}}},
		{"a command before SELECT is answered is BAD", nil, []pass{
			{strings.SplitN(holds(1, ""), "S: * SEARCH", 2)[0] + "S: T2 BAD not selected\n" +
				"C: T3 UID SEARCH UNSEEN\nS: * SEARCH 1\nS: T3 OK\n" +
				step(4, "UID FETCH 1 ", fetched(1, "a")) + bye, "1=a", ""},
			{"S: * PREAUTH [CAPABILITY IMAP4rev1] hello\nC: T1 EXAMINE INBOX\n" +
				"S: * 1 EXISTS\nS: * OK [UIDVALIDITY 1] ok\nS: * OK [UIDNEXT 10] ok\nS: T1 OK\n" +
				step(2, `UID SEARCH UID 10:\*`, names("")) + bye, "", ""}}},
		{"MOVE is answered with a bare code", func(a *fetch.Account) {
			a.Keep, a.MoveTo = false, "Done"
		}, []pass{{
			strings.Replace(found("1", "1"), "IMAP4rev1", "IMAP4rev1 MOVE", 1) +
				fetched(1, "ab") + "S: T3 OK\n" +
				"C: T4 UID MOVE 1 \"Done\"\nS: * [COPYUID 2 1 1]\n" +
				"S: * 1 EXPUNGE\nS: T4 OK" + bye, "1=ab", ""}}},
		{"MOVE is answered with half a code", func(a *fetch.Account) {
			a.Keep, a.MoveTo = false, "Done"
		}, []pass{{
			strings.Replace(found("1", "1"), "IMAP4rev1", "IMAP4rev1 MOVE", 1) +
				fetched(1, "ab") + "S: T3 OK\n" +
				"C: T4 UID MOVE 1 \"Done\"\nS: * OK [COPYUID 2 1\nS: * OK [COPYUID]\n" +
				"S: * 1 EXPUNGE\nS: T4 OK [COPYUID 2  ]" + bye, "1=ab", ""}}},
		{"EXAMINE gives no UIDVALIDITY, SELECT does", nil, []pass{
			{settledBySelect(found("1", "1") + fetched(1, "a") + "S: T3 OK" + bye), "1=a", ""},
			{strings.Replace(examined, "S: * OK [UIDVALIDITY 1] ok\n", "", 1) + selectedAgain(1, "") + bye,
				"", ""}}},
		{"EXAMINE gives another UIDVALIDITY each time", nil, []pass{
			{settledBySelect(found("1", "1") + fetched(1, "a") + "S: T3 OK" + bye), "1=a", ""},
			{strings.Replace(examined, "UIDVALIDITY 1", "UIDVALIDITY 9", 1) + selectedAgain(1, "") + bye, "",
				""},
			{examined + bye, "", ""}}},
		{"a search for UIDs goes by numbers", func(a *fetch.Account) { a.Flush = true }, []pass{
			{found("4 5", "4:5") + fetched(4, "d") + fetched(5, "e") + "S: T3 OK\n" +
				step(4, `UID STORE 4:5 \+FLAGS.SILENT \(.Seen\)`, "") + bye, "4=d 5=e", ""},
			{withUIDPLUS(holds(2, "")) + step(3, "UID SEARCH UID 4:5", names("")) +
				step(4, "UID FETCH 4:5 .UID FLAGS",
					"S: * 1 FETCH (UID 4 FLAGS ())\nS: * 2 FETCH (UID 5 FLAGS ())\n") +
				expunged(5, 2, "4:5") + bye, "", ""}}},
		{"UIDVALIDITY is 0, and mail is deleted", func(a *fetch.Account) { a.Keep = false }, []pass{
			{
				unnumbered(2, "1") + step(3, "UID SEARCH UNSEEN", names("1")) +
					step(4, "UID SEARCH SEEN", names("7")) + step(5, "UID FETCH 1 ", fetched(1, "a")) +
					expunged(6, 1, "1") + bye, "1=a", ""},
			{
				unnumbered(2, "1") + step(3, "UID SEARCH UNSEEN", names("1")) +
					step(4, "UID SEARCH SEEN", names("7")) + step(5, "UID FETCH 1 ", fetched(1, "b")) +
					expunged(6, 1, "1") + bye, "1=b", ""}}},
		{"SELECT is BAD, and the server leaves", nil, []pass{{
			"S: * PREAUTH [CAPABILITY IMAP4rev1] hello\nC: T1 SELECT INBOX\nC: ~^T2 UID SEARCH\n" +
				"S: T1 BAD User is authenticated but not connected.\nS: * BYE Connection closed. 14\nCLOSE",
			"", `select "INBOX": BAD "User is authenticated but not connected."; then ` +
				`server ended the connection: BYE "Connection closed. 14"; hint: the login is known`}}},
		{"a moveto folder that is not there", func(a *fetch.Account) {
			a.Keep, a.MoveTo = false, "Done"
		}, []pass{{
			strings.Replace(found("1", "1"), "IMAP4rev1", "IMAP4rev1 MOVE", 1) +
				fetched(1, "ab") + "S: T3 OK\n" +
				"C: T4 UID MOVE 1 \"Done\"\nS: T4 NO [TRYCREATE] none" + bye,
			"1=ab", `move to "Done": NO [TRYCREATE] "none"`}}},
		{"Exchange sends a stand-in", func(a *fetch.Account) { a.Keep = false }, []pass{
			{strings.Replace(found("1 2", "1:2"), "IMAP4rev1", "IMAP4rev1 UIDPLUS", 1) +
				fetched(1, standIn) + fetched(2, "cd") + "S: T3 OK\n" + expunged(4, 1, "2") + bye,
				"1=" + standIn + " 2=cd", ""},
			{holds(1, "") + bye, "", ""}}},
		{"a search leaves out what is too large", func(a *fetch.Account) { a.Limit = 100 }, []pass{{
			strings.Replace(strings.SplitN(holds(2, ""), "S: * SEARCH", 2)[0], "S: * 2",
				"C: T3 UID SEARCH UNSEEN LARGER 100\nS: * 2", 1) +
				"S: * SEARCH\nS: T2 OK\nS: * SEARCH\nS: T3 OK\n" + step(4, "UID SEARCH SEEN", names("")) +
				step(5, `FETCH 1:\* \(UID FLAGS\)$`,
					"S: * 1 FETCH (UID 1 FLAGS ())\nS: * 2 FETCH (UID 2 FLAGS ())\n") +
				step(6, `UID FETCH 1:2 \(UID RFC822.SIZE\)$`,
					"S: * 1 FETCH (UID 1 RFC822.SIZE 1)\nS: * 2 FETCH (UID 2 RFC822.SIZE 101)\n") +
				step(7, `UID FETCH 2 \(UID RFC822.SIZE\)$`, "S: * 2 FETCH (UID 2 RFC822.SIZE 101)\n") +
				step(8, "UID FETCH 1 ", fetched(1, "a")) + bye, "1=a", ""}}},
		{"a stand-in under flush", func(a *fetch.Account) { a.Keep, a.Flush = false, true }, []pass{
			{strings.Replace(found("1", "1"), "IMAP4rev1", "IMAP4rev1 UIDPLUS", 1) + fetched(1, standIn) +
				"S: T3 OK\n" + bye, "1=" + standIn, ""},
			{holds(1, "") + bye, "", ""}}},
		{"a stand-in under fetchall", func(a *fetch.Account) { a.Keep, a.FetchAll = false, true }, []pass{
			{whole(1, 10, "1") + step(3, "UID FETCH 1 ", fetched(1, standIn)) + bye, "1=" + standIn, ""},
			{whole(1, 10, "1") + step(3, "UID FETCH 1 ", fetched(1, standIn)) + bye, "", ""}}},
		{"a message that quotes half of a stand-in", func(a *fetch.Account) { a.Keep = false }, []pass{
			{strings.Replace(found("1", "1"), "IMAP4rev1", "IMAP4rev1 UIDPLUS", 1) +
				fetched(1, "the message has not been deleted") + "S: T3 OK\n" + expunged(4, 1, "1") + bye,
				"1=the message has not been deleted", ""}}},
		{"a message far shorter than announced", func(a *fetch.Account) { a.Keep, a.Flush = false, true },
			[]pass{
				{withUIDPLUS(found("1 2", "1:2")) + fetchedOf(1, 2051, strings.Repeat("x", 512)) +
					fetchedOf(2, 2048, strings.Repeat("y", 512)) + "S: T3 OK\n" +
					expunged(4, 1, "2") + bye, "1=" + strings.Repeat("x", 512) +
					" 2=" + strings.Repeat("y", 512),
					""},
				{withUIDPLUS(holds(1, "")) + bye, "", ""}}},
		{"far shorter than announced, and kept", nil, []pass{
			{found("1", "1") + fetchedOf(1, 5000, "x") + "S: T3 OK\n" + bye, "1=x", ""}}},
		{"far shorter than announced under fetchall",
			func(a *fetch.Account) { a.Keep, a.FetchAll = false, true }, []pass{
				{whole(1, 10, "1") + step(3, "UID FETCH 1 ", fetchedOf(1, 5000, "x")) + bye, "1=x", ""},
				{whole(1, 10, "1") + step(3, "UID FETCH 1 ", fetchedOf(1, 5000, "x")) + bye, "", ""}}},
		{"NO behind messages, which then come with OK", func(a *fetch.Account) { a.Keep = false }, []pass{
			{withUIDPLUS(found("1 2", "1:2")) + fetched(1, "ab") + fetched(2, "cd") +
				"S: T3 NO read error\n" + alone(4, 1, "ab", "OK") + alone(5, 2, "xyz", "OK") +
				expunged(6, 2, "1:2") + bye, "1=ab 2=cd 2=xyz", ""}}},
		{"BAD behind messages, again", func(a *fetch.Account) { a.Keep, a.Flush = false, true }, []pass{
			{withUIDPLUS(found("1 2", "1:2")) + fetched(1, "ab") + fetched(2, "cd") +
				"S: T3 BAD read error\n" + alone(4, 1, "xyz", "NO") + alone(5, 2, "cd", "OK") +
				expunged(6, 1, "2") + bye, "1=ab 2=cd", ""},
			{withUIDPLUS(holds(1, "")) + bye, "", ""}}},
		{"NO behind the last of the messages", func(a *fetch.Account) { a.Keep = false }, []pass{
			{withUIDPLUS(found("1 2 3", "1:3")) + fetched(1, "ab") + fetched(2, "cd") +
				"S: T3 NO read error\n" + alone(4, 2, "cd", "NO") +
				step(5, "UID SEARCH UID 3", names("3")) + alone(6, 3, "ef", "NO") + expunged(7, 1, "1") + bye,
				"1=ab 2=cd 3=ef", ""},
			{withUIDPLUS(holds(2, "")) + bye, "", ""}}},
		{"a large message, NO behind it, again", func(a *fetch.Account) { a.Keep = false }, []pass{
			{withUIDPLUS(found("1", "1")) + fetched(1, strings.Repeat("x", heldBytes+1)) +
				"S: T3 NO read error\n" +
				alone(4, 1, strings.Repeat("y", heldBytes+1), "NO") + bye, "1=" +
				strings.Repeat("x", heldBytes+1), ""}}},
		{"a quota behind a message", func(a *fetch.Account) { a.Keep = false }, []pass{
			{withUIDPLUS(found("1", "1")) + fetched(1, "ab") + "S: T3 NO [OVERQUOTA] enough\n" +
				expunged(4, 1, "1") + bye, "1=ab", "enough"}}},
		{"NO because others delete messages", func(a *fetch.Account) { a.Keep = false }, []pass{
			{withUIDPLUS(found("1 2", "1:2")) + fetched(1, "ab") +
				"S: T3 NO [EXPUNGEISSUED] some are gone\n" + step(4, "UID SEARCH UID 2", names("")) +
				step(5, "UID FETCH 2 ", "") + expunged(6, 1, "1") + bye, "1=ab", ""}}},
		{"NO behind a message, each time, fetchall", func(a *fetch.Account) {
			a.Keep, a.FetchAll = false, true
		}, []pass{
			{withUIDPLUS(found("1", "1")) + fetched(1, "ab") + "S: T3 NO read error\n" +
				alone(4, 1, "ab", "NO") + bye, "1=ab", ""},
			{withUIDPLUS(found("1 2", "2")) + fetched(2, "cd") + "S: T3 OK\n" + expunged(4, 1, "2") + bye,
				"2=cd", ""}}},
		{"NO behind messages that are kept", nil, []pass{
			{found("1", "1") + fetched(1, "ab") + "S: T3 NO read error\n" + bye, "1=ab", ""},
			{holds(1, "") + bye, "", ""}}},
		{"UW-IMAP's folder data", func(a *fetch.Account) { a.Keep = false }, []pass{
			{strings.Replace(found("1 2", "1:2"), "IMAP4rev1", "IMAP4rev1 UIDPLUS", 1) +
				fmt.Sprintf("S< * 1 FETCH (UID 1 BODY[] {%d}\\r\\n%s)\\r\\n\n",
					len(folderData), strings.ReplaceAll(folderData, "\r\n", `\r\n`)) +
				fetched(2, "cd") + "S: T3 OK\n" + expunged(4, 1, "2") + bye, "2=cd", ""},
			{holds(1, "") + bye, "", ""}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				r.Keep, r.MarkSeen = true, false
				if tt.setup != nil {
					tt.setup(r.Account)
				}
				expect(t, r, tt.passes...)
			})
		})
	}
}

func withUIDPLUS(script string) string {
	return strings.Replace(script, "IMAP4rev1", "IMAP4rev1 UIDPLUS", 1)
}

// fetchedOf is fetched with the size that the server announces.
func fetchedOf(uid, size int, text string) string {
	return strings.Replace(fetched(uid, text), "BODY[]", fmt.Sprintf("RFC822.SIZE %d BODY[]", size), 1)
}

// alone is the dialogue in which a message is asked for by itself.
func alone(tag, uid int, text, answer string) string {
	return fmt.Sprintf("C: T%d UID FETCH %d (UID RFC822.SIZE BODY.PEEK[])\n%sS: T%d %s\n", tag, uid,
		fetched(uid, text), tag, answer)
}

// What stays on the server because it may be more than what came is said once, and never deleted by a later
// retrieval. Where all is kept there is nothing to say.
func TestStaysIsSaidOnce(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		event, answer string
		keep          bool
		want          int
	}{
		{fetch.EventShort, fetchedOf(1, 5000, "x") + "S: T3 OK\n", false, 1},
		{fetch.EventDoubted, fetched(1, "x") + "S: T3 NO\n" + alone(4, 1, "x", "NO"), false, 1},
		{fetch.EventShort, fetchedOf(1, 5000, "x") + "S: T3 OK\n", true, 0},
		{fetch.EventDoubted, fetched(1, "x") + "S: T3 NO\n", true, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			r := newRig(t, nil)
			r.Log = slog.New(slog.NewTextHandler(&log, nil))
			if tt.keep {
				r.Keep, r.MarkSeen = true, false
			}
			expect(t, r, pass{withUIDPLUS(found("1", "1")) + tt.answer + bye, "1=x", ""},
				pass{withUIDPLUS(holds(1, "")) + bye, "", ""})
			if n := strings.Count(log.String(), fmt.Sprintf("msg=%q", tt.event)); n != tt.want {
				t.Errorf("%s: said %d times, want %d\n%s", tt.event, n, tt.want, &log)
			}
		})
	}
}

// A retrieval that ends between a FETCH's NO and its own end, perhaps with the process, leaves the original
// of what may not be whole: the next one does not delete it. What came again with OK is deleted then.
func TestDoubtOutlivesItsSession(t *testing.T) {
	t.Parallel()
	again := "C: T4 UID FETCH 1 (UID RFC822.SIZE BODY.PEEK[])\n"

	for _, tt := range []struct {
		name, first, err string
		second           string
	}{
		{"the session ends behind the NO", fetched(1, "x") + "S: T3 NO\n" + again, "no answer", ""},
		{"and within the second answer", fetched(1, "x") + "S: T3 NO\n" + again + fetched(1, "x"),
			"no answer", ""},
		{"behind the second answer", fetched(1, "x") + "S: T3 NO\n" + alone(4, 1, "x", "OK") +
			"C: ~ UID STORE 1\nC: ~ UID EXPUNGE 1\n", "no answer", "~ UID SEARCH ALL"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				all := "C: T3 UID SEARCH ALL\nS: * SEARCH 1\nS: T3 OK\n"
				second := pass{withUIDPLUS(holds(1, "")) + all + bye, "", ""}
				if tt.second != "" {
					second = pass{withUIDPLUS(holds(1, "")) + "C: " + tt.second + "\n", "", "no answer"}
				}

				expect(t, r, pass{withUIDPLUS(found("1", "1")) + tt.first, "1=x", tt.err}, second)
			})
		})
	}
}

// A name in the server's own encoding goes back as it came.
func TestListedInOwnEncoding(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.Patterns, r.Keep, r.MarkSeen = []string{"*"}, true, false
		box := func(tag int, name string) string {
			return fmt.Sprintf("C: T%d SELECT %s\nC: ~^T%d UID SEARCH\nS: * 0 EXISTS\n"+
				"S: * OK [UIDVALIDITY 1] x\nS: T%d OK\nS: * SEARCH\nS: T%d OK\n",
				tag, name, tag+1, tag, tag+1)
		}
		expect(t, r, pass{"S: * PREAUTH [CAPABILITY IMAP4rev1] hello\n" +
			"C: ~^T1 LIST\nS: * LIST () \"|\" \"R&D\"\nS: * LIST () \"|\" A&B\n" +
			"S: * LIST () \"|\" \"x&-y\"\nS: T1 OK\n" + box(2, `"R&D"`) +
			box(4, `"A&B"`) + box(6, `"x&-y"`) + bye, "", ""})
	})
}

// unnumbered is holds with a UIDVALIDITY of 0.
func unnumbered(n int, found string) string {
	return strings.NewReplacer("UIDVALIDITY 1", "UIDVALIDITY 0",
		"IMAP4rev1", "IMAP4rev1 UIDPLUS").Replace(holds(n, found))
}

const (
	standIn = "The following message could not be retrieved " +
		"from the server. The message has not been deleted."
	folderData = "From: Mail System Internal Data <MAILER-DAEMON>\r\n" +
		"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\r\nX-IMAP: 1 2\r\n\r\nx\r\n"
)

// A folder whose name stands without quotes and has blanks is left out, the others are not.
func TestListedWithoutQuotes(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Patterns = []string{"*"}
	var log bytes.Buffer
	r.Log = slog.New(slog.NewTextHandler(&log, nil))
	r.play("S: * PREAUTH [CAPABILITY IMAP4rev1] hello\nC: ~^T1 LIST\n"+
		"S: * LIST () \"/\" a\nS: * LIST () \"/\" Sent Items\n"+
		"S: * LIST () \"/\" \"b c\"\nS: T1 OK"+bye, nil)
	s, err := r.Connect(t.Context(), r.Account)
	if err != nil {
		t.Fatal(err)
	}
	names, err := s.Mailboxes(t.Context())
	if err != nil || !slices.Equal(names, []string{"a", "b c"}) {
		t.Errorf("%q, %v", names, err)
	}
	if !strings.Contains(log.String(), "Sent Items") {
		t.Errorf("log %q", log.String())
	}
	_ = s.Close()
}

// settledBySelect is the first contact, which leaves it to no EXAMINE to give the mailbox its UIDVALIDITY.
func settledBySelect(script string) string {
	return strings.Replace(script, "C: ~^T1 (SELECT|EXAMINE) INBOX$", "C: T1 SELECT INBOX", 1)
}

// examined is a later look, without new mail.
var examined = strings.Replace(holds(1, ""), "C: ~^T1 (SELECT|EXAMINE) INBOX$", "C: T1 EXAMINE INBOX", 1)

// selectedAgain looks by SELECT after EXAMINE gave another UIDVALIDITY than is known.
func selectedAgain(validity int, uids string) string {
	return fmt.Sprintf("C: T3 SELECT INBOX\nC: ~^T4 UID SEARCH\nS: * 1 EXISTS\nS: * OK [UIDVALIDITY %d] ok\n"+
		"S: * OK [UIDNEXT 10] ok\nS: T3 OK\nS: * SEARCH %s\nS: T4 OK\n", validity, uids)
}
