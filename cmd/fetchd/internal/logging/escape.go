package logging

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// showable tells whether r is safe for a terminal and visible: no control character, C1 among them, none that turns the
// direction of a line around, and no space but the common one.
func showable(r rune) bool { return r == ' ' || unicode.IsGraphic(r) && !unicode.Is(unicode.Zs, r) }

// Escape makes s safe for a terminal and one line of a file: what is not showable, and invalid UTF-8, become \x and \u
// sequences.
func Escape(s string) string {
	if utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !showable(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1, r < 0x80 && !showable(r):
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case !showable(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

// EscapeJSON returns a writer of JSON to w that makes what is not safe for a terminal an escape sequence.
func EscapeJSON(w io.Writer) io.Writer { return jsonEscaper{w} }

// jsonEscaper makes what is not showable in lines of JSON an escape sequence, which means the same: outside of strings
// JSON has nothing but ASCII. encoding/json itself leaves all but the first 32 characters as they are.
type jsonEscaper struct{ w io.Writer }

func (e jsonEscaper) Write(line []byte) (int, error) {
	var b strings.Builder
	for _, r := range string(line) {
		switch high, low := utf16.EncodeRune(r); {
		case r == '\n' || showable(r):
			b.WriteRune(r)
		case high == utf8.RuneError:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		}
	}
	if _, err := io.WriteString(e.w, b.String()); err != nil {
		return 0, err
	}
	return len(line), nil
}
