package imap

import (
	"bytes"
	"regexp"
	"slices"
	"unicode/utf8"

	"fetchd/fetch/pattern"
)

// maxListed is how many literals a LIST response may hold: the delimiter, the name and an old name are three.
const maxListed = 16

// withoutLiterals is a LIST response on one line, with quoted strings in place of literals: what is wrong
// with a name must not depend on how it comes. None is left, as what follows it would pass for responses.
func (g *guard) withoutLiterals(line []byte) ([]byte, error) {
	for range maxListed {
		before, size, ok := literal(line)
		switch {
		case !ok:
			return line, nil
		case size < 0 || int64(len(line))+size > maxResponse:
			return nil, g.violation("a malformed or large literal %s in a LIST response",
				g.conn.Quoted(line[len(before):]))
		case endsInQuotes(before):
			return nil, g.violation("a LIST response with unbalanced quotes")
		}

		before = slices.Clone(bytes.TrimSuffix(before, []byte("~"))) // which the next read overwrites
		value := make([]byte, size)
		if err := g.conn.ReadFull(value); err != nil {
			return nil, err
		}
		rest, err := g.conn.ReadResponseLine(maxResponse)
		if err != nil {
			return nil, err
		}
		if g.text += len(value) + len(rest); g.text > g.maxText {
			return nil, g.tooMuch()
		}
		line = slices.Concat(before, quoted(value), bytes.TrimRight(rest, "\r\n"))
	}
	return nil, g.violation("more than %d literals in a LIST response", maxListed)
}

func endsInQuotes(text []byte) bool {
	var n nesting
	for _, b := range text {
		n.take(b)
	}
	return n.quoted
}

// quoted is a quoted string with these octets, which may be some that must not stand in one.
func quoted(value []byte) []byte {
	out := []byte{'"'}
	for _, b := range value {
		if b == '"' || b == '\\' {
			out = append(out, '\\')
		}
		out = append(out, b)
	}
	return append(out, '"')
}

// tidyList is a LIST response, `* LIST (attributes) delimiter name`, as imapclient can take it; false if it
// is none.
func tidyList(line []byte) ([]byte, bool) {
	rest := bytes.TrimLeft(line[len("* LIST"):], " \t")
	end := len("NIL")
	if bytes.HasPrefix(rest, []byte("(")) {
		end = valueEnd(rest)
	} else if len(rest) < end || !bytes.EqualFold(rest[:end], []byte("NIL")) {
		return line, false
	}
	if end < 0 {
		return line, false
	}

	out := appendFlagList([]byte("* LIST "), rest[:end])
	delimiter, name, ok := cutDelimiter(bytes.TrimLeft(rest[end:], " \t"))
	if !ok {
		return line, false
	}

	out = append(append(append(out, ' '), delimiter...), ' ')
	return append(out, tidyListed(withoutExtended(bytes.TrimRight(name, " \t")))...), true
}

// What may follow a name in a LIST response (RFC 9051 section 7.3.1), though we ask for none of it. Behind a
// name without quotes it has a list in it: servers that forget the quotes list names like "Old (1999)", too.
var (
	behindQuotes = pattern.New(`^("(?:[^"\\]|\\.)*") \(.*\)$`)
	behindAtom   = pattern.New(`^([^ "]+) \("?[^ "()]+"? \(.*\)\)$`)
)

// withoutExtended is the name in what stands at the end of a LIST response.
func withoutExtended(name []byte) []byte {
	if !bytes.HasSuffix(name, []byte(")")) {
		return name
	}
	for _, extended := range []func() *regexp.Regexp{behindQuotes, behindAtom} {
		if m := extended().FindSubmatch(name); m != nil {
			return m[1]
		}
	}
	return name
}

// tidyListed is a name that imapclient can parse, unless it has blanks and no quotes.
func tidyListed(name []byte) []byte {
	switch {
	case bytes.HasPrefix(name, []byte(`"`)):
		return withoutBareQuotes(name)
	case bytes.ContainsAny(name, "()") && !bytes.Contains(name, []byte(" ")):
		return quoted(name)
	}
	return name
}

// cutDelimiter cuts off the delimiter of levels. Some servers write none as "", don't quote it, or don't
// escape a backslash.
func cutDelimiter(rest []byte) (delimiter, left []byte, ok bool) {
	if blank, isBlank := bytes.CutPrefix(rest, []byte(`" " `)); isBlank {
		return rest[:3], bytes.TrimLeft(blank, " \t"), true
	}

	word, left, ok := bytes.Cut(rest, []byte(" "))
	left = bytes.TrimLeft(left, " \t")
	switch {
	case !ok || len(left) == 0:
		return nil, nil, false
	case string(word) == `"\"` || string(word) == `\`:
		return []byte(`"\\"`), left, true
	case len(word) == 1 && word[0] != '"':
		return []byte(`"` + string(word) + `"`), left, true
	case len(word) > 2 && word[0] == '"' && word[len(word)-1] == '"' && isOne(word[1:len(word)-1]):
		return word, left, true
	}
	return []byte("NIL"), left, word[0] == '"' || bytes.EqualFold(word, []byte("NIL"))
}

// isOne tells whether a delimiter is one character.
func isOne(text []byte) bool { return utf8.RuneCount(bytes.TrimPrefix(text, []byte(`\`))) == 1 }

// withoutBareQuotes is a quoted name with its own quotes escaped.
func withoutBareQuotes(name []byte) []byte {
	inside, quoted := bytes.CutPrefix(name, []byte(`"`))
	inside, closed := bytes.CutSuffix(inside, []byte(`"`))
	if !quoted || !closed || valueEnd(name) == len(name) {
		return name
	}

	out := []byte{'"'}
	for i, b := range inside {
		if b == '"' && (i == 0 || inside[i-1] != '\\') {
			out = append(out, '\\')
		}
		out = append(out, b)
	}
	return append(out, '"')
}
