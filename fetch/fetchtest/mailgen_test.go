package fetchtest

import (
	"bytes"
	"testing"
)

func TestMessages(t *testing.T) {
	t.Parallel()
	a, again, other := Messages(100, 1), Messages(100, 1), Messages(100, 2)
	seen := map[string]int{}
	total := 0
	for i, m := range a {
		if !bytes.Equal(m, again[i]) {
			t.Errorf("message %d differs for the same seed", i)
		}
		if j, twice := seen[string(m)]; twice {
			t.Errorf("messages %d and %d are alike", i, j)
		}
		seen[string(m)] = i
		total += len(m)
		if bytes.ContainsRune(m, 0) {
			t.Errorf("message %d has a NUL", i)
		}
	}
	if bytes.Equal(a[0], other[0]) {
		t.Error("the seed has no effect")
	}
	if total < 6<<20 || total > 9<<20 {
		t.Errorf("%d bytes in all", total)
	}
}

func TestMailKinds(t *testing.T) {
	t.Parallel()
	for i, m := range Messages(len(MailKinds()), 1) {
		name := MailKinds()[i].Name
		if name == "70 kB header" && bytes.Index(m, []byte("\r\n\r\n")) < 70000 ||
			name == "5 MB attachment" && len(m) < 5<<20 ||
			name == "no final line end" && bytes.HasSuffix(m, []byte("\n")) {
			t.Errorf("%s is not what it says: %d bytes", name, len(m))
		}
	}
}

// TestMailThroughDovecot shows that what is compared by Canon is what a server keeps.
func TestMailThroughDovecot(t *testing.T) {
	t.Parallel()
	d := StartDovecot(t)
	user, messages := d.User(), Messages(40, 3)
	d.Append(t, user, "INBOX", messages)
	for i, s := range d.List(t, user, "INBOX") {
		if !bytes.Equal(Canon(s.Body), Canon(messages[i])) {
			t.Errorf("message %d changed: %.200q, want %.200q", i+1, s.Body, messages[i])
		}
	}
}

func TestCanon(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"crlf", "a\r\nb\r\n", "a\nb\n"},
		{"mixed", "a\r\nb\nc", "a\nb\nc\n"},
		{"bare CR stays", "a\rb\r\n", "a\rb\n"},
		{"empty", "", "\n"},
	}
	for _, tt := range tests {
		if got := string(Canon([]byte(tt.in))); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
