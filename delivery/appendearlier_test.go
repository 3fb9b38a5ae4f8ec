package delivery_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"fetchd/delivery"
	"fetchd/delivery/deliverytest"
)

// TestAppendLooks: a message that may have arrived is sent again only if the folder is known not to have it.
// Servers tell sizes that are estimates, and not all say that a folder is missing in the words of a standard.
func TestAppendLooks(t *testing.T) {
	t.Parallel()
	const (
		examined = "C: A1 EXAMINE \"INBOX\"\nS: * 1 EXISTS\nS: A1 OK\nC: A2 FETCH 1:1 (UID RFC822.SIZE)\n"
		headers  = "C: A3 UID FETCH 7 (UID INTERNALDATE BODY.PEEK[HEADER]<0.16384>)\n"
		near     = "C: ~^A4 UID FETCH 7 \\(UID BODY.PEEK\\[\\]<3\\d\\d\\d.1>\\)$\n"
		refused  = "C: A1 EXAMINE \"INBOX\"\nS: A1 NO not now\nC: A2 LIST \"\" \"INBOX\"\n"
	)
	size := func(n int) string {
		return examined + fmt.Sprintf("S: * 1 FETCH (UID 7 RFC822.SIZE %d)\nS: A2 OK\n", n)
	}
	closed := func(n int) string { return fmt.Sprintf("C: A%d CLOSE\nS: A%d OK\n", n, n) }
	sent := func(n int) string {
		return fmt.Sprintf("C: ~^A%d APPEND \"INBOX\" \\{\\d+\\}$\nS: A%d NO [TOOBIG] it was sent\n", n, n)
	}

	for _, tt := range []struct{ name, dialogue, says string }{
		{"there", size(5100) + headers + "S< %HEADER%\nS: A3 OK\n" + closed(4), ""},
		{"there, by an estimate that is too large", size(9000) + headers + "S< %HEADER%\nS: A3 OK\n" +
			closed(4), ""},
		{"there, by an estimate that is too small", size(900) + headers + "S< %HEADER%\nS: A3 OK\n" +
			near + "S: * 1 FETCH (UID 7 BODY[]<3879> {1}\nS: x)\nS: A4 OK\n" + closed(5), ""},
		{"only its beginning", size(900) + headers + "S< %HEADER%\nS: A3 OK\n" +
			near + "S: * 1 FETCH (UID 7 BODY[]<3879> \"\")\nS: A4 OK\n" + closed(5) + sent(6), "it was sent"},
		{"another message", size(5100) + headers +
			"S< * 1 FETCH (UID 7 BODY[HEADER]<0> {6}\\r\\nX: y\\r\\n)\\r\\n\nS: A3 OK\n" +
			closed(4) + sent(5), "it was sent"},

		{"the folder can't be opened", refused + "S: * LIST () \"/\" INBOX\nS: A2 OK\n", "not now"},
		{"the folder is not there", refused + "S: A2 OK\n" + sent(3), "it was sent"},
		{"nobody knows whether the folder is there", refused + "S: A2 NO busy\n", "not now"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := deliverytest.NewMessage(t, "1", []byte("Subject: x\n\n"+strings.Repeat("0123456789\n", 400)))
			m.Repeat = true
			header := "Received: from mail.example.org\r\n\tid " + delivery.KeyOf(m) + ";\r\n"
			answer := fmt.Sprintf(`* 1 FETCH (UID 7 BODY[HEADER]<0> {%d}\r\n%s)\r\n`, len(header),
				strings.NewReplacer("\r", `\r`, "\n", `\n`, "\t", `\t`).Replace(header))
			d := appendTo(t, loggedIn("")+strings.ReplaceAll(tt.dialogue, "%HEADER%", answer)+logout, nil)
			err := d.Deliver(t.Context(), m)
			_ = d.Close()
			if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want %q", err, tt.says)
			}
		})
	}
}

// TestAppendAfterADoubt: a server may have ended the connection over several messages in one command, so each
// has one of its own then.
func TestAppendAfterADoubt(t *testing.T) {
	t.Parallel()
	dialogue := loggedIn("LITERAL+ MULTIAPPEND") + "C: A1 EXAMINE \"INBOX\"\nS: * 0 EXISTS\nS: A1 OK\n" +
		"C: A2 CLOSE\nS: A2 OK\n"
	for n := 3; n <= 5; n++ {
		dialogue += strings.Replace(appended, "A1", fmt.Sprint("A", n), 1) + fmt.Sprintf("S: A%d OK\n", n)
	}
	d := appendTo(t, dialogue+logout, nil)
	ms := newMails(t, "1", "2", "3")
	for _, m := range ms {
		m.Repeat = true
	}
	if err := errors.Join(d.DeliverGroup(t.Context(), ms)...); err != nil {
		t.Error(err)
	}
	_ = d.Close()
}

// TestAppendWithoutKeywords: a message that is refused with its keywords goes without them, if that may be
// why.
func TestAppendWithoutKeywords(t *testing.T) {
	t.Parallel()
	with := strings.Replace(appended, `"INBOX"`, `"INBOX" (\Flagged Work)`, 1)
	again := strings.Replace(appended, `A1 APPEND "INBOX"`, `A2 APPEND "INBOX" (\Flagged)`, 1)

	for _, tt := range []struct{ name, dialogue, says string }{
		{"taken", with + "S: A1 OK\n", ""},
		{"no more of them", with + "S: A1 NO [LIMIT] 128\n" + again + "S: A2 OK\n", ""},
		{"refused in any case", with + "S: A1 NO [CANNOT] x\n" + again + "S: A2 NO [CANNOT] y\n", "y"},
		{"for another reason", with + "S: A1 NO [OVERQUOTA] x\n", "x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := appendTo(t, loggedIn("LITERAL+")+tt.dialogue+logout,
				func(o *delivery.AppendOptions) { o.Keywords = true })
			m := newMail(t, "1")
			m.Flags = []string{`\Flagged`, "Work"}
			err := d.Deliver(t.Context(), m)
			_ = d.Close()
			if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want %q", err, tt.says)
			}
		})
	}
}
