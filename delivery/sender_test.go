package delivery

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSenderOf(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		name, header, want string
		found              bool
	}{
		{"none", "", "", false},
		{"no header", "\r\nFrom: a@b\r\n", "", false},
		{"from", "From: a@b\n\n", "a@b", true},
		{"no end", "From: a@b", "a@b", true},
		{"CRLF", "To: x\r\nFrom: a@b\r\n\r\n", "a@b", true},
		{"not in the body", "To: x\n\nFrom: a@b\n", "", false},
		{"order", "From: f@x\nReply-To: r@x\nSender: s@x\n" +
			"Resent-Sender: rs@x\nReturn-Path: <p@x>\n\n", "p@x", true},
		{"resent sender", "From: f@x\nSender: s@x\nResent-Sender: rs@x\n\n", "rs@x", true},
		{"sender", "From: f@x\nSender: s@x\n\n", "s@x", true},
		{"sender without host", "From: f@x\nSender: s\n\n", "f@x", true},
		{"sender by UUCP", "From: f@x\nSender: h!s\n\n", "h!s", true},
		{"resent from", "From: f@x\nResent-From: rf@x\n\n", "rf@x", true},
		{"reply-to", "Reply-To: r@x\nApparently-From: a@x\n\n", "r@x", true},
		{"apparently", "Apparently-From: a@x\n\n", "a@x", true},
		{"null sender", "From: f@x\nReturn-Path: <>\n\n", "", true},
		{"null sender with blanks", "Return-Path:   <>  \r\n\r\n", "", true},
		{"empty return path", "Return-Path: \nFrom: f@x\n\n", "f@x", true},
		{"null elsewhere", "Resent-From: <>\nFrom: f@x\n\n", "f@x", true},
		{"first of two", "From: a@x\nFrom: b@x\n\n", "a@x", true},
		{"list", "From: a@x, b@x\n\n", "a@x", true},
		{"local name", "From: ann\n\n", "ann", true},
		{"case of the name", "FROM: a@x\n\n", "a@x", true},
		{"blank before the colon", "From : a@x\n\n", "a@x", true},
		{"angle", "From: Ann <a@x>\n\n", "a@x", true},
		{"angle without end", "From: Ann <a@x\n\n", "a@x", true},
		{"quoted name", "From: \"Smith, Ann <z@z>\" <a@x>\n\n", "a@x", true},
		{"quoted quote", `From: "a\"<z@z>" <a@x>` + "\n\n", "a@x", true},
		{"open quote", "From: \"Ann <a@x>\n\n", "", false},
		{"comment", "From: (Ann (the \\) one)) a@x (<z@z>)\n\n", "a@x", true},
		{"comment after", "From: a@x (Ann)\n\n", "a@x", true},
		{"open comment", "From: a@x (Ann\n\n", "a@x", true},
		{"name after the address", "From: a@x Ann Smith\n\n", "a@x", true},
		{"address as a name", "From: z@z via list <a@x>\n\n", "a@x", true},
		{"blanks around", "From: a @ x . org\n\n", "a@x.org", true},
		{"folded", "From: Ann\n Smith\n\t<a@x>\n\n", "a@x", true},
		{"folded name", "From:\n a@x\n\n", "a@x", true},
		{"folded in the address", "From: <a@\n x>\n\n", "a@x", true},
		{"group", "From: friends: a@x, b@x;\n\n", "a@x", true},
		{"empty group", "From: undisclosed-recipients:;\nReply-To: r@x\n\n", "r@x", true},
		{"source route", "Return-Path: <@h,@i:a@x>\n\n", "a@x", true},
		{"8-bit name", "From: J\xfcrgen <a@x>\n\n", "a@x", true},
		{"UTF-8 address", "From: <jürgen@x>\n\n", "jürgen@x", true},
		{"bad bytes in the address", "From: <j\xfcrgen@x>\nReply-To: r@x\n\n", "r@x", true},
		{"NUL", "From: <a\x00@x>\nReply-To: r@x\n\n", "r@x", true},
		{"lone CR", "From: <a@x\rDATA>\nReply-To: r@x\n\n", "a@xDATA", true},
		{"U+0085", "From: <a\u0085@x>\nReply-To: r@x\n\n", "r@x", true},
		{"a blank in quotes", "Return-Path: <\"a b\"@x>\nFrom: z@z\n\n", `"a b"@x`, true},
		{"a name in quotes alone", "From: \"A B\"\n\n", "", false},
		{"a tab in quotes", "Return-Path: <\"a\tb\"@x>\nFrom: z@z\n\n", "z@z", true},
		{"quoted local part", "From: <\"a.\"@x>\n\n", "\"a.\"@x", true},
		{"too long", "From: " + strings.Repeat("a", addressLimit) + "@x\nReply-To: r@x\n\n", "r@x", true},
		{"mbox line first", "From bob@z Mon Jan  1\nFrom: a@x\n\n", "a@x", true},
		{"line without a colon", "hello\nFrom: a@x\n\n", "a@x", true},
		{"beyond the limit", "X: " + strings.Repeat("x", HeaderLimit) + "\nFrom: a@x\n\n", "", false},
		{"continuation first", " folded\nFrom: a@x\n\n", "a@x", true},
		{"nested brackets", "From: <<a@x>>\nReply-To: r@x\n\n", "r@x", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got, found := SenderOf([]byte(tt.header)); got != tt.want || found != tt.found {
				t.Errorf("got %q, %v; want %q, %v", got, found, tt.want, tt.found)
			}
		})
	}
}

