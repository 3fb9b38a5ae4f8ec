package logging

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// showable tells whether r is visible and safe for a terminal: it is not a control character (C1 included),
// does not change the direction of the text, and is no space other than U+0020.
func showable(r rune) bool { return r == ' ' || unicode.IsGraphic(r) && !unicode.Is(unicode.Zs, r) }

// Escape makes s safe for a terminal and for a single line of a file: characters that are not showable, and
// invalid UTF-8, become \x and \u sequences.
func Escape(s string) string {
	// Nearly every text is harmless, and needs no copy.
	if utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !showable(r) }) < 0 {
		return s
	}

	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		// A RuneError of three bytes is a real U+FFFD in the text, and harmless.
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

// EscapeJSON returns a writer of JSON to w that replaces what is not safe for a terminal by escape sequences.
func EscapeJSON(w io.Writer) io.Writer { return jsonEscaper{w} }

// jsonEscaper replaces characters that are not showable by escape sequences. This changes nothing in the
// meaning of the JSON, which is pure ASCII outside of strings. encoding/json itself escapes only the first 32
// characters.
type jsonEscaper struct{ w io.Writer }

func (e jsonEscaper) Write(line []byte) (int, error) {
	var b strings.Builder
	for _, r := range string(line) {
		switch high, low := utf16.EncodeRune(r); {
		case r == '\n' || showable(r):
			b.WriteRune(r)
		// It fits into 16 bits, and so is no pair.
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
