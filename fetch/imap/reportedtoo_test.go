package imap

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
)

// More retrievals as users of other programs have reported them.
func TestReportedToo(t *testing.T) {
	t.Parallel()
	two := found("1 2", "1:2")
	raw := func(lines string) string { return spelling{fetch: lines}.script() }
	untilSearch, _, _ := strings.Cut(found("1", "1"), "S: * SEARCH")
	untilSelect, _, _ := strings.Cut(found("1", "1"), "S: * 1 EXISTS")
	const likeAnswers = "X-Spam-Flag: NO\nT3 NO no\n* BYE bye\nT3 OK ok\n+ go on\n.\n)\n"

	for _, tt := range []struct {
		name    string
		deletes bool
		passes  []pass
	}{
		{"Xeams: the list ends before its last items", true, []pass{
			{found("1", "1") + raw(`* 1 FETCH (UID 1 BODY[] {2}|ab)| FLAGS (\Seen) RFC822.SIZE 2)`),
				"1=ab", "no IMAP response"}}},
		{"a search finds UID 0", false, []pass{
			{holds(1, "0 1") + step(3, "UID FETCH 1 ", fetched(1, "ab")) + bye, "1=ab", ""}}},
		{"KAIST: BAD to one message", false, []pass{{two + fetched(2, "cd") + "S: T3 BAD Tran\n" +
			step(4, "UID SEARCH UID 1", names("1")) + "C: ~^T5 UID FETCH 1 \nS: T5 BAD Tran" + bye,
			"2=cd", `BAD "Tran"`}}},
		{"Yahoo: NO to one message", false, []pass{{two + fetched(1, "ab") +
			"S: T3 NO [SERVERBUG] FETCH Server error while fetching messages\n" +
			step(4, "UID SEARCH UID 2", names("2")) +
			"C: ~^T5 UID FETCH 2 \nS: T5 NO [SERVERBUG] FETCH Server error while fetching messages" + bye,
			"1=ab", "Server error while fetching"}}},
		{"DavMail: no UID in the answer", false, []pass{{two + raw(`* 1 FETCH (BODY[] {2}|ab)`) +
			fetched(2, "cd") + "S: T3 OK\n" + step(4, "UID SEARCH UID 1", names("1")) +
			step(5, "UID FETCH 1 ", raw(`* 1 FETCH (BODY[] {2}|ab)`)) + bye, "2=cd", "sends no text"}}},
		{"iCloud: BYE, and nothing behind it", false, []pass{
			{two + fetched(1, "ab") + "S: * BYE\nCLOSE", "1=ab", `BYE`}}},
		{"mailbox.org: HIGHESTMODSEQ unasked", false, []pass{{two +
			"S: * OK [HIGHESTMODSEQ 53062] Highest\n" + fetched(1, "ab") +
			"S: * OK [HIGHESTMODSEQ 53063] Highest\n" + fetched(2, "cd") + "S: T3 OK" + bye,
			"1=ab 2=cd", ""}}},
		{"GMX: a text that reads like answers", true, []pass{{found("1", "1") + fetchedText(likeAnswers) +
			"S: T3 OK\n" + step(4, "UID STORE 1 ", "") + step(5, "UID SEARCH DELETED", names("1")) +
			step(6, "EXPUNGE", "S: * 1 EXPUNGE\n") + bye, "1=" + likeAnswers, ""}}},
		{"neomutt: no mailbox is selected any more", true, []pass{{found("1", "1") + fetched(1, "ab") +
			"S: T3 OK\nC: ~^T4 UID STORE 1 \nS: T4 BAD No mailbox selected (0.000 + 0.000 secs)." + bye,
			"1=ab", "No mailbox selected"}}},
		{"a message goes between two others", false, []pass{{found("1 2 3", "1:3") + fetched(1, "ab") +
			"S: * 2 EXPUNGE\nS< * 2 FETCH (UID 3 BODY[] {2}\\r\\nef)\\r\\n\nS: T3 OK\n" +
			step(4, "UID SEARCH UID 2", names("")) + step(5, "UID FETCH 2 .UID FLAGS", "") + bye,
			"1=ab 3=ef", ""}}},
		{"istruzione.it: the set is empty by now", false, []pass{{untilSearch + "S: T2 NO no\n" +
			"C: T3 FETCH 1:* (UID FLAGS)\n" +
			"S: T3 BAD Error in IMAP command FETCH: Invalid messageset (0.001 + 0.000 secs)." + bye,
			"", "Invalid messageset"}}},
		{"Stalwart: INBOX does not exist", false, []pass{{untilSelect +
			"S: T1 NO [NONEXISTENT] Mailbox does not exist\nS: T2 BAD what" + bye, "", "does not exist"}}},
		{"RECENT between texts", false, []pass{{two + "S: * 1 RECENT\n" + fetched(1, "ab") +
			"S: * 3 EXISTS\nS: * 1 RECENT\n" + fetched(2, "cd") + "S: T3 OK" + bye, "1=ab 2=cd", ""}}},
		{"mail.ru: a boundary is NIL", false, []pass{{two + raw(`* 1 FETCH (UID 1 BODYSTRUCTURE (`+
			`("text" "plain" ("charset" "utf-8") NIL NIL "8bit" 536 0 NIL NIL NIL NIL)`+
			` "alternative" ("boundary" NIL)) BODY[] {2}|ab)`) + fetched(2, "cd") + "S: T3 OK" + bye,
			"1=ab 2=cd", ""}}},
		{"163.com: quotes that are not escaped", false, []pass{{two + raw(`* 1 FETCH (UID 1 BODY (`+
			`("application" "pdf" ("name" "a.pdf") NIL """" "base64" 65) "MIXED") BODY[] {2}|ab)`) +
			fetched(2, "cd") + "S: T3 OK" + bye, "1=ab 2=cd", ""}}},
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

// fetchedText is the answer with a text of lines.
func fetchedText(text string) string {
	text = strings.ReplaceAll(text, "\n", `\r\n`)
	size := len(text) - 2*strings.Count(text, `\r\n`)
	return fmt.Sprintf("S< * 1 FETCH (UID 1 BODY[] {%d}\\r\\n%s)\\r\\n\n", size, text)
}