func FuzzSenderOf(f *testing.F) {
	for _, seed := range []string{
		"From: Ann <a@x>\r\n\r\n", "Return-Path: <>\n\n", "Sender: (c(\\)) \"q\\\" <@h:a@b>\n",
		"From: a @ b . c d\n\n", ":\n: :\n\n", "From: \xff<\xc3\xbc@\u2028x>\n",
	} {
		f.Add([]byte(seed))
	}

	f.Fuzz(func(t *testing.T, header []byte) {
		sender, found := SenderOf(header)
		if len(sender) > addressLimit || !utf8.ValidString(sender) || breaksAddress(sender) {
			t.Errorf("unsafe sender %q", sender)
		}
		if sender == "" && found && !strings.Contains(strings.ToLower(string(header)), "return-path") {
			t.Error("a null sender out of nothing")
		}

		// What we write on top of a delivered message is what we read back.
		again, ok := SenderOf(append(returnPath(sender), header...))
		if found && !strings.ContainsAny(sender, "\"(),:;\\") &&
			(!ok || again != sender) {
			t.Errorf("%q came back as %q", sender, again)
		}

		head := headerOf(header)
		start, end := fieldSpan(head, "Return-Path")
		if start < 0 || end < start || end > len(head) {
			t.Errorf("span %d:%d of %d", start, end, len(head))
		}
	})
}

func TestHeader(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct{ name, body, want string }{
		{"empty", "", ""},
		{"plain", "A: 1\n\nx", "A: 1\n\n"},
		{"CRLF", "A: 1\r\n\r\nx", "A: 1\r\n\r\n"},
		{"no header", "\nx", "\n"},
		{"no header, CRLF", "\r\nx", "\r\n"},
		{"no body", "A: 1\n", "A: 1\n"},
		{"no line end", "A: 1", "A: 1"},
		{"a blank is no end", "A: 1\n \n\nx", "A: 1\n \n\n"},
		{"too long", strings.Repeat("A: 1\n", HeaderLimit),
			strings.Repeat("A: 1\n", HeaderLimit)[:HeaderLimit]},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			for _, memory := range []int{0, -1} {
				s := fill(t, SpoolOptions{KeepCR: true, Dir: t.TempDir(), Memory: memory},
					[]byte(tt.body), 4096)
				if got := string(s.Header()); got != tt.want {
					t.Errorf("got %.80q (%d bytes)", got, len(got))
				}
			}
		})
	}
}
