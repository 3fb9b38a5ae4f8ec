package delivery_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"fetchd/delivery"
)

// spooled returns a complete spool that holds text byte by byte.
func spooled(t testing.TB, text string) *delivery.Spool {
	t.Helper()
	s := delivery.NewSpool(delivery.SpoolOptions{KeepCR: true})
	t.Cleanup(s.Release)
	if _, err := io.WriteString(s, text); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return s
}

// edited returns what rules make of text.
func edited(t testing.TB, rules delivery.HeaderRules, text string) string {
	t.Helper()
	e := rules.Edit(spooled(t, text))
	if e == nil {
		return text
	}
	if got := string(e.Head) + text[e.Skip:]; got != text {
		return got
	}
	t.Errorf("an edit that changes nothing: %.200q", text)
	return text
}

func TestDropFields(t *testing.T) {
	t.Parallel()
	status, delivered := delivery.HeaderRules{DropStatus: true}, delivery.HeaderRules{DropDelivered: true}
	both := delivery.HeaderRules{DropStatus: true, DropDelivered: true}

	for _, tt := range []struct {
		name       string
		rules      delivery.HeaderRules
		text, want string
	}{
		{"nothing asked", delivery.HeaderRules{},
			"Status: RO\nDelivered-To: x\n\nb", "Status: RO\nDelivered-To: x\n\nb"},
		{"nothing there", both, "Subject: x\n\nStatus: RO\n", "Subject: x\n\nStatus: RO\n"},
		{"status", status, "A: 1\nSTATUS: RO\nX-Mozilla-Status : 1\nX-Status: A\n" +
			"Delivered-To: x\n\nStatus: b", "A: 1\nX-Status: A\nDelivered-To: x\n\nStatus: b"},
		{"every one, with its folds", both,
			"Delivered-To: x\n\ty\nA: 1\nDelivered-To: z\nStatus:\n\n", "A: 1\n\n"},
		{"CRLF", delivered, "Delivered-To: x\r\n y\r\nA: 1\r\n\r\nb\r\n", "A: 1\r\n\r\nb\r\n"},
		{"only those", both, "Status: O\nDelivered-To: x\n\nb", "\nb"},
		{"no body", both, "Status: O\nA: 1\n", "A: 1\n"},
		{"no line end", both, "A: 1\nStatus: O", "A: 1\n"},
		{"no header", both, "\nStatus: O\n", "\nStatus: O\n"},
		{"no field", both, "Status RO\n Status: x\n\n", "Status RO\n Status: x\n\n"},
		{"empty", both, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := edited(t, tt.rules, tt.text); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRewrite(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"bare", "To: joe\n", "To: joe@h\n"},
		{"each field", "From: a\nTO: b\nCc: c\nBCC: d\nReply-To: e\n",
			"From: a@h\nTO: b@h\nCc: c@h\nBCC: d@h\nReply-To: e@h\n"},
		{"no other field", "Sender: a\nSubject: b\nResent-To: c\n", "Sender: a\nSubject: b\nResent-To: c\n"},
		{"complete", "To: joe@x.org, <ann@y.org>\n", "To: joe@x.org, <ann@y.org>\n"},
		{"list", "To: joe, ann@x, bob , eve\n", "To: joe@h, ann@x, bob@h , eve@h\n"},
		{"angle", "To: Joe User <joe>, <ann>\n", "To: Joe User <joe@h>, <ann@h>\n"},
		{"quoted name", "To: \"User, Joe <x>\" <joe>\n", "To: \"User, Joe <x>\" <joe@h>\n"},
		{"quoted local part", "To: \"joe user\", <\"a b\">, \"a\".b\n",
			"To: \"joe user\"@h, <\"a b\"@h>, \"a\".b\n"},
		{"comment", "To: joe (Joe, at home (now)), (x) ann(y)\n",
			"To: joe@h (Joe, at home (now)), (x) ann@h(y)\n"},
		{"comment in angle", "To: Joe < joe (x) >\n", "To: Joe < joe@h (x) >\n"},
		{"fold", "To: joe,\n\tann\n  (x),\r\n bob\n", "To: joe@h,\n\tann@h\n  (x),\r\n bob@h\n"},
		{"group", "To: friends: joe, Ann <ann>;, bob\n", "To: friends: joe@h, Ann <ann@h>;, bob@h\n"},
		{"empty group", "To: undisclosed-recipients:;\n", "To: undisclosed-recipients:;\n"},
		{"open group", "To: mailto:joe\n", "To: mailto:joe\n"},
		{"no group", "To: joe; ann\n", "To: joe; ann\n"},
		{"encoded word", "To: =?utf-8?q?J=C3=B6?= <joe>, =?utf-8?q?x?=\n",
			"To: =?utf-8?q?J=C3=B6?= <joe@h>, =?utf-8?q?x?=\n"},
		{"8-bit name", "To: J\xf6rg <joe>, J\xf6rg\n", "To: J\xf6rg <joe@h>, J\xf6rg\n"},
		{"empty list", "To: , ,\nCc:\nBcc: <>\n", "To: , ,\nCc:\nBcc: <>\n"},
		{"two words", "To: Joe User, ann\n", "To: Joe User, ann@h\n"},
		{"words in angle", "To: <joe user>\n", "To: <joe user>\n"},
		{"host apart", "To: joe @ x.org, ann@ (c) y\n", "To: joe @ x.org, ann@ (c) y\n"},
		{"UUCP", "To: a!b!joe\n", "To: a!b!joe\n"},
		{"dots", "To: joe.user, ., .joe\n", "To: joe.user@h, ., .joe\n"},
		{"source route", "To: <@a,@b:joe@c>, <@a:joe>\n", "To: <@a,@b:joe@c>, <@a:joe>\n"},
		{"literal", "To: joe@[IPv6:::1], ann\n", "To: joe@[IPv6:::1], ann@h\n"},
		{"two angles", "To: <joe> <ann>\n", "To: <joe> <ann>\n"},
		{"text behind", "To: <joe> x, ann\n", "To: <joe> x, ann@h\n"},
		{"open comment", "To: joe (x\n", "To: joe (x\n"},
		{"open quote", "To: \"joe, ann\n", "To: \"joe, ann\n"},
		{"open angle", "To: joe, <ann\n", "To: joe, <ann\n"},
		{"open literal", "To: joe, ann@[x\n", "To: joe, ann@[x\n"},
		{"control", "To: jo\x00e, ann\n", "To: jo\x00e, ann@h\n"},
		{"no line end", "To: joe", "To: joe@h"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rules := delivery.HeaderRules{Rewrite: "h"}
			if got := edited(t, rules, tt.text); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}

			got := edited(t, rules, tt.text+"\nTo: joe\n")
			if got != tt.want+"\nTo: joe\n" && strings.HasSuffix(tt.text, "\n") {
				t.Errorf("with a body: %q", got)
			}
		})
	}
}

