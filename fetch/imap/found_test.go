package imap

import (
	"strings"
	"testing"
	"testing/synctest"
)

// withoutReturn is a pass whose first search has an answer of no use, and is sent again.
func withoutReturn(answer string) pass {
	return pass{esearchOf(1, answer) + step(3, `UID SEARCH RETURN \(ALL\) UNSEEN$`,
		"S: * ESEARCH "+strings.Replace(answer, "T2", "T3", 1)+"\n") +
		step(4, "UID SEARCH UNSEEN$", names("1")) + step(5, "UID FETCH 1 ", fetched(1, "ab")) + bye,
		"1=ab", ""}
}

// What a search has found is understood in many forms. Where it is not, other commands take its place.
func TestFound(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		passes []pass
	}{
		{"a count alone", []pass{withoutReturn(`(TAG "T2") UID COUNT 2`)}},
		{"not said to be UIDs", []pass{withoutReturn(`(TAG "T2") ALL 1:2`)}},
		{"up to *", []pass{withoutReturn(`(TAG "T2") UID ALL 1:*`)}},
		{"no set", []pass{
			{esearch(`(TAG "T2") UID ALL`) + bye, "", ""},
			{esearch(`(tag "T2") uid all nil`) + bye, "", ""},
			{esearch(`(TAG "T2") UID COUNT 0 ALL "" MODSEQ 5`) + bye, "", ""}}},
		{"no tag", []pass{
			{esearchOf(2, "UID ALL 1:2") + step(3, "UID FETCH 1:2 ", fetched(1, "ab")+fetched(2, "cd")) + bye,
				"1=ab 2=cd", ""},
			{strings.TrimSpace(esearchOf(2, "UID")) + bye, "", ""}}},
		{"no tag, and nothing else", []pass{{strings.Replace(esearch(""), "* ESEARCH ", "* ESEARCH", 1) + bye,
			"", ""}}},
		{"words that are no UIDs", []pass{{holds(2, "nil") + "C: T3 FETCH 1:* (UID FLAGS)\n" +
			"S: * 1 FETCH (UID 1 FLAGS (\\Seen))\nS: * 2 FETCH (FLAGS NIL UID 2)\nS: T3 OK\n" +
			step(4, "UID FETCH 2 ", fetched(2, "cd")) + bye, "2=cd", ""}}},
		{"0", []pass{{holds(0, "0") + bye, "", ""}}},
		{"MODSEQ behind them", []pass{{holds(2, "2 1 (MODSEQ 5)") +
			step(3, "UID FETCH 1:2 ", fetched(1, "ab")+fetched(2, "cd")) + bye, "1=ab 2=cd", ""}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				r.Keep, r.MarkSeen = true, false

				expect(t, r, tt.passes...)
			})
		})
	}
}
