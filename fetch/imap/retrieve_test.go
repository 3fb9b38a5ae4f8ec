package imap

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/delivery"
	"fetchd/fetch"
)

func TestRetrieveOddServers(t *testing.T) {
	t.Parallel()
	const lone = "C: T4 UID SEARCH UID 1\nS: * SEARCH 1\n" +
		"S: T4 OK\nC: T5 UID FETCH 1 (UID RFC822.SIZE BODY.PEEK[])\n"
	const (
		notSent = "sends no text of it"
		tooSlow = "the server is too slow: it sent less than 512 bytes a second"
	)
	renumbered := strings.Replace(selected("", 10, ""), "UIDVALIDITY 1", "UIDVALIDITY 2", 1) +
		selectedAgain(2, "") + step(5, "UID SEARCH UNSEEN", names("1"))
	noBody := func(item string) []pass {
		return []pass{{found("1", "1") + "S: * 1 FETCH (UID 1 " + item + ")\nS: T3 OK\n" +
			lone + "S: * 1 FETCH (UID 1 " + item + ")\nS: T5 OK" + bye, "", notSent}}
	}
	tests := []struct {
		name   string
		passes []pass
	}{
		{"plain", []pass{{found("1 2", "1:2") + fetched(1, "ab") +
			fetched(2, "cd") + "S: T3 OK" + bye, "1=ab 2=cd", ""}, nothing}},
		{"other order", []pass{
			{found("1 2", "1:2") + fetched(2, "cd") + fetched(1, "ab") + "S: T3 OK" + bye, "2=cd 1=ab", ""},
		}},
		{"duplicates",
			[]pass{{found("1", "1") + fetched(1, "ab") + fetched(1, "xy") + "S: T3 OK" + bye, "1=ab", ""}}},
		{"not asked for",
			[]pass{{found("1", "1") + fetched(7, "xy") + fetched(1, "ab") + "S: T3 OK" + bye, "1=ab", ""}}},
		{"noise in between", []pass{{found("1 2", "1:2") +
			"S: * 3 FETCH (FLAGS (\\Seen a]b))\nS: * 11 EXISTS\nS: * 2 RECENT\nS: \n" +
			"S: * OK [ALERT unclosed\nS: * FLAGS (a]b)\nS: * VANISHED 4\nS: * XFOO {3}\n" +
			"S: abc\nS: * CAPABILITY IMAP4rev2\nS: * OK [PERMANENTFLAGS (]]] x\n" +
			fetched(1, "ab") + "S: * 9 EXPUNGE\n" + fetched(2, "cd") +
			"S: T3 OK [unclosed" + bye, "1=ab 2=cd", ""}}},
		{"quoted body", []pass{
			{found("1", "1") + "S: * 1 FETCH (UID 1 BODY[] \"a\\\"b{5}\")\nS: T3 OK" + bye, "1=a\"b{5}", ""},
		}},
		{"items behind the body", []pass{{found("1", "1") + "S< * 1 FETCH (UID 1 BODY[] {2}\\r\\n" +
			"ab FLAGS (\\\\Seen) BODY[HEADER] {1}\\r\\nx)\\r\\n\nS: T3 OK" + bye, "1=ab", ""}}},
		{"a header that nobody wants", []pass{{found("1", "1") + "S< * 1 FETCH (UID 1 BODY[HEADER] " +
			"{1}\\r\\nx BODY[]<0> {1}\\r\\ny BODY[] {2}\\r\\nab)\\r\\n\nS: T3 OK" + bye, "1=ab", ""}}},
		{"lower case and LF",
			[]pass{{found("1", "1") + "S< * 1 fetch (uid 1 body[] {2}\\nab)\\nT3 ok\\n" + bye, "1=ab", ""}}},

		{"body before UID", []pass{{found("1 2", "1:2") +
			"S< * 1 FETCH (BODY[] {2}\\r\\nab UID 1)\\r\\n\n" + fetched(2, "cd") + "S: T3 OK\n" +
			lone + "S< * 1 FETCH (BODY[] {2}\\r\\nab UID 1)\\r\\n\nS: T5 OK" + bye,
			"2=cd 1=ab", ""}, nothing}},
		{"no UID", []pass{{found("1", "1") + "S< * 1 FETCH (BODY[] {2}\\r\\nab)\\r\\n\nS: T3 OK\n" +
			lone + "S< * 1 FETCH (BODY[] {2}\\r\\nab)\\r\\n\nS: T5 OK" + bye, "", notSent}}},
		{"another UID behind the body", []pass{{found("1", "1") + "S: T3 OK\n" +
			lone + "S< * 1 FETCH (BODY[] {2}\\r\\nab UID 2)\\r\\n\nSTALL",
			"", "message 2 where 1 was asked for"}}},

		{"gone", []pass{{found("1", "1") + "S: T3 OK\nC: T4 UID SEARCH UID 1\nS: * SEARCH\nS: T4 OK\n" +
			step(5, `UID FETCH 1 \(UID FLAGS\)$`, "") + bye, "", ""}, nothing}},
		{"NO for the batch", []pass{{found("1 2", "1:2") + "S: T3 NO [SERVERBUG] oops\n" +
			"C: T4 UID SEARCH UID 1:2\nS: * SEARCH 1 2\nS: T4 OK\n" +
			"C: ~^T5 UID FETCH 1 \n" + fetched(1, "ab") + "S: T5 OK\nC: ~^T6 UID FETCH 2 \n" +
			"S: T6 NO [SERVERBUG] still" + bye, "1=ab", `[SERVERBUG] "still"`}}},
		{"nothing for the batch",
			[]pass{{found("1", "1") + "S: T3 OK\n" + lone + "S: T5 OK" + bye, "", notSent}}},
		{"NIL body", noBody("BODY[] NIL")},
		{"empty quoted body", noBody("BODY[] \"\"")},
		{"empty body", noBody("BODY[] {0}\nS: ")},
		{"empty body of a message that is not", noBody("RFC822.SIZE 5 BODY[] {0}\nS: ")},
		{"expunged meanwhile", noBody("RFC822.SIZE 0 BODY[] NIL")},
		{"empty message",
			[]pass{{found("1", "1") + "S: * 1 FETCH (UID 1 BODY[] {0}\nS: )\nS: T3 OK\n" + lone +
				"S: * 1 FETCH (UID 1 RFC822.SIZE 0 BODY[] {0}\nS: )\nS: T5 OK" + bye, "1=", ""}, nothing}},

		{"cut short", []pass{
			{found("1 2 3", "1:3") + fetched(1, "ab") +
				"S< * 2 FETCH (UID 2 BODY[] {9}\\r\\nabc\nCLOSE", "1=ab", "fetch: "},
			{selected("", 10, "2 3") + "C: T3 UID FETCH 2:3 (UID BODY.PEEK[])\n" +
				fetched(2, "abcabcabc") + fetched(3, "x") + "S: T3 OK" + bye, "2=abcabcabc 3=x", ""}}},
		{"longer than announced", []pass{
			{found("1 2", "1:2") + fetched(1, "ab") + "S< * 2 FETCH (UID 2 BODY[] {2}\\r\\n" +
				"abcde\\r\\nfgh)\\r\\n\nSTALL", "1=ab", "not as long"},
			{selected("", 10, "2") + "C: T3 UID FETCH 2 (UID BODY.PEEK[])\n" +
				fetched(2, "abcdefgh") + "S: T3 OK" + bye, "2=abcdefgh", ""}}},
		{"shorter than announced", []pass{
			{found("1", "1") + "S< * 1 FETCH (UID 1 BODY[] {8}\\r\\nab)\\r\\nT3 OK\\r\\n\nSTALL",
				"", "not as long"},
		}},
		{"lost behind a body",
			[]pass{{found("1", "1") + "S< * 1 FETCH (UID 1 BODY[] {2}\\r\\nab\nCLOSE", "", "fetch: "}}},
		{"two UIDs", []pass{{found("1 2", "1:2") + "S< * 1 FETCH (UID 1 BODY[] {2}\\r\\n" +
			"ab UID 2)\\r\\n\nSTALL", "", "one message 1 and 2"}}},
		{"BYE", []pass{{found("1 2", "1:2") + fetched(1, "ab") +
			"S: * BYE shutting down\nSTALL", "1=ab", "shutting down"}}},

		{"search in any order", []pass{{found("3 1 2 2 3", "1:3") + fetched(1, "ab") +
			fetched(2, "cd") + fetched(3, "ef") + "S: T3 OK" + bye, "1=ab 2=cd 3=ef", ""}}},
		{"search beyond 32 bits", []pass{
			{strings.TrimSuffix(selected("", 10, "99999999999"), "S: T2 OK done\n") + "STALL", "", "search"},
		}},
		{"search names the largest UID", []pass{
			{found("1 4294967295", "1,4294967295") + fetched(1, "ab") +
				"S: T3 OK\nC: T4 UID SEARCH UID 4294967295\nS: * SEARCH\nS: T4 OK\n" +
				step(5, `UID FETCH 4294967295 \(UID FLAGS\)$`, "") + bye, "1=ab", ""},
			{asking(holds(2, "10"), "UID 10:4294967294") + "C: T3 UID FETCH 10 (UID BODY.PEEK[])\n" +
				fetched(10, "new") + "S: T3 OK" + bye, "10=new", ""}}},
		{"n:* names an old UID", []pass{{found("9", "9") + fetched(9, "ab") + "S: T3 OK" + bye, "9=ab", ""},
			{asking(selected("", 10, "9"), "UID 10:\\*") + bye, "", ""}}},
		{"no UIDNEXT", []pass{{strings.Replace(holds(2, "2"), "S: * OK [UIDNEXT 10] ok\n", "", 1) +
			"C: T3 UID SEARCH SEEN\nS: * SEARCH 1\nS: T3 OK\nC: ~^T4 UID FETCH 2 \n" +
			fetched(2, "cd") + "S: T4 OK" + bye, "2=cd", ""},
			{asking(selected("", 10, ""), "UID 3:\\*") + bye, "", ""}}},
		{"the largest UID is old, and none is next", []pass{
			{strings.Replace(holds(2, "4294967294"), "UIDNEXT 10", "UIDNEXT 4294967296", 1) +
				"C: T3 UID SEARCH SEEN\nS: * SEARCH 4294967295\nS: T3 OK\n" +
				step(4, "UID FETCH 4294967294 ", fetched(4294967294, "ab")) + bye, "4294967294=ab", ""},
			{strings.Replace(asking(holds(2, "4294967295"), "UID 4294967295"), "UIDNEXT 10",
				"UIDNEXT 4294967296", 1) + bye, "", ""}}},
		{"far fewer messages than are counted", []pass{{holds(40_000_000, "1") +
			step(3, "UID SEARCH SEEN", names("")) + step(4, `FETCH 1:1000 \(UID FLAGS\)$`,
			"S: * 1 FETCH (UID 1 FLAGS ())\n") + step(5, `FETCH 1001:2000 \(UID FLAGS\)$`, "") +
			step(6, `FETCH 2001:\* \(UID FLAGS\)$`, "S: * 1 FETCH (UID 1 FLAGS ())\n") +
			step(7, "UID FETCH 1 ", fetched(1, "ab")) + bye, "1=ab", ""}}},
		{"more messages than can be", []pass{{holds(4294967295, "1") +
			step(3, "UID SEARCH SEEN", names("")) + "STALL", "", "claims to have 4294967295"}}},
		{"no UIDVALIDITY", []pass{{strings.Replace(selected("", 10, "1"), "UIDVALIDITY", "X", 1), "",
			"no UIDVALIDITY"}}},
		{"renumbered between", []pass{{found("1", "1") + fetched(1, "ab") + "S: T3 OK" + bye, "1=ab", ""},
			{renumbered + looks(6, 1, "cd") + "C: ~^T7 UID FETCH 1 \n" + fetched(1, "cd") + "S: T7 OK" + bye,
				"1=cd", ""}}},
		{"renumbered, and nothing is new", []pass{
			{found("1", "1") + fetched(1, "ab") + "S: T3 OK" + bye, "1=ab", ""},
			{renumbered + looks(6, 1, "ab") + bye, "", ""}}},
		{"rewound", []pass{{found("9", "9") + fetched(9, "ab") + "S: T3 OK" + bye, "9=ab", ""},
			{selected("", 3, "2") + "C: T3 UID SEARCH UNSEEN\nS: * SEARCH 2\nS: T3 OK\n" +
				looks(4, 2, "new") +
				"C: ~^T5 UID FETCH 2 \n" + fetched(2, "new") + "S: T5 OK" + bye, "2=new", ""}}},
		{"rewound by one", []pass{{found("9", "9") + fetched(9, "ab") + "S: T3 OK" + bye, "9=ab", ""},
			{selected("", 9, "") + "C: T3 UID SEARCH UNSEEN\nS: * SEARCH\nS: T3 OK" + bye, "", ""},
			{selected("", 10, "9") + "C: ~^T3 UID FETCH 9 \n" +
				fetched(9, "new") + "S: T3 OK" + bye, "9=new", ""}}},
		{"not rewound", []pass{{found("9", "9") + fetched(9, "ab") + "S: T3 OK" + bye, "9=ab", ""},
			{asking(selected("", 10, ""), "UID 10:\\*") + bye, "", ""}}},
		{"rewound and empty", []pass{{found("9", "9") + fetched(9, "ab") + "S: T3 OK" + bye, "9=ab", ""},
			{selected("", 1, "") + "C: T3 UID SEARCH UNSEEN\nS: * SEARCH\nS: T3 OK" + bye, "", ""},
			{selected("", 2, "1") + "C: ~^T3 UID FETCH 1 \n" +
				fetched(1, "new") + "S: T3 OK" + bye, "1=new", ""}}},
		{"UIDNEXT that is wrong", []pass{{found("9", "9") + fetched(9, "ab") + "S: T3 OK" + bye, "9=ab", ""},
			{selected("", 3, "9") + "C: T3 UID SEARCH ALL\nS: * SEARCH 9\nS: T3 OK" + bye, "", ""},
			{selected("", 3, "9") + bye, "", ""}}},
		{"renumbered in the middle", []pass{{found("1", "1") + "ENDLESS * OK [UIDVALIDITY 2] x\\r\\n" +
			"* 1 FETCH (UID 1 BODY[] {2}\\r\\nab)\\r\\n", "", "renumbered"}}},

		{"ESEARCH", []pass{{esearchOf(2, "(TAG \"T2\") UID ALL 2,1") + "C: ~^T3 UID FETCH 1:2 \n" +
			fetched(1, "ab") + fetched(2, "cd") + "S: T3 OK" + bye, "1=ab 2=cd", ""}}},
		{"ESEARCH finds nothing", []pass{{esearch("(TAG \"T2\") UID") + bye, "", ""}}},
		{"ESEARCH for another command", []pass{
			{strings.TrimSuffix(esearch("(TAG \"X9\") UID ALL 1:2"), "S: T2 OK done\n") + "STALL",
				"", "not under way"},
		}},
		{"two ESEARCH for one search", []pass{{strings.TrimSuffix(esearch("(TAG \"T2\") UID ALL 1\n"+
			"S: * ESEARCH (TAG \"T2\") UID ALL 2"), "S: T2 OK done\n") + "STALL", "", "two results"}}},
		{"no result of the first search",
			[]pass{{unfound + "C: T3 UID SEARCH SEEN\nS: * SEARCH\nS: T3 OK\n" + flags("1 \\Seen", "2") +
				"C: ~^T5 UID FETCH 2 \n" + fetched(2, "cd") + "S: T5 OK" + bye, "2=cd", ""}, nothing}},
		{"no result of the first search, one is seen",
			[]pass{{unfound + "C: T3 UID SEARCH SEEN\n" +
				"S: * SEARCH 2\nS: T3 OK\n" + flags("1", "2 \\SEEN a]b") +
				"C: ~^T5 UID FETCH 1 \n" + fetched(1, "ab") + "S: T5 OK" + bye, "1=ab", ""}, nothing}},
		{"a first search answered in part, and so are the flags", []pass{
			{holds(3, "2") + "C: T3 UID SEARCH SEEN\nS: * SEARCH 1\nS: T3 OK\n" +
				strings.Replace(flags("1 \\Seen", "2"), "1:2", "1:3", 1) +
				"C: ~^T5 UID FETCH 2 \n" + fetched(2, "cd") + "S: T5 OK" + bye, "2=cd", ""},
			{whole(3, 10, "1 2 3") + "C: T3 UID SEARCH UID 3 SEEN\nS: * SEARCH\nS: T3 OK\n" +
				"C: ~^T4 UID FETCH 3 \n" + fetched(3, "ef") + "S: T4 OK" + bye, "3=ef", ""},
			{holds(3, "") + bye, "", ""}}},
		{"SELECT says that there is an unseen message",
			[]pass{{strings.Replace(unfound, "S: * OK [UIDV", "S: * OK [UNSEEN 2] x\nS: * OK [UIDV", 1) +
				"C: T3 UID SEARCH SEEN\nS: * SEARCH 1 2\nS: T3 OK\n" + flags("1 \\Seen", "2") +
				"C: ~^T5 UID FETCH 2 \n" + fetched(2, "cd") + "S: T5 OK" + bye, "2=cd", ""}, nothing}},
		{"a message is seen and not seen", []pass{{holds(2, "1") +
			"C: T3 UID SEARCH SEEN\nS: * SEARCH 1 2\nS: T3 OK\n" + flags("1 \\Seen", "2") +
			"C: ~^T5 UID FETCH 2 \n" + fetched(2, "cd") + "S: T5 OK" + bye, "2=cd", ""}, nothing}},
		{"a first search without those that are seen",
			[]pass{{holds(3, "2") + "C: T3 UID SEARCH SEEN\n" +
				"S: * SEARCH 1 3\nS: T3 OK\nC: ~^T4 UID FETCH 2 \n" +
				fetched(2, "cd") + "S: T4 OK" + bye, "2=cd", ""}, nothing}},
		{"a message is seen meanwhile", []pass{{holds(2, "1 2") + "C: ~^T3 UID FETCH 1:2 \n" +
			fetched(1, "ab") + fetched(2, "cd") + "S: T3 OK" + bye, "1=ab 2=cd", ""}}},
		{"a message is gone meanwhile", []pass{{holds(3, "2") + "C: T3 UID SEARCH SEEN\n" +
			"S: * 3 EXPUNGE\nS: * SEARCH 1\nS: T3 OK\nC: ~^T4 UID FETCH 2 \n" +
			fetched(2, "cd") + "S: T4 OK" + bye, "2=cd", ""}}},
		{"no result of the first search, all are seen",
			[]pass{{unfound + "C: T3 UID SEARCH SEEN\nS: * SEARCH 1 2\nS: T3 OK" + bye, "", ""}, nothing}},
		{"ESEARCH of the world",
			[]pass{{esearch("(TAG \"T2\") UID ALL 1:4294967295"), "", "claims to have found"}}},

		{"COMPRESS refused", []pass{{"S: * PREAUTH [CAPABILITY IMAP4rev1 COMPRESS=DEFLATE] x\n" +
			"C: A1 COMPRESS DEFLATE\nS: A1 NO [COMPRESSIONACTIVE] x\n" +
			strings.SplitN(selected("", 10, ""), "\n", 3)[2] + bye, "", ""}}},
		{"COMPRESS of garbage", []pass{{"S: * PREAUTH [CAPABILITY IMAP4rev1 COMPRESS=DEFLATE] x\n" +
			"C: A1 COMPRESS DEFLATE\nS: A1 OK go\nS: * OK nothing is compressed here\nSTALL", "", "corrupt"},
			{selected("COMPRESS=DEFLATE", 10, "") + bye, "", ""}}},
		{"messages that nobody asked for", []pass{{found("1", "1") + fetched(1, "ab") +
			"ENDLESS * 2 FETCH (UID 2 BODY[] {2}\\r\\nab)\\r\\n", "1=ab", "nobody asked for"}}},
		{"silence", []pass{{found("1", "1") + "STALL", "", "no answer"}}},
		{"dripping status lines",
			[]pass{{found("1", "1") + "DRIP 10ms * OK x\\r\\n", "", "fetch: " + tooSlow}}},
		{"dripping search", []pass{{strings.TrimSuffix(selected("", 10, "1"), "S: T2 OK done\n") +
			"DRIP 10ms * SEARCH 1\\r\\n", "", "search: " + tooSlow}}},
		{"dripping literals", []pass{
			{found("1", "1") + "DRIP 10ms * LIST () NIL {4}\\r\\nabcd\\r\\n", "", "fetch: " + tooSlow},
		}},
		{"unasked messages that drip", []pass{
			{found("1", "1") + "DRIP 10ms * 2 FETCH (UID 2 BODY[] {2}\\r\\nab)\\r\\n",
				"", "fetch: " + tooSlow},
		}},
		{"a slow message and kept alive", []pass{{found("1", "1") + strings.Repeat(
			"WAIT 50s\nS: * OK still here\n", 10) + "S< * 1 FETCH (UID 1 BODY[] {800000}\\r\\n\n" +
			strings.Repeat("WAIT 40s\nS< "+strings.Repeat("x", 40000)+"\n", 20) +
			"S: )\nS: T3 OK" + bye, "1=" + strings.Repeat("x", 800000), ""}}},
		{"slow to find the next message", []pass{{found("1 2 3", "1:3") + "WAIT 50s\n" +
			fetched(1, "ab") + strings.Repeat("WAIT 50s\nS: * OK\n", 6) + fetched(2, "cd") +
			strings.Repeat("WAIT 50s\nS: * OK\n", 6) + fetched(3, "ef") + "S: T3 OK" + bye,
			"1=ab 2=cd 3=ef", ""}}},
		{"kept alive for too long", []pass{{found("1", "1") +
			strings.Repeat("WAIT 50s\nS: * OK still here\n", 13) + "STALL", "", "fetch: " + tooSlow}}},
		{"dripping", []pass{{found("1", "1") + "DRIP 50s * 1 FETCH (UID 1 BODY[] " +
			"{9000000}xxxxxxxxxxxxxxxxxxxxxxxxxxx", "", "fetch: the server is too slow"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				r.Keep, r.MarkSeen, r.Compress = true, false, true
				expect(t, r, tt.passes...)
			})
		})
	}
}

