package imap

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/fetch"
)

// Logins as users of other programs have reported them.
func TestReportedLogins(t *testing.T) {
	t.Parallel()
	const login = "S: * OK [CAPABILITY IMAP4rev1] hi\nC: A1 LOGIN \"ann\" \"sesame\"\n"
	const noLogin = "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN LOGINDISABLED] hi\nC: A1 AUTHENTICATE PLAIN\n"
	const plain = "C: AGFubgBzZXNhbWU=\nS: A1 OK\nC: A2 CAPABILITY\nS: * CAPABILITY IMAP4rev1\n" +
		"S: A2 OK\nC: T1 LOGOUT"
	const notOn = "[ALERT] Please enable IMAP access in your account settings first.\n"
	const failed = "S: * NO [AUTHENTICATIONFAILED] Authentication failed\n"
	const throttled = "Request is throttled. Suggested Backoff Time: 299961 milliseconds\n"

	for _, tt := range []struct {
		name, script string
		kind         fetch.Kind
		want         string
		wait         time.Duration
	}{
		{"Stalwart: NO without a tag, then BYE", login + failed + "WAIT 59s\nS: * BYE Connection timed out.",
			fetch.KindAuth, "Authentication failed", 59 * time.Second},
		{"Stalwart: NO without a tag, then nothing", login + failed + "STALL",
			fetch.KindAuth, "Authentication failed", time.Minute},
		{"a proxy: the answer to an earlier command", login + "S: A0 NO [AUTHENTICATIONFAILED] stale",
			fetch.KindProtocol, "A0 NO", 0},
		{"a text and BYE in one line",
			login + "S: Your IP Address is blocked. Please contact support* BYE Server logging out",
			fetch.KindProtocol, "Your IP Address is blocked", 0},
		{"IceWarp: a greeting that refuses", "S:  NO LOGOUT Intrusion prevention active for 192.0.2.1",
			fetch.KindServer, "Intrusion prevention active", 0},
		{"a greeting that is NO", "S: * NO Too many connections from your IP",
			fetch.KindServer, "no more connections at a time", 0},
		{"Gmail, SmarterMail: CAPABILITY before OK",
			login + "S: * CAPABILITY IMAP4rev1 IDLE\nS: A1 OK LOGIN completed\nC: T1 LOGOUT", 0, "", 0},
		{"QQ: blanks behind all", "S: * OK [CAPABILITY IMAP4rev1 ] hi \nC: A1 LOGIN \"ann\" \"sesame\"\n" +
			"S: A1 OK \nC: A2 CAPABILITY\nS: * CAPABILITY IMAP4rev1 \nS: A2 OK \nC: T1 LOGOUT", 0, "", 0},
		{"Exchange: nothing behind OK",
			login + "S: A1 OK\nC: A2 CAPABILITY\nS: * CAPABILITY IMAP4rev1\nS: A2 OK\nC: T1 LOGOUT",
			0, "", 0},
		{"DavMail: two blanks", login + "S: *  OK  Still here\n" +
			"S: A1  OK  [CAPABILITY IMAP4rev1]  in\nC: T1 LOGOUT", 0, "", 0},
		{"Interia: OK, and IMAP is off", login + "S: A1 OK " + notOn + "C: A2 CAPABILITY\nS: A2 NO " + notOn,
			fetch.KindAuth, "switch IMAP or POP on", 0},
		{"Exchange Online: throttled", login + "S: A1 BAD " + throttled, fetch.KindServer, "temporary", 0},
		{"Exchange: no backend", login + "S: A1 NO Server Unavailable. 15", fetch.KindServer, "temporary", 0},
		{"a proxy: no backend", login + "S: A1 NO [SERVERBUG] Internal error occurred.",
			fetch.KindServer, "temporary", 0},
		{"Migadu: a challenge without its blank", noLogin + "S: +\n" + plain, 0, "", 0},
		{"a challenge of words", noLogin + "S: + go ahead\n" + plain, 0, "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				checkLogin(t, newRig(t, nil), tt.script, nil, tt.kind, tt.want, tt.wait)
			})
		})
	}
}

