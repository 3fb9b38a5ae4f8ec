package imap

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"fetchd/fetch"
	"fetchd/fetch/wire"
)

// Wherever a server repeats the password in what it says: no error, no trace and no log shows it.
func TestPasswordRepeatedByServer(t *testing.T) {
	t.Parallel()
	const (
		plain  = "AGFubgBzZXNhbWU=" // NUL ann NUL sesame
		login  = "S: * OK [CAPABILITY IMAP4rev1 IDLE] hi\nC: A1 LOGIN \"ann\" \"sesame\"\n"
		in     = login + "S: A1 OK [CAPABILITY IMAP4rev1 IDLE] in\n"
		opened = in + "C*\nC*\nS: * 1 EXISTS\n" +
			"S: * OK [UIDVALIDITY 1] ok\nS: * OK [UIDNEXT 4] ok\nS: T1 OK done\n"
	)

	tests := []struct {
		name, script string
		said         string // in the error or the log
	}{
		{"refusal", login + `S: A1 NO bad "sesame" for ann`, "***"},
		{"LOGIN's line", login + `S: A1 NO unknown command: A1 LOGIN "ann" "sesame"`, "***"},
		{"PLAIN", strings.ReplaceAll(login, "LOGIN \"ann\" \"sesame\"",
			"AUTHENTICATE PLAIN\nS: +\nC: "+plain) + "S: A1 NO what is " + plain, ""},
		{"upper case", login + "S: A1 NO no such user: ANN SESAME", "***"},
		{"BYE", login + "S: * BYE sesame, sesame", "***, ***"},
		{"no answer", login + "S: sesame", "***"},
		{"cut", login + "S: A1 NO " + strings.Repeat("x", 195) + "sesame", "x***"},
		{"alert", login + "S: * OK [ALERT] sesame is weak\nS: A1 NO no", "*** is weak"},
		{"challenge", strings.ReplaceAll(login, "LOGIN \"ann\" \"sesame\"",
			"AUTHENTICATE LOGIN\nS: + !sesame!\nC: *") + "S: A1 NO no", ""},
		{"capability", in + "C*\nC*\nS: T1 NO [SESAME] no such sesame\n" +
			"S: T2 NO no\nC: ~LOGOUT$", "[***] \"no such ***\""},
		{"list", in + "C: T1 LIST \"\" \"*\"\nS: * LIST () \"/\" sesame\n" +
			"S: T1 OK done\nC*\nC*\nS: T2 NO no\nS: T3 NO no\nC: ~LOGOUT$", "select \"***\""},
		{"undecodable name", in + "C: T1 LIST \"\" \"*\"\n" +
			"S: * LIST () \"/\" &sesame\x07\nS: T1 OK done\nC: ~LOGOUT$", "&***"},
		{"no response", opened + "S: sesame sesame", "*** ***"},
		{"stranger's tag", opened + "S: T7 OK sesame", "***"},
		{"BYE later", opened + "S: * BYE sesame", "***"},
		{"malformed literal", opened + "S: * 1 FETCH (UID 1 X {sesame}", "***"},
		{"unparsable", opened + "S: * SEARCH sesame", ""},
		{"search", opened + "S: T2 NO sesame\nC: ~^T3 FETCH\nS: T3 NO no\nC: ~LOGOUT$", "***"},
		{"message", opened + "S: * SEARCH 1\nS: T2 OK\nC*\nS: T3 NO sesame\n" +
			"C*\nS: * SEARCH 1\nS: T4 OK\nC*\nS: T5 NO sesame\nC: ~LOGOUT$", "***"},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				if strings.Contains(tt.script, " LIST ") {
					r.Patterns = []string{"*"}
				}
				if strings.Contains(tt.script, "AUTHENTICATE") {
					word := "PLAIN"
					if strings.Contains(tt.script, "AUTHENTICATE LOGIN") {
						word = "LOGIN"
					}
					tt.script = strings.Replace(tt.script, "IDLE] hi", "LOGINDISABLED AUTH="+word+"] hi", 1)
				}

				shown := echoed(r, tt.script)
				if r.secretless(shown); strings.Contains(strings.ToLower(shown), "sesame") ||
					!strings.Contains(shown, tt.said) {
					t.Errorf("%s", shown)
				}
			})
		})
	}
}

// echoed plays a script and returns all that a user may see of it: error, trace and log.
func echoed(r *rig, script string) string {
	r.t.Helper()
	var log bytes.Buffer
	r.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	p := r.play(script, nil)
	_, err := fetch.Retrieve(r.t.Context(), r.Account)
	if perr := p.Done(); perr != nil {
		r.t.Errorf("dialogue %v", perr)
	}
	return fmt.Sprint(err, "\n", r.traced(), "\n", log.String())
}

// A server that knows the password repeats it before we send it again.
func TestPasswordRepeatedAtTheNextConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.Hidden = new(wire.Concealer)
		first := echoed(r, "S: * OK [CAPABILITY IMAP4rev1] hi\nC: A1 LOGIN \"ann\" \"sesame\"\nS: A1 NO no")
		for _, greeting := range []string{"* BYE sesame", "sesame", "* OK [ALERT] sesame\nSTALL"} {
			second := echoed(r, "S: "+greeting)
			r.secretless(first + second)
		}
	})
}
