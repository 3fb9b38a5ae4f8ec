package imap

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"fetchd/fetch"
)

// left begins a session with a message that the session before has delivered and not deleted, in a mailbox of
// which all is known or not.
func left(caps string, known bool, uid int, text string) string {
	script, tag := existsLine.ReplaceAllString(selected(caps, 10, ""), "S: * 1 EXISTS"), 3
	if !known {
		script += step(tag, "UID SEARCH ALL", names(strconv.Itoa(uid)))
		tag++
	}
	looks := fmt.Sprintf("RFC822.SIZE %d BODY[HEADER]", len(text))
	return script + step(tag, fmt.Sprintf(`UID FETCH %d \(UID RFC822.SIZE BODY.PEEK\[HEADER\]\)`, uid),
		strings.Replace(fetched(uid, text), "BODY[]", looks, 1))
}

func TestAcknowledge(t *testing.T) {
	t.Parallel()
	one := func(caps string) string {
		return selected(caps, 10, "1") + "C: ~^T3 UID FETCH 1 \n" + fetched(1, "ab") + "S: T3 OK\n"
	}
	const store = "UID STORE 1 +FLAGS.SILENT (\\Seen \\Deleted)\n"
	move := func(a *fetch.Account) { a.MoveTo = "Done" }
	tests := []struct {
		name   string
		setup  func(*fetch.Account)
		passes []pass
	}{
		{"UID EXPUNGE", nil, []pass{{one("UIDPLUS") + "C: T4 " + store + "C: T5 UID EXPUNGE 1\n" +
			"S: T4 OK\nS: * 1 EXPUNGE\nS: T5 OK" + bye, "1=ab", ""}, nothing}},
		{"many EXPUNGE before STORE is answered", nil, []pass{{one("UIDPLUS") + "C: T4 " + store +
			"C: T5 UID EXPUNGE 1\nS*300 * 1 EXPUNGE\\r\\n\nS: T4 OK\nS: T5 OK" + bye, "1=ab", ""}}},
		{"UID EXPUNGE that does nothing", nil, []pass{
			{one("UIDPLUS") + "C: T4 " + store + "C: T5 UID EXPUNGE 1\nS: T4 OK\n" +
				"S: T5 OK\nC: T6 UID SEARCH UID 1\nS: * SEARCH 1\nS: T6 OK\n" +
				"C: T7 UID EXPUNGE 1\nS: * 1 EXPUNGE\nS: T7 OK\nC: T8 UID SEARCH UID 1\n" +
				"S: * SEARCH\nS: T8 OK" + bye, "1=ab", ""}, nothing}},
		{"UID EXPUNGE that never does anything", nil, []pass{
			{one("UIDPLUS") + "C: T4 " + store + "C: T5 UID EXPUNGE 1\nS: T4 OK\n" +
				"S: T5 OK\nC: T6 UID SEARCH UID 1\nS: * SEARCH 1\nS: T6 OK\n" +
				"C: T7 UID EXPUNGE 1\nS: T7 OK\nC: T8 UID SEARCH UID 1\n" +
				"S: * SEARCH 1\nS: T8 OK" + bye, "1=ab", ""},
			{left("UIDPLUS", true, 1, "ab") + "C: T4 " + store +
				"C: T5 UID EXPUNGE 1\nS: T4 OK\nS: * 1 EXPUNGE\nS: T5 OK" + bye, "", ""}, nothing}},
		{"gone already", nil,
			[]pass{{one("UIDPLUS") + "C: T4 " + store + "C: T5 UID EXPUNGE 1\nS: T4 OK\nS: T5 OK\n" +
				"C: T6 UID SEARCH UID 1\nS: * SEARCH\nS: T6 OK" + bye, "1=ab", ""}, nothing}},
		{"bare EXPUNGE of ours", nil,
			[]pass{{one("") + "C: T4 " + store + "S: T4 OK\nC: T5 UID SEARCH DELETED\n" +
				"S: * SEARCH 1\nS: T5 OK\nC: T6 EXPUNGE\nS: * 1 EXPUNGE\nS: T6 OK" + bye,
				"1=ab", ""}, nothing}},
		{"no bare EXPUNGE of others'", nil, []pass{
			{one("") + "C: T4 " + store + "S: T4 OK\nC: T5 UID SEARCH DELETED\n" +
				"S: * SEARCH 1 5\nS: T5 OK" + bye, "1=ab", ""},
			{left("", true, 1, "ab") + "C: T4 " + store +
				"S: T4 OK\nC: T5 UID SEARCH DELETED\nS: * SEARCH 1\nS: T5 OK\nC: T6 EXPUNGE\n" +
				"S: * 1 EXPUNGE\nS: T6 OK" + bye, "", ""}, nothing}},
		{"STORE NO", nil, []pass{
			{one("UIDPLUS") + "C: T4 " + store + "C: T5 UID EXPUNGE 1\n" +
				"S: T4 NO read-only\nS: T5 OK" + bye, "1=ab", "read-only"},
			{left("UIDPLUS", false, 1, "ab") + "C: T5 " + store +
				"C: T6 UID EXPUNGE 1\nS: T5 OK\nS: * 1 EXPUNGE\nS: T6 OK" + bye, "", ""}, nothing}},
		{"EXPUNGE NO", nil, []pass{
			{one("UIDPLUS") + "C: T4 " + store + "C: T5 UID EXPUNGE 1\n" +
				"S: T4 OK\nS: T5 NO not now" + bye, "1=ab", "not now"},
			{left("UIDPLUS", false, 1, "ab") + "C: T5 " + store +
				"C: T6 UID EXPUNGE 1\nS: T5 OK\nS: * 1 EXPUNGE\nS: T6 OK" + bye, "", ""}}},
		{"bare EXPUNGE NO", nil, []pass{
			{one("") + "C: T4 " + store + "S: T4 OK\nC: T5 UID SEARCH DELETED\n" +
				"S: * SEARCH 1\nS: T5 OK\nC: T6 EXPUNGE\nS: T6 NO not now" + bye, "1=ab", "not now"},
			{left("", false, 1, "ab") + "C: T5 " + store +
				"S: T5 OK\nC: T6 UID SEARCH DELETED\nS: * SEARCH 1\nS: T6 OK\nC: T7 EXPUNGE\n" +
				"S: * 1 EXPUNGE\nS: T7 OK" + bye, "", ""}, nothing}},
		{"bare EXPUNGE that does nothing", nil, []pass{
			{one("") + "C: T4 " + store + "S: T4 OK\nC: T5 UID SEARCH DELETED\n" +
				"S: * SEARCH 1\nS: T5 OK\nC: T6 EXPUNGE\nS: T6 OK\n" +
				"C: T7 UID SEARCH UID 1\nS: * SEARCH 1\nS: T7 OK" + bye, "1=ab", ""},
			{left("", true, 1, "ab") + "C: T4 " + store +
				"S: T4 OK\nC: T5 UID SEARCH DELETED\nS: * SEARCH 1\nS: T5 OK\nC: T6 EXPUNGE\n" +
				"S: * 1 EXPUNGE\nS: T6 OK" + bye, "", ""}, nothing}},
		{"fetch answered twice", nil, []pass{{strings.TrimSuffix(one("UIDPLUS"), "S: T3 OK\n") +
			"S< T3 OK\\r\\nT3 OK twice\\r\\n\nSTALL", "1=ab", "answer to no command under way"}}},
		{"one STORE of two NO", func(a *fetch.Account) { a.Expunge = 1 }, []pass{
			{selected("", 10, "1 2") + "C: ~^T3 UID FETCH 1:2 \n" +
				fetched(1, "ab") + fetched(2, "cd") + "S: T3 OK\nC: T4 " + store +
				"C: ~^T5 UID STORE 2 \nS: T4 OK\nS: T5 NO not now\n" +
				"C: T6 UID SEARCH DELETED\nS: * SEARCH 1\nS: T6 OK\n" +
				"C: T7 EXPUNGE\nS: * 1 EXPUNGE\nS: T7 OK" + bye, "1=ab 2=cd", "not now"},
			{left("", false, 2, "cd") +
				"C: ~^T5 UID STORE 2 \nS: T5 OK\nC: T6 UID SEARCH DELETED\nS: * SEARCH 2\nS: T6 OK\n" +
				"C: T7 EXPUNGE\nS: * 1 EXPUNGE\nS: T7 OK" + bye,
				"", ""}, nothing}},
		{"killed before the acknowledgement", nil, []pass{
			{one("UIDPLUS") + "C: T4 " + store + "CLOSE", "1=ab", "delete what was"},
			{left("UIDPLUS", false, 1, "ab") + "C: T5 " + store +
				"C: T6 UID EXPUNGE 1\nS: T5 OK\nS: * 1 EXPUNGE\nS: T6 OK" + bye, "", ""}, nothing}},
		{"never answered", nil, []pass{{one("UIDPLUS") + "C: T4 " + store + "STALL", "1=ab", "no answer"}}},
		{"MOVE", move, []pass{{one("MOVE") + "C: T4 UID MOVE 1 \"Done\"\n" +
			"S: * OK [COPYUID 2 1 1] x\nS: T4 OK" + bye, "1=ab", ""}, nothing}},
		{"MOVE NO", move, []pass{{one("MOVE") + "C: T4 UID MOVE 1 \"Done\"\n" +
			"S: T4 NO [TRYCREATE] none" + bye, "1=ab", "TRYCREATE"},
			{left("MOVE", false, 1, "ab") + "C: T5 UID MOVE 1 \"Done\"\nS: T5 OK" + bye, "", ""}, nothing}},
		{"COPY", move, []pass{{one("UIDPLUS") + "C: T4 UID COPY 1 \"Done\"\nS: T4 OK [COPYUID x] y\nC: T5 " +
			store + "C: T6 UID EXPUNGE 1\nS: T5 OK\nS: * 1 EXPUNGE\nS: T6 OK" + bye, "1=ab", ""}}},
		{"COPY NO", move,
			[]pass{{one("UIDPLUS") + "C: T4 UID COPY 1 \"Done\"\nS: T4 NO full" + bye, "1=ab", "full"}}},
		{"keep", func(a *fetch.Account) { a.Keep = true }, []pass{
			{one("") + "C: T4 UID STORE 1 +FLAGS.SILENT (\\Seen)\nS: T4 OK" + bye, "1=ab", ""}, nothing,
		}},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				if tt.setup != nil {
					tt.setup(r.Account)
				}
				expect(t, r, tt.passes...)
			})
		})
	}
}