// With retrieve-error markseen a message that can't be had is tried once, and the others are as ever; with
// continue it is tried again; with abort nothing more is.
func TestRetrieveError(t *testing.T) {
	t.Parallel()
	const gone = "sends no text of it"
	lost := found("1 2", "1:2") + fetched(2, "cd") + "S: T3 OK\n" +
		"C: T4 UID SEARCH UID 1\nS: * SEARCH 1\nS: T4 OK\n" +
		"C: T5 UID FETCH 1 (UID RFC822.SIZE BODY.PEEK[])\nS: T5 OK"
	again := asking(holds(2, "1"), "UID 1,10:\\*") + "C: ~^T3 UID FETCH 1 \n"
	never := asking(selected("", 10, ""), "UID 10:\\*") + bye

	for _, tt := range []struct {
		name   string
		word   fetch.RetrieveError
		passes []pass
	}{
		{"continue", fetch.Continue, []pass{
			{lost + bye, "2=cd", gone},
			{again + fetched(1, "ab") + "S: T3 OK" + bye, "1=ab", ""},
		}},
		{"markseen", fetch.MarkSeen, []pass{{lost + bye, "2=cd", gone}, {never, "", ""}}},
		{"abort", fetch.Abort, []pass{{lost + bye, "2=cd", gone}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				r.Keep, r.MarkSeen, r.RetrieveError = true, false, tt.word
				expect(t, r, tt.passes...)
			})
		})
	}
}

