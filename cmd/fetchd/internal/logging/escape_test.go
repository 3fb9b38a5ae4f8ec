package logging

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"fetchd/fetch"
)

// hostile are characters that do something to a terminal, or to readers: C0, DEL, C1, the direction of a
// line, what can't be seen, line separators, a tag beyond 16 bits, and bytes that are no UTF-8.
const hostile = "\x1b[2J\x7f\u0085\u009b1m\u00a0\u00ad\u061c\u200b\u200e\u202e" +
	"\u2028\u2066\ufeff\U000e0041\xff"

func TestLogEscapes(t *testing.T) {
	t.Parallel()
	for _, json := range []bool{false, true} {
		var out bytes.Buffer
		l, err := Open(Target{Name: "fetchd", Out: &out, Err: &out, Verbose: 1, JSON: json})
		if err != nil {
			t.Fatal(err)
		}
		l.Info(fetch.EventReading, "account", "ä"+hostile, "uid", hostile)
		l.Error(hostile, "mailbox", hostile, hostile, 1)
		for line := range strings.Lines(out.String()) {
			checkShowable(t, strings.TrimSuffix(line, "\n"))
		}
		if !strings.Contains(out.String(), "ä") {
			t.Errorf("what is harmless is escaped: %q", out.String())
		}
	}
}

func checkShowable(t *testing.T, text string) {
	t.Helper()
	i := strings.IndexFunc(text, func(r rune) bool { return !showable(r) })
	if i >= 0 || !utf8.ValidString(text) {
		t.Errorf("shown as it is, at %d: %q", i, text)
	}
}

// What jsonEscaper writes means the same, and is for any terminal.
func FuzzJSONEscaper(f *testing.F) {
	for _, s := range []string{"", "plain", hostile, "\U0010ffff\U0001f600", `"\`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var out bytes.Buffer
		if err := json.NewEncoder(jsonEscaper{&out}).Encode(text); err != nil {
			t.Fatal(err)
		}
		var got string
		err := json.Unmarshal(out.Bytes(), &got)
		if err != nil || got != strings.ToValidUTF8(text, "\ufffd") && utf8.ValidString(text) {
			t.Errorf("%q became %q: %v", text, out.String(), err)
		}
		checkShowable(t, strings.TrimSuffix(out.String(), "\n"))
	})
}

type deaf struct{ io.Writer }

func (deaf) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestJSONEscaperTellsOfErrors(t *testing.T) {
	t.Parallel()
	if _, err := (jsonEscaper{deaf{}}).Write([]byte("{}\n")); err == nil {
		t.Error("the line is lost")
	}
	if n, err := (jsonEscaper{io.Discard}).Write([]byte("\u202e\n")); n != 4 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}
