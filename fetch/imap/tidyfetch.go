package imap

import (
	"bytes"
	"slices"
	"strconv"
	"time"
)

// item is an item of a FETCH response, `name value`.
type item struct {
	name, value []byte
	literal     bool // the value follows the line
}

func (it *item) is(name string) bool { return bytes.EqualFold(it.name, []byte(name)) }

// tidyFetch is a line of a FETCH response as imapclient can take it: what we ask for, in one spelling, and
// nothing else. imapclient ends the connection over a name that it doesn't know, or a value of another form.
// first says that it is the response's first line. A line of which not all is understood stays as it is.
func (g *guard) tidyFetch(line []byte, first bool) (out []byte, understood bool) {
	rest := bytes.TrimRight(line, "\r\n")
	out = g.tidy[:0]
	if first {
		start, list, ok := bytes.Cut(rest, []byte("("))
		if !ok {
			g.resp.dropped = true
			return line, false
		}
		out = append(append(out, bytes.TrimRight(start, " \t")...), " ("...)
		rest = list
	} else if len(rest) > 0 && rest[0] != ' ' && rest[0] != ')' {
		return line, false
	}

	for {
		rest = bytes.TrimLeft(rest, " \t")
		if len(rest) > 0 && rest[0] == ')' {
			out = append(append(out, bytes.TrimRight(rest, " \t")...), "\r\n"...)
			break
		}

		it, left, ok := cutItem(rest)
		// The rest of a text that is longer than it was announced may look like items.
		if !ok || g.resp.body && !isCommon(it) {
			return line, false
		}
		if out, rest = g.appendItem(out, it), left; it.literal {
			out = append(append(out, it.value...), "\r\n"...)
			break
		}
	}

	g.tidy = out
	return out, true
}

// cutItem cuts the first item off rest, which starts with its name.
func cutItem(rest []byte) (it item, left []byte, ok bool) {
	if it.name, rest = cutName(rest); len(it.name) == 0 {
		return it, rest, false
	}

	rest = bytes.TrimLeft(rest, " \t")
	switch {
	case len(rest) == 0:
		return it, rest, false
	case rest[0] == ')': // it has no value
		return it, rest, true
	case rest[0] == '"' || rest[0] == '(':
		end := valueEnd(rest)
		if end < 0 {
			return it, rest, false
		}
		it.value = rest[:end]
		return it, rest[end:], true
	}

	// RFC 3516 has a ~ before literals that may hold NUL, which imapclient takes before few.
	number := bytes.TrimPrefix(rest, []byte("~"))
	if before, _, isLiteral := literal(number); isLiteral && len(before) == 0 {
		it.value, it.literal = bytes.TrimRight(number, " \t"), true
		return it, nil, true
	}

	end := bytes.IndexAny(rest, " \t()\"")
	if end <= 0 {
		return it, rest, false
	}
	it.value = rest[:end]
	return it, rest[end:], true
}

// cutName cuts off the name of an item, with what stands in brackets behind it.
func cutName(rest []byte) (name, left []byte) {
	end := bytes.IndexAny(rest, " \t()[]{\"")
	if end > 0 && rest[end] == '[' {
		if end = bytes.IndexByte(rest, ']') + 1; end > 0 && end < len(rest) && rest[end] == '<' {
			end += bytes.IndexByte(rest[end:], '>') + 1
		}
	}
	if end <= 0 {
		return nil, rest
	}
	return rest[:end], rest[end:]
}

// valueEnd is where the quoted string or list ends with which text begins, -1 if it does not.
func valueEnd(text []byte) int {
	var n nesting
	for i, b := range text {
		if n.take(b); n.depth == 0 && !n.quoted {
			return i + 1
		}
	}
	return -1
}

