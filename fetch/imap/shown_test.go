package imap

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/fetch"
)

// step is a command and its answer.
func step(tag int, command, answer string) string {
	return fmt.Sprintf("C: ~^T%d %s\n%sS: T%d OK done\n", tag, command, answer, tag)
}

// names is the answer to one.
func names(uids string) string { return "S: * SEARCH " + uids + "\n" }

// limited ends a search of which uids were found, before it has come to its end at UID last.
func limited(tag int, uids string, limit, last int) string {
	return names(uids) + fmt.Sprintf("S: T%d OK [MESSAGELIMIT %d %d] partial\n", tag, limit, last)
}

// limitedStart is selected for n messages, with a search that is limited.
func limitedStart(n, next int, uids string, limit, last int) string {
	script, _, _ := strings.Cut(holds(n, ""), "S: * SEARCH")
	return strings.Replace(script, "UIDNEXT 10", fmt.Sprint("UIDNEXT ", next), 1) +
		limited(2, uids, limit, last)
}

// refused is selected for n messages, and a first search that the server refuses.
func refused(next int, answer string, n int) string {
	script, _, _ := strings.Cut(holds(n, ""), "S: * SEARCH")
	return strings.Replace(script, "UIDNEXT 10", fmt.Sprint("UIDNEXT ", next), 1) + "S: T2 " + answer + "\n"
}

// expunged is the acknowledgement of messages, from T tag on.
func expunged(tag, n int, set string) string {
	return fmt.Sprintf("C: ~^T%d UID STORE %s \n"+
		"C: T%d UID EXPUNGE %s\nS: T%d OK\n", tag, set, tag+1, set, tag) +
		strings.Repeat("S: * 1 EXPUNGE\n", n) + fmt.Sprintf("S: T%d OK\n", tag+1)
}

// whole9 is a message under UID 9.
func whole9(subject string) string {
	return fmt.Sprintf(`S< * 1 FETCH (UID 9 BODY[] {14}\r\nSubject: %s\r\n\r\n)\r\n`+"\n", subject)
}

// cutOffBeforeDeletion is a pass that delivers a message and never learns whether it was deleted.
var cutOffBeforeDeletion = pass{found("9", "9") + whole9("a") +
	"S: T3 OK\nC: ~^T4 UID STORE\nC: ~^T5 UID EXPUNGE\nCLOSE", "9=Subject: a\n\n", "delete what was"}

// pendingHeader asks for the header of the message under UID 9, and gets it, or none.
func pendingHeader(tag int, header string) string {
	answer := ""
	if header != "" {
		answer = fmt.Sprintf(`S< * 1 FETCH (UID 9 RFC822.SIZE 14 BODY[HEADER] {14}\r\n%s\r\n\r\n)\r\n`+"\n",
			header)
	}
	return step(tag, `UID FETCH 9 .UID RFC822.SIZE BODY.PEEK\[HEADER\]`, answer)
}