// A server may answer the second of two FETCH commands first.
func TestBatchesOutOfOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.Keep, r.MarkSeen = true, false
		var script, want strings.Builder
		script.WriteString(
			strings.Replace(esearchOf(300, "(TAG \"T2\") UID ALL 1:300"), "UIDNEXT 10", "UIDNEXT 301", 1))
		script.WriteString("C: ~^T3 UID FETCH 1:256 \nC: ~^T4 UID FETCH 257:300 \n")

		for uid := 300; uid > 256; uid-- {
			script.WriteString(fetched(uid, "b"))
		}
		script.WriteString("S: T4 OK\n")

		for uid := 1; uid <= 256; uid++ {
			script.WriteString(fetched(uid, "a"))
			fmt.Fprintf(&want, "%d=a ", uid)
		}

		script.WriteString("S: T3 OK" + bye)
		got, _, err := r.run(script.String())
		if err != nil || !strings.HasPrefix(got, want.String()) || strings.Count(got, "=") != 300 {
			t.Errorf("delivered %.200q, %v", got, err)
		}
	})
}

// The first batches are of a fixed size; those that follow have 384 KB, and more on a long way.
func TestWindow(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, wait, third string }{
		{"near", "", "513:608"},
		{"far", "WAIT 50ms\n", "513:1012"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				r.Keep, r.MarkSeen = true, false
				start := esearchOf(2000, "(TAG \"T2\") UID ALL 1:2000")
				start = strings.Replace(start, "UIDNEXT 10", "UIDNEXT 2001", 1)
				start = strings.Replace(start, "PREAUTH [CAPABILITY IMAP4rev1 ESEARCH] hello",
					"OK [CAPABILITY IMAP4rev1] hello\nC: ~^A1 LOGIN\n"+tt.wait+
						"S: A1 OK [CAPABILITY IMAP4rev1 ESEARCH] in", 1)

				var script strings.Builder
				script.WriteString(start + "C: ~^T3 UID FETCH 1:256 \nC: ~^T4 UID FETCH 257:512 \n")
				for uid := 1; uid <= 256; uid++ {
					script.WriteString(fetched(uid, strings.Repeat("x", 4<<10)))
				}

				// What came is delivered before: while much waits nothing is asked for.
				_, _, _ = r.run(script.String() + "WAIT 1s\nS: T3 OK\nC: ~^T5 UID FETCH " + tt.third + " ")
			})
		})
	}
}

func TestServerThatSendsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.Keep, r.MarkSeen = true, false
		var script strings.Builder
		script.WriteString(
			strings.Replace(esearchOf(200, "(TAG \"T2\") UID ALL 1:200"), "UIDNEXT 10", "UIDNEXT 201", 1))
		script.WriteString("C*\nS: T3 OK\nC*\nS: * ESEARCH (TAG \"T4\") UID ALL 1:200\nS: T4 OK\n")
		for i := range maxNotSent {
			fmt.Fprintf(&script, "C*\nS: T%d OK\n", i+5)
		}
		expect(t, r, pass{script.String(), "", "in a row"})
	})
}

func TestCancelledInABody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		p := r.play(found("1 2", "1:2")+fetched(1, "ab")+
			"S< * 2 FETCH (UID 2 BODY[] {99}\\r\\nabc\nSTALL", nil)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		res, err := fetch.Retrieve(ctx, r.Account)
		if !errors.Is(err, context.Canceled) || res.Delivered != 1 ||
			r.taker.take() != "1=ab" || time.Since(start) > 2*time.Second {
			t.Errorf("%+v, %v after %v", res, err, time.Since(start))
		}
		if err := p.Done(); err != nil {
			t.Error(err)
		}
	})
}

// A message that finds no room on this machine's disk keeps the others from nothing.
func TestRetrieveNoRoomForMessage(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Keep, r.MarkSeen = true, false
	r.SpoolDir = filepath.Join(t.TempDir(), "none")
	expect(t, r, pass{
		found("1 2", "1:2") + fetched(1, strings.Repeat("x", 2*delivery.SpoolMemory)) +
			fetched(2, "cd") + "S: T3 OK" + bye,
		"2=cd", "keep message 1 until it is delivered",
	})
}

