package account

import (
	"strings"
	"testing"
)

func TestExclude(t *testing.T) {
	t.Parallel()
	accounts, _, err := resolveText(t,
		`poll h proto imap user x is me here exclude "List-Id" "^<x\\.y>$" exclude Subject: "a, b"`+"\n")
	if err != nil || len(accounts) != 1 || len(accounts[0].Exclude) != 2 {
		t.Fatal(accounts, err)
	}
	for i, want := range []struct{ field, pattern string }{{"List-Id", `^<x\.y>$`}, {"Subject", "a, b"}} {
		if p := accounts[0].Exclude[i]; p.Field != want.field || p.Pattern.String() != want.pattern {
			t.Errorf("%q, %q", p.Field, p.Pattern)
		}
	}
}

func TestExcludeRefuses(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]string{
		`exclude Subject`:                              "has no regular expression",
		`exclude "a b" x`:                              "no name of a header field",
		`exclude "a)" x`:                               "no name of a header field",
		`exclude "a:b" x`:                              "no name of a header field",
		`exclude "A\r\nB" x`:                           "no name of a header field",
		`exclude Subject "(x"`:                         "missing closing )",
		`exclude Subject "(x)\\1"`:                     "RE2",
		`exclude Subject ` + strings.Repeat("x", 1001): "more than 1000",
		`exclude Subject x exclude From`:               "has no regular expression",
		`exclude Subject "x{1000}{1000}"`:              "RE2",
	} {
		_, _, err := resolveText(t, "poll h proto imap user x is me here "+words+"\n")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", words, err, want)
		}
	}
}