// What a search did not name is no old mail.
func TestShownInPart(t *testing.T) {
	t.Parallel()
	seen := names("1 2")
	for _, tt := range []struct {
		name   string
		keep   bool
		passes []pass
	}{
		{"searches are limited, newest first", true, []pass{
			{limitedStart(5, 6, "4 5", 2, 4) +
				"C: T3 UID SEARCH UID 1:3 UNSEEN\n" + limited(3, "2 3", 2, 2) +
				step(4, "UID SEARCH UID 1:1 UNSEEN$|^T4 UID SEARCH UID 1 UNSEEN$", names("1")) +
				step(5, "UID FETCH 1:2 ", fetched(1, "a")+fetched(2, "b")) +
				step(6, "UID FETCH 3:4 ", fetched(3, "c")+fetched(4, "d")) +
				step(7, "UID FETCH 5 ", fetched(5, "e")) + bye, "1=a 2=b 3=c 4=d 5=e", ""},
			{limitedStart(8, 9, "7 8", 2, 7) + step(3, `UID SEARCH UID 6:\* UID 1:6$`, names("6")) +
				step(4, "UID FETCH 6:7 ", fetched(6, "f")+fetched(7, "g")) +
				step(5, "UID FETCH 8 ", fetched(8, "h")) + bye, "6=f 7=g 8=h", ""}}},
		{"searches are limited, oldest first", true, []pass{
			{limitedStart(3, 6, "1 2", 2, 2) + step(3, `UID SEARCH UID 3:\* UNSEEN$`, names("3")) +
				step(4, "UID FETCH 1:2 ", fetched(1, "a")+fetched(2, "b")) +
				step(5, "UID FETCH 3 ", fetched(3, "c")) + bye, "1=a 2=b 3=c", ""}}},
		{"a FETCH is limited", true, []pass{
			{holds(3, "1 2 3") + "C: ~^T3 UID FETCH 1:3 \n" +
				fetched(3, "c") + "S: T3 OK [MESSAGELIMIT 1 3] partial\n" +
				step(4, "UID FETCH 1 ", fetched(1, "a")) +
				step(5, "UID FETCH 2 ", fetched(2, "b")) + bye, "3=c 1=a 2=b", ""}}},
		{"a later search names a part, and so does the one for all", true, []pass{
			{strings.Replace(holds(2, ""), "UIDNEXT 10", "UIDNEXT 3", 1) +
				step(3, "UID SEARCH SEEN", seen) + bye, "", ""},
			{holds(5, "5") + step(3, "UID SEARCH ALL", names("1 2 4 5")) +
				flags("1 \\Seen", "2 \\Seen", "3", "4", "5") +
				step(5, "UID FETCH 3:5 ", fetched(3, "c")+fetched(4, "d")+fetched(5, "e")) + bye,
				"3=c 4=d 5=e", ""},
			{holds(5, "") + bye, "", ""}}},
		{"a late UID", true, []pass{
			{holds(2, "4 5") + step(3, "UID FETCH 4:5 ", fetched(4, "d")+fetched(5, "e")) + bye,
				"4=d 5=e", ""},
			{holds(3, "") + step(3, "UID SEARCH ALL", names("2 4 5")) +
				step(4, "UID SEARCH UID 2 SEEN", names("")) +
				step(5, "UID FETCH 2 ", fetched(2, "b")) + bye, "2=b", ""},
			{holds(3, "") + bye, "", ""}}},
		{"a late UID that is old mail", true, []pass{
			{holds(2, "4 5") + step(3, "UID FETCH 4:5 ", fetched(4, "d")+fetched(5, "e")) + bye,
				"4=d 5=e", ""},
			{holds(3, "") + step(3, "UID SEARCH ALL", names("2 4 5")) +
				step(4, "UID SEARCH UID 2 SEEN", names("2")) + bye, "", ""},
			{holds(3, "") + bye, "", ""}}},
		{"the first contact ends before anything is delivered", true, []pass{
			{selected("", 3, "1 2") + "C: ~^T3 UID FETCH 1:2 \nCLOSE", "", "fetch"},
			{asking(selected("", 3, "1 2"), "UID 1:\\*") +
				step(3, "UID FETCH 1:2 ", fetched(1, "a")+fetched(2, "b")) + bye, "1=a 2=b", ""}}},
		{"the same in a mailbox that was renumbered", false, []pass{
			{selected("", 2, "1") + step(3, "UID FETCH 1 ", fetched(1, "a")) + expunged(4, 1, "1") + bye,
				"1=a", ""},
			{strings.Replace(selected("", 3, ""), "UIDVALIDITY 1", "UIDVALIDITY 2", 1) +
				step(3, "UID SEARCH ALL", names("1 2")) +
				"C: ~^T4 UID FETCH 1:2 \nCLOSE", "", "fetch"},
			{strings.Replace(strings.Replace(selected("", 3, "1 2"), "UIDVALIDITY 1", "UIDVALIDITY 2", 1),
				"UID SEARCH", "UID SEARCH ALL$", 1) +
				step(3, "UID FETCH 1:2 ", fetched(1, "a")+fetched(2, "b")) + expunged(4, 2, "1:2") + bye,
				"1=a 2=b", ""}}},
		{"a late UID that is read before it could be had", true, []pass{
			{holds(2, "4 5") + step(3, "UID FETCH 4:5 ", fetched(4, "d")+fetched(5, "e")) + bye, "4=d 5=e",
				""},
			{holds(3, "") + step(3, "UID SEARCH ALL", names("2 4 5")) +
				step(4, "UID SEARCH UID 2 SEEN", names("")) +
				"C: ~^T5 UID FETCH 2 \nCLOSE", "", "fetch"},
			{holds(3, "2") + step(3, "UID FETCH 2 ", fetched(2, "b")) + bye, "2=b", ""}}},
		{"what was taken for gone is there, and read", true, []pass{
			{holds(2, "1 2") + step(3, "UID FETCH 1:2 ", fetched(2, "b")) +
				step(4, "UID SEARCH UID 1", names("")) +
				step(5, "UID FETCH 1 .UID FLAGS", "") + bye, "2=b", ""},
			{holds(2, "") + step(3, "UID SEARCH ALL", names("1 2")) +
				step(4, "UID FETCH 1 ", fetched(1, "a")) + bye, "1=a", ""}}},
		{"what was hidden before it could be had is there, and read", true, []pass{
			{holds(2, "1 2") + "C: ~^T3 UID FETCH 1:2 \nCLOSE", "", "fetch"},
			{holds(0, "") + bye, "", ""},
			{holds(2, "") + step(3, "UID SEARCH ALL", names("1 2")) +
				step(4, "UID FETCH 1:2 ", fetched(1, "a")+fetched(2, "b")) + bye, "1=a 2=b", ""}}},
		{"neither a FETCH nor a search names a message", true, []pass{
			{holds(2, "1 2") + step(3, "UID FETCH 1:2 ", fetched(2, "b")) +
				step(4, "UID SEARCH UID 1", names("")) +
				step(5, `UID FETCH 1 \(UID FLAGS\)$`, "S: * 1 FETCH (UID 1 FLAGS ())\n") +
				step(6, `UID FETCH 1 \(UID RFC822.SIZE BODY.PEEK\[\]\)$`, fetched(1, "a")) + bye, "2=b 1=a",
				""}}},
		{"EXISTS and a search name a part", true, []pass{
			{holds(2, "1 2") + step(3, "UID FETCH 1:2 ", fetched(1, "a")+fetched(2, "b")) + bye, "1=a 2=b",
				""},
			{strings.Replace(holds(2, "5"), "UIDNEXT 10", "UIDNEXT 12", 1) +
				step(3, "UID SEARCH ALL", names("11")) +
				"C: T4 FETCH 1:* (UID FLAGS)\nS: * 1 FETCH (UID 1 FLAGS ())\n" +
				"S: * 2 FETCH (UID 2 FLAGS ())\nS: * 3 FETCH (UID 10 FLAGS ())\n" +
				"S: * 4 FETCH (UID 11 FLAGS ())\nS: T4 OK\n" +
				step(5, "UID FETCH 10:11 ", fetched(10, "c")+fetched(11, "d")) + bye, "10=c 11=d", ""}}},
		{"searches are refused", true, []pass{
			{refused(3, "NO no index", 2) +
				"C: T3 FETCH 1:* (UID FLAGS)\nS: * 1 FETCH (UID 1 FLAGS (\\Seen))\n" +
				"S: * 2 FETCH (UID 2 FLAGS ())\nS: T3 OK\n" +
				step(4, "UID FETCH 2 ", fetched(2, "b")) + bye, "2=b", ""},
			{refused(5, "BAD what", 3) + "C: ~^T3 UID SEARCH\nS: T3 BAD what\n" +
				"C: T4 FETCH 1:* (UID FLAGS)\nS: * 1 FETCH (UID 1 FLAGS ())\n" +
				"S: * 2 FETCH (UID 2 FLAGS ())\nS: * 3 FETCH (UID 4 FLAGS ())\nS: T4 OK\n" +
				step(5, "UID FETCH 4 ", fetched(4, "d")) + bye, "4=d", ""}}},
		{"searches for what is seen are refused", true, []pass{
			{holds(2, "") + "C: T3 UID SEARCH SEEN\nS: T3 NO no\n" +
				"C: T4 FETCH 1:* (UID FLAGS)\nS: * 1 FETCH (UID 1 FLAGS (\\Seen))\n" +
				"S: * 2 FETCH (UID 2 FLAGS ())\nS: T4 OK\n" +
				step(5, "UID FETCH 2 ", fetched(2, "b")) + bye, "2=b", ""}}},
		{"the limit is said by FETCH FLAGS first", true, []pass{
			{holds(3, "") + step(3, "UID SEARCH SEEN", names("")) +
				"C: T4 FETCH 1:* (UID FLAGS)\nS: * 3 FETCH (UID 3 FLAGS ())\n" +
				"S: T4 OK [MESSAGELIMIT 2 3] part\n" +
				"C: T5 FETCH 1:2 (UID FLAGS)\nS: * 1 FETCH (UID 1 FLAGS ())\n" +
				"S: * 2 FETCH (UID 2 FLAGS ())\nS: T5 OK\n" +
				"C: T6 FETCH 3:* (UID FLAGS)\nS: * 3 FETCH (UID 3 FLAGS ())\nS: T6 OK\n" +
				step(7, "UID FETCH 1:2 ", fetched(1, "a")+fetched(2, "b")) +
				step(8, "UID FETCH 3 ", fetched(3, "c")) + bye, "1=a 2=b 3=c", ""}}},
		{"others delete", true, []pass{
			{holds(2, "4 5") + step(3, "UID FETCH 4:5 ", fetched(4, "d")+fetched(5, "e")) + bye,
				"4=d 5=e", ""},
			{holds(1, "") + step(3, "UID SEARCH ALL", names("5")) + bye, "", ""},
			{holds(1, "") + bye, "", ""}}},
		{"a limited view", false, []pass{
			{holds(2, "8 9") + step(3, "UID FETCH 8:9 ", fetched(8, "h")+fetched(9, "i")) +
				expunged(4, 2, "8:9") + bye, "8=h 9=i", ""},
			{holds(2, "") + step(3, "UID SEARCH ALL", names("6 7")) +
				step(4, "UID SEARCH UID 6:7 SEEN", names("")) +
				step(5, "UID FETCH 6:7 ", fetched(6, "f")+fetched(7, "g")) +
				expunged(6, 2, "6:7") + bye, "6=f 7=g", ""},
			{holds(0, "") + bye, "", ""}}},
		{"UIDs are given out again", false, []pass{
			{selected("", 2, "1") + step(3, "UID FETCH 1 ", fetched(1, "first")) +
				expunged(4, 1, "1") + bye, "1=first", ""},
			{strings.Replace(holds(1, ""), "UIDNEXT 10", "UIDNEXT 2", 1) +
				step(3, "UID SEARCH ALL", names("1")) +
				step(4, "UID FETCH 1 ", fetched(1, "second")) + expunged(5, 1, "1") + bye, "1=second", ""},
			{strings.Replace(holds(1, ""), "UIDNEXT 10", "UIDNEXT 2", 1) +
				step(3, "UID SEARCH ALL", names("1")) +
				step(4, "UID FETCH 1 ", fetched(1, "third")) + expunged(5, 1, "1") + bye, "1=third", ""}}},
		{"the lowest free UID, below others", false, []pass{
			{found("9", "9") + fetched(9, "ab") + "S: T3 OK\n" + expunged(4, 1, "9") + bye, "9=ab", ""},
			{strings.Replace(holds(1, ""), "UIDNEXT 10", "UIDNEXT 2", 1) +
				step(3, "UID SEARCH ALL", names("1")) + step(4, "UID SEARCH UID 1 SEEN", names("")) +
				step(5, "UID FETCH 1 ", fetched(1, "x")) + expunged(6, 1, "1") + bye, "1=x", ""}}},
		{"the UID of old mail that is gone", false, []pass{
			{holds(2, "") + step(3, "UID SEARCH SEEN", seen) + bye, "", ""},
			{holds(1, "") + step(3, "UID SEARCH ALL", names("2")) + bye, "", ""},
			{holds(2, "") + step(3, "UID SEARCH ALL", seen) + step(4, "UID SEARCH UID 1 SEEN", names("")) +
				step(5, "UID FETCH 1 ", fetched(1, "x")) + expunged(6, 1, "1") + bye, "1=x", ""}}},
		{"a deleted message is back", false, []pass{
			{found("9", "9") + fetched(9, "ab") + "S: T3 OK\n" + expunged(4, 1, "9") + bye, "9=ab", ""},
			{holds(1, "") + step(3, "UID SEARCH ALL", names("9")) +
				step(4, "UID FETCH 9 ", fetched(9, "ab")) + expunged(5, 1, "9") + bye, "", ""},
			{holds(0, "") + bye, "", ""}}},
		{"a pending UID is given out again", false, []pass{
			cutOffBeforeDeletion,
			{holds(1, "") + step(3, "UID SEARCH ALL", names("9")) +
				"C: T4 UID FETCH 9 (UID RFC822.SIZE BODY.PEEK[HEADER])\n" +
				"S< * 1 FETCH (UID 9 RFC822.SIZE 14 BODY[HEADER] {14}\\r\\n" +
				"Subject: b\\r\\n\\r\\n)\\r\\n\nS: T4 OK\n" +
				step(5, "UID FETCH 9 ", "S< * 1 FETCH (UID 9 BODY[] {14}\\r\\nSubject: b\\r\\n\\r\\n"+
					")\\r\\n\n") + expunged(6, 1, "9") + bye, "9=Subject: b\n\n", ""}}},
		{"a pending message got status fields", false, []pass{
			cutOffBeforeDeletion,
			{holds(1, "") + step(3, "UID SEARCH ALL", names("9")) +
				"C: T4 UID FETCH 9 (UID RFC822.SIZE BODY.PEEK[HEADER])\n" +
				"S< * 1 FETCH (UID 9 RFC822.SIZE 25 BODY[HEADER] {25}\\r\\n" +
				"Status: O\\r\\nSubject: a\\r\\n\\r\\n)\\r\\n\nS: T4 OK\n" +
				expunged(5, 1, "9") + bye, "", ""}}},
		{"a pending message of which no header comes", false, []pass{
			cutOffBeforeDeletion,
			{holds(1, "") + step(3, "UID SEARCH ALL", names("9")) + pendingHeader(4, "") +
				step(5, "UID SEARCH UID 9", names("9")) + bye, "", ""},
			{holds(1, "") + pendingHeader(3, "Subject: a") + expunged(4, 1, "9") + bye, "", ""}}},
		{"a pending message with an empty header", false, []pass{
			cutOffBeforeDeletion,
			{holds(1, "") + step(3, "UID SEARCH ALL", names("9")) +
				step(4, "UID FETCH 9 ", `S< * 1 FETCH (UID 9 RFC822.SIZE 14 BODY[HEADER] {0}\r\n)\r\n`+"\n") +
				step(5, "UID SEARCH UID 9", names("9")) + bye, "", ""}}},
		{"a pending message that is empty", false, []pass{
			{found("9", "9") + `S< * 1 FETCH (UID 9 RFC822.SIZE 0 BODY[] {0}\r\n)\r\n` + "\nS: T3 OK\n" +
				"C: ~^T4 UID STORE\nC: ~^T5 UID EXPUNGE\nCLOSE", "9=", "delete what was"},
			{holds(1, "") + step(3, "UID SEARCH ALL", names("9")) +
				step(4, "UID FETCH 9 ", `S< * 1 FETCH (UID 9 RFC822.SIZE 0 BODY[HEADER] {0}\r\n)\r\n`+"\n") +
				expunged(5, 1, "9") + bye, "", ""}}},
		{"a pending message that the server shows as empty", false, []pass{
			cutOffBeforeDeletion,
			{holds(1, "") + step(3, "UID SEARCH ALL", names("9")) +
				step(4, "UID FETCH 9 ", `S< * 1 FETCH (UID 9 RFC822.SIZE 0 BODY[HEADER] {0}\r\n)\r\n`+"\n") +
				step(5, "UID SEARCH UID 9", names("9")) + bye, "", ""}}},
		{"a pending message is gone", false, []pass{
			cutOffBeforeDeletion,
			{holds(1, "") + step(3, "UID SEARCH ALL", names("3")) +
				step(4, "UID SEARCH UID 3 SEEN", names("3")) +
				pendingHeader(5, "") + step(6, "UID SEARCH UID 9", names("")) +
				step(7, "UID FETCH 9 .UID FLAGS", "") + bye, "", ""},
			{holds(1, "") + bye, "", ""}}},
		{"a pending message is gone, and EXISTS was wrong", false, []pass{
			cutOffBeforeDeletion,
			{holds(0, "") + bye, "", ""},
			{holds(1, "") + step(3, "UID SEARCH ALL", names("9")) + step(4, "UID FETCH 9 ", whole9("b")) +
				expunged(5, 1, "9") + bye, "9=Subject: b\n\n", ""}}},
		{"UIDs went back, and a pending message is there", false, []pass{
			{found("2 9", "2,9") + fetched(2, "b") + fetched(9, "i") +
				"S: T3 OK\nC: ~^T4 UID STORE\nC: ~^T5 UID EXPUNGE\nCLOSE", "2=b 9=i", "delete what was"},
			{strings.Replace(holds(2, ""), "UIDNEXT 10", "UIDNEXT 3", 1) +
				step(3, "UID SEARCH UNSEEN", names("")) + step(4, "UID SEARCH SEEN", names("1 2")) +
				step(5, "UID FETCH 2 ", fetched(2, "b")) + expunged(6, 1, "2") + bye, "", ""}}},
		{"UIDs went back, a pending message is there, and the retrieval is cut off", false, []pass{
			{found("2 9", "2,9") + fetched(2, "b") + fetched(9, "i") +
				"S: T3 OK\nC: ~^T4 UID STORE\nC: ~^T5 UID EXPUNGE\nCLOSE", "2=b 9=i", "delete what was"},
			{strings.Replace(holds(2, ""), "UIDNEXT 10", "UIDNEXT 3", 1) +
				step(3, "UID SEARCH UNSEEN", names("")) + step(4, "UID SEARCH SEEN", names("1 2")) +
				"C: ~^T5 UID FETCH 2 \nCLOSE", "", "fetch"},
			{strings.Replace(holds(2, "2"), "UIDNEXT 10", "UIDNEXT 3", 1) +
				step(3, "UID FETCH 2 ", fetched(2, "b")) + expunged(4, 1, "2") + bye, "", ""}}},
		{"UIDNEXT was too high, and what came since was read", true, []pass{
			{strings.Replace(holds(1, ""), "UIDNEXT 10", "UIDNEXT 4294967295", 1) +
				step(3, "UID SEARCH SEEN", names("1")) + bye, "", ""},
			{strings.Replace(holds(2, "2"), "UIDNEXT 10", "UIDNEXT 2", 1) +
				step(3, "UID SEARCH ALL", names("1 2")) + step(4, "UID SEARCH UID 1 UNSEEN", names("")) +
				step(5, "UID FETCH 2 ", fetched(2, "b")) + bye, "2=b", ""},
			{strings.Replace(holds(2, "2"), "UID SEARCH", "UID SEARCH UID 3:", 1) + bye, "", ""}}},
		{"UIDs went back, and an old message is another one", false, []pass{
			{holds(3, "9") + step(3, "UID SEARCH SEEN", seen) + step(4, "UID FETCH 9 ", fetched(9, "ab")) +
				expunged(5, 1, "9") + bye, "9=ab", ""},
			{strings.Replace(holds(2, "2"), "UIDNEXT 10", "UIDNEXT 3", 1) +
				step(3, "UID SEARCH ALL", seen) + step(4, "UID SEARCH UID 1:2 UNSEEN", names("2")) +
				step(5, "UID FETCH 2 ", fetched(2, "new")) + expunged(6, 1, "2") + bye, "2=new", ""}}},
		{"none is counted, and a search names old mail", false, []pass{
			{holds(1, "") + step(3, "UID SEARCH SEEN", names("5")) + bye, "", ""},
			{holds(0, "") + bye, "", ""}, // it is gone, it seems
			{holds(0, "5") + step(3, "UID SEARCH UID 5 SEEN", names("5")) + bye, "", ""}}},
		{"a mailbox moved to a new server", false, []pass{
			{found("9", "9") + fetched(9, "ab") + "S: T3 OK\n" + expunged(4, 1, "9") + bye, "9=ab", ""},
			{strings.Replace(holds(2, "1 2"), "UIDVALIDITY 1", "UIDVALIDITY 7", 1) +
				step(3, "UID SEARCH ALL", names("1 2")) +
				step(4, "UID FETCH 1:2 ", fetched(1, "x")+fetched(2, "y")) +
				expunged(5, 2, "1:2") + bye, "1=x 2=y", ""}}},
		{"a mailbox with old mail moved to a new server", false, []pass{
			{holds(1, "") + step(3, "UID SEARCH SEEN", names("5")) + bye, "", ""},
			{strings.Replace(holds(2, "1 2"), "UIDVALIDITY 1", "UIDVALIDITY 7", 1) +
				step(3, "UID SEARCH UNSEEN", names("2")) +
				step(4, "UID SEARCH SEEN", names("1")) + step(5, "UID FETCH 2 ", fetched(2, "y")) +
				expunged(6, 1, "2") + bye, "2=y", ""}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				if r.Keep = tt.keep; r.Keep {
					r.MarkSeen = false
				}

				for i := range tt.passes {
					tt.passes[i].script = strings.Replace(tt.passes[i].script,
						"CAPABILITY IMAP4rev1", "CAPABILITY IMAP4rev1 UIDPLUS", 1)
				}

				var log bytes.Buffer
				r.Log = slog.New(slog.NewTextHandler(&log, nil))
				expect(t, r, tt.passes...)
				if got := strings.Contains(log.String(), fetch.EventReused); got != strings.Contains(tt.name,
					"pending UID is given out again") {
					t.Errorf("a UID that is used again is said: %v", got)
				}
			})
		})
	}
}

