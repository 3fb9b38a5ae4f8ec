package delivery

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestHeaderDigest(t *testing.T) {
	t.Parallel()
	digest := func(text string, keepCR bool) string {
		s := NewSpool(SpoolOptions{KeepCR: keepCR})
		defer s.Release()
		if _, err := s.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return s.HeaderDigest()
	}

	want := digest("Subject: x\r\nTo: ann\r\n\r\nbody\r\n", false)
	for _, test := range []struct {
		name, text string
		same       bool
	}{
		{"another body", "Subject: x\r\nTo: ann\r\n\r\nother\r\n", true},
		{"status fields", "Status: RO\r\nSubject: x\r\nx-uidl: 7\r\n" +
			" folded\r\nTo: ann\r\nX-IMAPbase: 1 2\r\n\r\n", true},
		{"another subject", "Subject: y\r\nTo: ann\r\n\r\nbody\r\n", false},
		{"a field less", "Subject: x\r\n\r\nTo: ann\r\n", false},
		{"no header", "\r\n", false},
	} {
		for _, keepCR := range []bool{false, true} {
			if got := digest(test.text, keepCR); (got == want) != test.same {
				t.Errorf("%s, with CR %v: %s, the first %s", test.name, keepCR, got, want)
			}
		}
	}
	if strings.ContainsAny(want, " \n,") {
		t.Error(want)
	}
}

// A message into which the server has written meanwhile is the one that an earlier run delivered.
func TestMaildirKnowsAMessageWithOtherStatusFields(t *testing.T) {
	t.Parallel()
	const first = "Subject: x\nStatus: O\n\nbody\n"
	for _, tt := range []struct {
		name, second string
		files        int
	}{
		{"the same", first, 1},
		{"read, and numbered", "Subject: x\nStatus: RO\nX-UID: 7\nX-IMAPbase: 1 7\n\nbody\n", 1},
		{"without", "Subject: x\n\nbody\n", 1},
		{"another body", "Subject: x\nStatus: RO\n\nBody\n", 2},
		{"another subject", "Subject: y\nStatus: RO\n\nbody\n", 2},
	} {
		for _, where := range []string{"new", "cur"} {
			t.Run(tt.name+" in "+where, func(t *testing.T) {
				t.Parallel()
				dir := filepath.Join(t.TempDir(), "Maildir")
				d := NewMaildir(MaildirOptions{Dir: dir})
				m := mailFrom(t, "1", first)
				m.Trace = []byte("Received: one\n")
				deliver(t, d, m)
				if where == "cur" {
					moveToCur(":2,S")(t, dir, messageName(m))
				}
				m = mailFrom(t, "1", tt.second)
				m.Repeat, m.Trace = true, []byte("Received: two\n")
				deliver(t, d, m)
				if n := len(namesIn(t, dir, "new")) + len(namesIn(t, dir, "cur")); n != tt.files {
					t.Errorf("%d files, want %d", n, tt.files)
				}
			})
		}
	}
}

func TestSameButStatus(t *testing.T) {
	t.Parallel()
	m := mailFrom(t, "1", "Subject: x\nStatus: O\n\nbody\n")
	for text, want := range map[string]bool{
		"Received: y\nSubject: x\nX-UID: 2\n\nbody\n": true,
		"Subject: y\nStatus: O\n\nbody\n":             false,
		"Subject: x\nStatus: O\n\nBody\n":             false,
		"Subject: x\n\nbody\nmore\n":                  false,
		"Subject: x\n":                                false,
		"":                                            false,
	} {
		if got := sameButStatus(strings.NewReader(text), int64(len(text)), m); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
