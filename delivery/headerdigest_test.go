package delivery

import (
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
		{"status fields", "Status: RO\r\nSubject: x\r\nx-uidl: 7\r\n folded\r\nTo: ann\r\nX-IMAPbase: 1 2\r\n\r\n", true},
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