// Now and then all UIDs are looked at, also where the number of messages gives no cause to.
func TestResurvey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.Keep, r.MarkSeen = true, false
		expect(t, r, pass{found("4", "4") + fetched(4, "d") + "S: T3 OK" + bye, "4=d", ""},
			pass{holds(1, "") + bye, "", ""})
		<-time.After(resurvey + time.Second)
		expect(t, r, pass{whole(1, 10, "2") + step(3, "UID SEARCH UID 2 SEEN", names("")) +
			step(4, "UID FETCH 2 ", fetched(2, "b")) + bye, "2=b", ""},
			pass{holds(1, "") + bye, "", ""})
	})
}

// FETCH FLAGS is asked for page by page.
func TestFlagsInPages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.Keep, r.MarkSeen = true, false
		var first, second strings.Builder
		for n := 1; n <= flagsPage; n++ {
			fmt.Fprintf(&first, "S: * %d FETCH (UID %d FLAGS (\\Seen))\n", n, n)
		}
		second.WriteString("S: * 1001 FETCH (UID 1001 FLAGS (\\Recent))\n")
		script := strings.Replace(unfound, "2 EXISTS", "1001 EXISTS", 1)
		script = strings.Replace(script, "UIDNEXT 10", "UIDNEXT 1002", 1)
		got, res, err := r.run(script + step(3, "UID SEARCH SEEN", names("")) +
			step(4, `FETCH 1:1000 \(UID FLAGS\)$`, first.String()) +
			step(5, `FETCH 1001:\* \(UID FLAGS\)$`, second.String()) +
			step(6, "UID FETCH 1001 ", fetched(1001, "x")) + bye)
		if got != "1001=x" || err != nil || res.Seen != 1000 {
			t.Errorf("%q, %+v, %v", got, res, err)
		}
	})
}
