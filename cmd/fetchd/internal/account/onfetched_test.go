package account

import (
	"strings"
	"testing"

	"fetchd/fetch"
	"fetchd/rcfile"
)

// onfetched says in one word what its short forms say in several.
func TestOnFetched(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]fetch.Disposal{
		"":                             {MarkSeen: true},
		"onfetched seen":               {Keep: true, MarkSeen: true},
		"onfetched nothing":            {Keep: true},
		"onfetched delete":             {},
		"onfetched move Archive":       {MoveTo: "Archive"},
		"onfetched move \"a b\"":       {MoveTo: "a b"},
		"onfetched seen keepdays 4":    {Keep: true, MarkSeen: true, KeepDays: 4},
		"keep":                         {Keep: true, MarkSeen: true},
		"moveto Archive":               {MarkSeen: true, MoveTo: "Archive"},
		"onfetched seen limit 5":       {Keep: true, MarkSeen: true},
		"onfetched nothing no rewrite": {Keep: true},
	} {
		accounts, _, err := resolveText(t, "poll h proto imap user x is me here "+words+"\n")
		if err != nil || len(accounts) != 1 || accounts[0].Disposal != want {
			t.Errorf("%s: %+v, %v; want %+v", words, accounts, err, want)
		}
	}
	u := rcfile.User{OnFetched: []rcfile.Opt[string]{rcfile.Some("delete")}, Keep: rcfile.Some(true)}
	if d := disposal(&u); !d.Keep {
		t.Error("keep on the command line does not count")
	}
}

func TestOnFetchedRefuses(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]string{
		"proto imap user x onfetched sene":                          `onfetched "sene" is none`,
		"proto imap user x onfetched move":                          `onfetched "move" is none`,
		"proto imap user x onfetched move a b":                      `onfetched "move a b" is none`,
		"proto imap user x onfetched seen keep":                     "onfetched and keep both say",
		"proto imap user x onfetched seen no markseen":              "onfetched and markseen both say",
		"proto imap user x onfetched move a moveto b":               "onfetched and moveto both say",
		"proto imap user x moveto inbox":                            "again and again",
		"proto imap user x folder a b onfetched move b":             "again and again",
		"proto imap user x folder 'Entw&APw-rfe' moveto 'Entwürfe'": "again and again",
		"proto pop3 user x onfetched move a":                        "can't be moved with POP3",
		"proto pop3 user x moveto a":                                "can't be moved with POP3",
	} {
		_, _, err := resolveText(t, "poll h "+words+"\n")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", words, err, want)
		}
	}
}