// Retrievals, likewise.
func TestReported(t *testing.T) {
	t.Parallel()
	with := func(old, other string) string { return strings.Replace(found("1", "1"), old, other, 1) }
	one, two := fetched(1, "ab")+"S: T3 OK\n", found("1 2", "1:2")
	untilSelect, _, _ := strings.Cut(found("1", "1"), "S: * 1 EXISTS")
	untilSearch, _, _ := strings.Cut(found("1", "1"), "S: * SEARCH")
	header := spelling{fetch: `* 1 FETCH (UID 1 RFC822.SIZE 2 BODY[HEADER] {2}|ab)`}
	const validity = "S: * OK [UIDVALIDITY 1] ok\n"
	last := func(uid, text string) string { // the UID is behind the text
		return spelling{fetch: "* 1 fetch (rfc822.size 2 body[] {2}|" + text + " uid " + uid + ")"}.script()
	}

	for _, tt := range []struct {
		name    string
		deletes bool
		passes  []pass
	}{
		{"DavMail: EXISTS behind two blanks", false,
			[]pass{{with("* 1 EXISTS", "*  1 EXISTS") + one + bye, "1=ab", ""}}},
		{"SmarterMail: UIDNEXT is 0", false, []pass{
			{with("UIDNEXT 10", "UIDNEXT 0") + one + bye, "1=ab", ""},
			{strings.Replace(holds(1, "1"), "UIDNEXT 10", "UIDNEXT 0", 1) + bye, "", ""}}},
		{"GreenMail: UIDVALIDITY is milliseconds", false, []pass{
			{with("UIDVALIDITY 1", "UIDVALIDITY 1528896777421") + one + bye, "1=ab", ""},
			{strings.Replace(holds(1, ""), "UIDVALIDITY 1", "UIDVALIDITY 1528896777421", 1) + bye, "", ""}}},
		{"blanks in codes", false, []pass{
			{with(validity, "S: * OK [UIDVALIDITY  1 ]\nS: * OK [PERMANENTFLAGS ( \\*)]\n") + one + bye,
				"1=ab", ""}}},
		{"flags of control characters", false, []pass{
			{with(validity, validity+"S< * FLAGS (\\x04 \\\\Seen)\\r\\n\n") + one + bye, "1=ab", ""}}},
		{"QQ: a blank before the end of the list", false, []pass{{found("1", "1") +
			spelling{fetch: `* 1 FETCH (UID 1 BODY[] {2}|ab UID 1 )`}.script() + "S: T3 OK" + bye,
			"1=ab", ""}}},
		{"UIDs behind texts, in small letters: each text comes once, but for the first ones", false, []pass{
			{found("1", "1") + last("1", "ab") + "S: T3 OK\n" + step(4, "UID SEARCH UID 1", names("1")) +
				step(5, "UID FETCH 1 ", last("1", "ab")) + bye, "1=ab", ""},
			{strings.Replace(holds(3, "10 11"), "UIDNEXT 10", "UIDNEXT 12", 1) +
				step(3, "UID SEARCH UID 10:11", names("10 11")) +
				step(4, "UID FETCH 10 .UID RFC822.SIZE", last("10", "cd")) +
				step(5, "UID FETCH 11 .UID RFC822.SIZE", last("11", "ef")) + bye, "10=cd 11=ef", ""}}},
		{"263.net: texts are NIL", false, []pass{{two + "S: * 1 FETCH (UID 1 BODY[] NIL)\n" +
			fetched(2, "cd") + "S: T3 OK\n" + step(4, "UID SEARCH UID 1", names("1")) +
			step(5, "UID FETCH 1 ", "S: * 1 FETCH (UID 1 RFC822.SIZE 31888 BODY[] NIL)\n") + bye,
			"2=cd", "sends no text"}}},
		{"263.net: no command of UIDs", false, []pass{{untilSearch + "S: T2 BAD what is UID\n" +
			"C: ~^T3 UID SEARCH\nS: T3 BAD what is UID\n" +
			"C: T4 FETCH 1:* (UID FLAGS)\nS: T4 BAD what is UID" + bye,
			"", "what is UID"}}},
		{"SEARCH is refused, and no flags come", false, []pass{{untilSearch + "S: T2 NO search failed\n" +
			"C: T3 FETCH 1:* (UID FLAGS)\nS: T3 OK" + bye, "", "search failed"}}},
		{"an answer that is none", false, []pass{{found("1", "1") + "S: blah",
			"", `is no IMAP response: "blah"`}}},
		{"Exchange Online: FETCH is throttled", true, []pass{
			{two + "S: T3 BAD Request is throttled. Suggested Backoff Time: 9 milliseconds" + bye,
				"", "throttled"}}},
		{"Exchange Online: SEARCH is throttled", true, []pass{
			{untilSearch + "S: T2 NO Request is throttled. Suggested Backoff Time: 9 milliseconds" + bye,
				"", "throttled"}}},
		{"Exchange, iCloud: FETCH is unavailable", true, []pass{{two + "S: T3 NO Server Unavailable. 15\n" +
			step(4, "UID SEARCH UID 1:2", names("1 2")) +
			"C: ~^T5 UID FETCH 1 \nS: T5 NO Server Unavailable. 15\n" +
			"C: ~^T6 UID FETCH 2 \nS: T6 NO Service temporarily unavailable" + bye,
			"", "temporarily unavailable"}}},
		{"Interia: BAD without a tag, and nothing else", false, []pass{{untilSelect +
			"S: * BAD [ALERT] Please enable IMAP access first.\nSTALL",
			"", `says BAD "Please enable IMAP access`}}},
		{"Interia: NO to SELECT", false, []pass{{untilSelect +
			"S: T1 NO [ALERT] Please enable IMAP access first.\nS: T2 BAD what" + bye,
			"", "enable IMAP access"}}},
		{"a mailbox that is locked", false, []pass{{untilSelect +
			"S: T1 NO [INUSE] Mailbox is locked by POP session\nS: T2 BAD what" + bye, "", "locked by POP"}}},
		{"a mailbox that is read-only", true, []pass{
			{with("[READ-WRITE]", "[READ-ONLY]") + one + "C: ~^T4 UID STORE 1 \nS: T4 NO read-only" + bye,
				"1=ab", "read-only"},
			{holds(1, "") + step(3, "UID SEARCH ALL", names("1")) +
				step(4, "UID FETCH 1 ", header.script()) +
				"C: ~^T5 UID STORE 1 \nS: T5 NO read-only" + bye, "", "read-only"}}},
		{"VANISHED in place of EXPUNGE", true, []pass{{with("IMAP4rev1", "IMAP4rev1 UIDPLUS") + one +
			"C: ~^T4 UID STORE 1 \nC: ~^T5 UID EXPUNGE\nS: T4 OK\nS: * VANISHED 1\nS: T5 OK\n" +
			step(6, "UID SEARCH UID 1", names("")) + bye, "1=ab", ""}}},
		{"BYE behind the last message", false, []pass{{two + fetched(1, "ab") + fetched(2, "cd") +
			"S: * BYE Session expired, please login again", "1=ab 2=cd", "Session expired"}}},
		{"a search names what is not there", false, []pass{{holds(1, "1 2 3") +
			"C: T3 FETCH 1:* (UID FLAGS)\nS: * 1 FETCH (UID 1 FLAGS ())\nS: T3 OK\n" +
			step(4, "UID FETCH 1:3 ", fetched(1, "ab")) + step(5, "UID SEARCH UID 2:3", names("2 3")) +
			step(6, "UID FETCH 2 ", "") + step(7, "UID FETCH 3 ", "") + bye, "1=ab", "sends no text"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				r.Keep, r.MarkSeen = !tt.deletes, false

				expect(t, r, tt.passes...)
			})
		})
	}
}
