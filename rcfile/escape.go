package rcfile

import (
	"strconv"
	"strings"
)

// escapeDoubt is the first escape of a word of which it is doubtful that it was meant as one; zero = none.
type escapeDoubt struct {
	char    byte // what stands after the backslash
	dropped bool // the backslash means nothing there, and is gone
}

// unescape resolves fetchmail's escapes: \n \t \b \r \\, up to three decimal digits not starting with 0, \0
// and up to two octal digits, \x and up to two hexadecimal digits, a line end for nothing, any other
// character for itself.
func (l *lexer) unescape(pos Pos, s string) (text string, odd escapeDoubt) {
	if strings.IndexByte(s, '\\') < 0 {
		return s, odd
	}

	var b strings.Builder
	for len(s) > 0 {
		if s[0] != '\\' {
			b.WriteByte(s[0])
			s = s[1:]
			continue
		}
		c, n := escaped(s[1:])
		switch {
		case c == 0 && n > 0:
			// Left out: a word whose other mistake stops its account alone is kept and printed.
			l.err(pos, "the text holds a NUL character", "no value can hold one; "+writeTwo)
		case c >= 0:
			b.WriteByte(byte(c))
			// A backslash that is lost matters more than one that is read as an escape.
			if d := doubtfulEscape(s[1:1+n], c); odd.char == 0 || d.dropped {
				odd = d
			}
		}
		s = s[1+n:]
	}

	return b.String(), odd
}

// doubtfulEscape judges what stands behind a backslash for c: whoever writes DOMAIN\bob means no backspace,
// nor a line end whoever writes DOMAIN\xander. Programs write two digits.
func doubtfulEscape(text string, c int) escapeDoubt {
	char := text[0]
	switch {
	case strings.IndexByte(`\"'`, char) >= 0, char|0x20 == 'x' && len(text) > 2, char == '0', c >= 0x80:
		return escapeDoubt{}
	case c == int(char):
		return escapeDoubt{char, true}
	}
	return escapeDoubt{char, false}
}

const writeTwo = `write \\ for a backslash`

// doubtEscape warns of a backslash in a value of k that is read as an escape, and may be meant as itself.
func (r *reporter) doubtEscape(k *Keyword, w word) {
	char, name := w.odd.char, k.Name
	switch {
	case char == 0, k.has(isCommand) && !w.odd.dropped: // tabs and line ends make sense in a command
	case k.Kind == Private:
		r.warnf(w.pos, writeTwo, "a backslash in %q is read as an escape, as in fetchmail", name)
	case w.odd.dropped:
		r.warnf(w.pos, writeTwo, "the backslash before %q in %q is dropped, as in fetchmail", char, name)
	default:
		r.warnf(w.pos, writeTwo, "%s in %q is read as an escape, as in fetchmail", `\`+string(char), name)
	}
}

// escaped gives the byte that the text after a backslash stands for, or -1 for none, and how much of it was
// used.
func escaped(s string) (c, used int) {
	if s == "" {
		return -1, 0
	}

	switch s[0] {
	case '\n':
		return -1, 1
	case '\r':
		if atLineEnd(s) {
			return -1, 2
		}
	case 'n':
		return '\n', 1
	case 't':
		return '\t', 1
	case 'b':
		return '\b', 1
	case 'r':
		return '\r', 1
	case 'x', 'X':
		return digits(s, 1, 2, 16)
	case '0':
		return digits(s, 1, 2, 8)
	}

	// Decimal, not octal as in C: so it is in fetchmail's lexer.
	if s[0] >= '1' && s[0] <= '9' {
		return digits(s, 0, 3, 10)
	}

	return int(s[0]), 1
}

// digits reads up to limit digits of the base, from the given offset; the value wraps to a byte.
func digits(s string, from, limit, base int) (c, used int) {
	used = from
	for used < len(s) && used < from+limit {
		v, err := strconv.ParseUint(s[used:used+1], base, 8)
		if err != nil {
			break
		}
		c = c*base + int(v)
		used++
	}
	return c & 0xff, used
}

// escape writes s as quoted text for fetchmail's grammar.
func escape(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\\':
			b.WriteString(`\\`)
		// By number: fetchmail knows no escape for a quote mark within quotes of the same kind.
		case c == '"' || c < ' ' || c == 0x7f:
			b.WriteString(`\x` + strconv.FormatUint(uint64(c)+0x100, 16)[1:])
		default:
			b.WriteByte(c)
		}
	}

	b.WriteByte('"')
	return b.String()
}