// behindBodies are the items that some servers send behind a message body, also where nobody asked for them.
var behindBodies = []string{
	"FLAGS", "UID", "RFC822.SIZE", "INTERNALDATE", "ENVELOPE", "BODYSTRUCTURE", // RFC 9051 section 7.5.2
	"MODSEQ", "EMAILID", "THREADID", "SAVEDATE", "PREVIEW", "ANNOTATION", // RFC 7162, 8474, 8514, 8970, 5257
}

// isCommon tells whether servers may send an item behind a message body.
func isCommon(it item) bool {
	if slices.ContainsFunc(behindBodies, it.is) {
		return true
	}

	// Gmail has X-GM-MSGID and others.
	name := bytes.ToUpper(it.name)
	return bytes.HasPrefix(name, []byte("BODY[")) || bytes.HasPrefix(name, []byte("X-"))
}

// appendItem appends an item to a response, unless it is of no use.
func (g *guard) appendItem(out []byte, it item) []byte {
	before := len(out)
	if before == 0 || out[before-1] != '(' {
		out = append(out, ' ')
	}

	start := len(out)
	switch text := bytes.Trim(it.value, `"`); {
	case it.is("UID"):
		if n, err := strconv.ParseUint(string(text), 10, 32); err == nil && n > 0 {
			out = strconv.AppendUint(append(out, "UID "...), n, 10)
		}
	case it.is("RFC822.SIZE"):
		if n, err := strconv.ParseUint(string(text), 10, 63); err == nil {
			out = strconv.AppendUint(append(out, "RFC822.SIZE "...), n, 10)
		}
	case it.is("FLAGS"):
		out = g.appendFlags(out, it.value)
	case it.is("INTERNALDATE"):
		if _, err := time.Parse(dateLayout, string(it.value)); err == nil && g.marks {
			out = append(append(out, "INTERNALDATE "...), it.value...)
		}
	default:
		out = appendSection(out, it)
	}

	if len(out) == start { // nothing came of it
		return out[:before]
	}
	return out
}

// appendSection appends the name of a part of a message, and its value unless that follows the line.
func appendSection(out []byte, it item) []byte {
	name := "BODY[TEXT]" // nobody asked for it; what follows is passed over
	switch {
	case it.is("BODY[]") || it.is("BODY.PEEK[]") || it.is("RFC822"):
		name = "BODY[]"
	case isHeaderName(it.name):
		name = "BODY[HEADER]"
	case !it.literal:
		return out
	}

	out = append(append(out, name...), ' ')
	switch {
	case it.literal:
	case len(it.value) > 0 && it.value[0] == '"':
		out = append(out, it.value...)
	default: // NIL, or nothing that a text can be
		out = append(out, "NIL"...)
	}
	return out
}

// isHeaderName tells whether an item is the header, or fields of it.
func isHeaderName(name []byte) bool {
	for _, start := range []string{"BODY[HEADER", "BODY.PEEK[HEADER", "RFC822.HEADER"} {
		if len(name) >= len(start) && bytes.EqualFold(name[:len(start)], []byte(start)) {
			return true
		}
	}
	return false
}

// appendFlags appends the flags that imapclient can parse, if they are of interest.
func (g *guard) appendFlags(out, list []byte) []byte {
	g.mu.Lock()
	wanted := g.flags
	g.mu.Unlock()
	isNil := bytes.EqualFold(list, []byte("NIL"))
	if !wanted && !g.marks || !isNil && !bytes.HasPrefix(list, []byte("(")) {
		return out
	}

	return appendFlagList(append(out, "FLAGS "...), list)
}

// appendFlagList appends a list of those flags, or attributes of mailboxes, that imapclient can parse.
func appendFlagList(out, list []byte) []byte {
	out = append(out, '(')
	for flag := range bytes.FieldsSeq(bytes.Trim(list, "()")) {
		if list[0] == '(' && isFlag(string(flag)) {
			out = append(append(out, flag...), ' ')
		}
	}
	return append(bytes.TrimSuffix(out, []byte(" ")), ')')
}
