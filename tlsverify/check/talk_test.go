package check

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzTalk: whatever a server says before TLS, the check-list ends, with bounded text.
func FuzzTalk(f *testing.F) {
	f.Add(0, "* OK x\r\n* CAPABILITY STARTTLS\r\na OK\r\nb OK\r\n")
	f.Add(1, "+OK\r\n+OK\r\nSTLS\r\n.\r\n+OK\r\n")
	f.Add(2, "220-a\r\n220 b\r\n250-STARTTLS\r\n250 x\r\n220 go\r\n")
	f.Add(5, "\"IMPLEMENTATION\" \"x\"\r\n\"STARTTLS\"\r\nOK\r\nOK\r\n")
	f.Fuzz(func(t *testing.T, proto int, script string) {
		d := dialects[uint(proto)%uint(len(dialects))]
		s, err := newTalk(d, replay{strings.NewReader(script), &bytes.Buffer{}}).upgrade()
		if err == nil && !strings.HasPrefix(strings.ToUpper(s.answer), strings.ToUpper(d.started)) {
			t.Fatalf("%s went on after %q", d.name, s.answer)
		}
		if err != nil && (len(err.Error()) > 1200 || strings.ContainsAny(err.Error(), "\r\n\x00\x1b")) {
			t.Fatalf("message %q", err)
		}
	})
}

type replay struct {
	*strings.Reader
	said *bytes.Buffer
}

func (r replay) Write(b []byte) (int, error) { return r.said.Write(b) }