// A header is only looked at as far as HeaderLimit, and doesn't become much longer.
func TestEditIsBounded(t *testing.T) {
	t.Parallel()
	rules := delivery.HeaderRules{Rewrite: strings.Repeat("h", 255), DropStatus: true}
	long := "Status: x\nTo: " + strings.Repeat("a,", 20_000) + "\n\n"
	if got := edited(t, rules, long); got != long[len("Status: x\n"):] {
		t.Errorf("%d bytes became %d", len(long), len(got))
	}
	beyond := "Status: x\nX: " + strings.Repeat("a", delivery.HeaderLimit) + "\nStatus: y\n\n"
	if got := edited(t, rules, beyond); got != beyond[len("Status: x\n"):] {
		t.Errorf("%d bytes became %d", len(beyond), len(got))
	}
	cut := strings.Repeat("X: 1\n", delivery.HeaderLimit/5) + "Status: y\n\n"
	if got := edited(t, rules, cut); got != cut {
		t.Error("a field whose end is not known was changed")
	}
}

func TestBrokenHeader(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"good", "A: 1\n folded without colon\nB : 2\r\n\r\nbody", ""},
		{"empty", "", ""},
		{"no header", "\nbody\n", ""},
		{"line without a colon", "A: 1\nhello world\r\nB: 2\n\n", "hello world"},
		{"its fold has one", "hello\n to: you\n\n", "hello"},
		{"mbox line", "From bob Mon Jan  1 00:00:00 2026\nA: 1\n\n", ""},
		{"no empty line", "A: 1\nbody", "body"},
		{"behind the limit", strings.Repeat("X: 1\n", delivery.HeaderLimit/5) + "hello\n\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := delivery.BrokenHeader(spooled(t, tt.text)); string(got) != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestAddressHost(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"mail.example.org": "mail.example.org", "192.0.2.1": "[192.0.2.1]",
		"2001:db8::1": "[IPv6:2001:db8::1]", "": "", "fe80::1%eth0": "", "a b": "", "a\r\nX: y": "",
		"a,b": "",
	} {
		if got := delivery.AddressHost(host); got != want {
			t.Errorf("%q: got %q, want %q", host, got, want)
		}
	}
}

// FuzzEdit: the body stays, so do the lines that no rule is about, and a second time changes nothing.
func FuzzEdit(f *testing.F) {
	for _, text := range []string{
		"", "\n", "Status: O\n\nb", "To: joe, \"a\n b\" <ann> (c), g: x, y;\nDelivered-To: z\n\nTo: joe\n",
		"To: a@[x], (\\\n", "From: \"\n\n",
		"To:<\"a>b\">\r\nCc: =?x?q?y?=\r\n\r\nb\r\n", " To: a\nTo : b", "Bcc: a b, c.d, .e, <@a:b>\n",
	} {
		f.Add([]byte(text), uint8(7))
	}

	f.Fuzz(func(t *testing.T, text []byte, which uint8) {
		if len(text) > delivery.HeaderLimit/4 {
			return
		}
		rules := delivery.HeaderRules{DropStatus: which&1 != 0, DropDelivered: which&2 != 0}
		if which&4 != 0 {
			rules.Rewrite = "[IPv6:::1]"
		}

		s := spooled(t, string(text))
		e := rules.Edit(s)
		delivery.BrokenHeader(s)
		if e == nil {
			return
		}

		header, body := text[:e.Skip], text[e.Skip:]
		if !bytes.Equal(header, s.Header()) || len(e.Head) > len(header)+delivery.HeaderLimit {
			t.Errorf("%d bytes in place of %d", len(e.Head), e.Skip)
		}
		if got := edited(t, rules, string(e.Head)+string(body)); got != string(e.Head)+string(body) {
			t.Errorf("again: %q\nfrom %q", got, e.Head)
		}

		// Every line of the edited header is in the original, in this order, but for what was inserted.
		at := 0
		for line := range bytes.Lines(bytes.ReplaceAll(e.Head, []byte("@[IPv6:::1]"), nil)) {
			found := bytes.Index(bytes.ReplaceAll(header, []byte("@[IPv6:::1]"), nil)[at:], line)
			if found < 0 {
				t.Fatalf("a new line %q\nfrom %q", line, header)
			}
			at += found + len(line)
		}
	})
}
