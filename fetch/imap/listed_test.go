package imap

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
)

func TestListedName(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		line, name string
		decodable  bool
	}{
		{`* LIST () "/" INBOX`, "INBOX", true},
		{`* LIST (\HasChildren \Sent) "." "a b"`, "a b", true},
		{`* LIST () NIL x`, "x", true},
		{`* LIST () " " x`, "x", true},
		{`* LIST () "\"" "a\"b\\c"`, `a"b\c`, true},
		{`* LIST () "\\" "a) b"`, "a) b", true},
		{`* LIST () "/" R&D`, "R&D", false},
		{`* LIST () "/" "R&-D"`, "R&-D", true},
		{`* LIST () "/" Entw&APw-rfe`, "Entw&APw-rfe", true},
		{`* LIST () "/" &APw-&APw-`, "&APw-&APw-", false},
		{`* LIST () "/" &APw-&-`, "&APw-&-", true},
		{`* LIST () "/" &AAA-`, "&AAA-", false},
		{`* LIST () "/" Entw` + "\u00fc", "Entw\u00fc", true},
		{`* LIST () "/" Entw` + "\xfc", "Entw\xfc", false},
		{`* LIST () "/" "a` + "\x07" + `"`, "a\x07", false},
	} {
		name, ok := listedName([]byte(tt.line))
		if !ok || name != tt.name || decodable(name) != tt.decodable {
			t.Errorf("%s: %q, %v, decodable %v", tt.line, name, ok, decodable(name))
		}
	}

	for _, line := range []string{
		"* LIST", "* LIST ()", `* LIST () "/"`, `* LIST () "/" {3}`, `* LIST () NIL`,
	} {
		if name, ok := listedName([]byte(line)); ok {
			t.Errorf("%s names %q", line, name)
		}
	}
}

// A mailbox whose name can't be decoded does not keep the others from being read.
func TestMisnamedMailbox(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Patterns = []string{"*"}
	var log bytes.Buffer
	r.Log = slog.New(slog.NewTextHandler(&log, nil))
	r.play("S: * PREAUTH [CAPABILITY IMAP4rev1] hello\nC: ~^T1 LIST\nS: * LIST () \"/\" a\n"+
		strings.Repeat("S: * LIST () \"/\" R&D\x1b\n", 9)+"S: * LIST () \"/\" b\nS: T1 OK"+bye, nil)
	s, err := r.Connect(t.Context(), r.Account)
	if err != nil {
		t.Fatal(err)
	}

	names, err := s.Mailboxes(t.Context())
	if err != nil || !slices.Equal(names, []string{"a", "b"}) {
		t.Errorf("%q, %v", names, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if strings.Count(log.String(), "mailbox left out") != maxAlerts ||
		strings.Contains(log.String(), "\x1b") {
		t.Errorf("log: %s", log.String())
	}
}

// FuzzListedName: a name that is let through holds no control character.
func FuzzListedName(f *testing.F) {
	f.Add([]byte(`* LIST () "/" "a\"b&APw-"`))
	f.Add([]byte(`* LIST (\x) NIL &-&`))
	f.Fuzz(func(t *testing.T, line []byte) {
		name, ok := listedName(line)
		if len(name) > len(line) {
			t.Errorf("%q names %q", line, name)
		}
		if ok && decodable(name) && strings.ContainsAny(name, "\x00\r\n\x1b\x7f") {
			t.Errorf("%q is let through", name)
		}
	})
}
