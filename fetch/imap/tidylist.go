package imap

import "bytes"

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
	return append(out, withoutBareQuotes(bytes.TrimRight(name, " \t"))...), true
}

// cutDelimiter cuts off the delimiter of levels. Some servers write none as "", don't quote it, or don't
// escape a backslash.
func cutDelimiter(rest []byte) (delimiter, left []byte, ok bool) {
	word, left, ok := bytes.Cut(rest, []byte(" "))
	left = bytes.TrimLeft(left, " \t")
	switch {
	case !ok || len(left) == 0:
		return nil, nil, false
	case string(word) == `""` || bytes.EqualFold(word, []byte("NIL")):
		return []byte("NIL"), left, true
	case string(word) == `"\"` || string(word) == `\`:
		return []byte(`"\\"`), left, true
	case len(word) == 1 && word[0] != '"':
		return []byte(`"` + string(word) + `"`), left, true
	}
	return word, left, word[0] == '"'
}

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