// slow is a taker that needs a second for each message.
type slow struct{ *taker }

func (s slow) Deliver(ctx context.Context, m *delivery.Message) error {
	<-time.After(time.Second)
	return s.taker.Deliver(ctx, m)
}

// A COPY that is still unanswered when its mailbox is given up ends in that mailbox: what follows it names
// UIDs of there.
func TestCopyEndsInItsMailbox(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.MoveTo, r.Mailboxes, r.RetrieveError, r.Expunge = "Done", []string{"INBOX", "Other"}, fetch.Abort, 1
		r.Deliverer = slow{r.taker} // so that the COPY follows the batch's OK
		expect(t, r, pass{selected("UIDPLUS", 10, "1 2") + "C: ~^T3 UID FETCH 1:2 \n" + fetched(1, "ab") +
			"S: T3 OK\n" +
			"C: T4 UID SEARCH UID 2\nS: * SEARCH 2\nS: T4 OK\nC: ~^T5 UID FETCH 2 \n" +
			"C: T6 UID COPY 1 \"Done\"\nS: T5 OK\nWAIT 1s\nS: T6 OK\n" +
			"C: T7 UID STORE 1 +FLAGS.SILENT (\\Seen \\Deleted)\n" +
			"C: T8 UID EXPUNGE 1\nS: T7 OK\nS: * 1 EXPUNGE\nS: T8 OK\n" +
			"C: T9 SELECT \"Other\"\nC: ~^T10 UID SEARCH\nS: * OK [UIDVALIDITY 1] ok\n" +
			"S: * OK [UIDNEXT 10] ok\nS: T9 OK\nS: * SEARCH\nS: T10 OK" + bye,
			"1=ab", "sends no text of it"})
	})
}
