package delivery

import (
	"bytes"
	"net/netip"
	"strings"
)

// AddressHost returns host in the form that follows the "@" of an address: a name as it is, an IP address
// as a literal (RFC 5321, 4.1.3), "" if it is neither.
func AddressHost(host string) string {
	if ip, err := netip.ParseAddr(host); err == nil && ip.Zone() == "" {
		if ip.Is4() {
			return "[" + host + "]"
		}
		return "[IPv6:" + host + "]"
	}

	bad := func(r rune) bool {
		return r >= 0x80 || !isAlnum(byte(r)) && !strings.ContainsRune("-._", r)
	}
	if strings.ContainsFunc(host, bad) {
		return ""
	}
	return host
}

// appendQualified appends the value of an address field (RFC 5322, 3.4) to out, with "@host" behind each
// address that is only a local part. A value whose structure is not understood is appended as it is.
func appendQualified(out, value []byte, host string) []byte {
	q := qualifier{value: value}
	// All or nothing: half a rewritten list would be worse than none.
	if !q.scan() {
		return append(out, value...)
	}

	from := 0
	for _, at := range q.bare {
		out = append(out, value[from:at]...)
		out = append(append(out, '@'), host...)
		from = at
	}
	return append(out, value[from:]...)
}

// qualifier finds the addresses without a host in an address list.
type qualifier struct {
	value []byte
	bare  []int // where each of them ends
	group bool  // within a group

	// The address being read.
	words int  // outside <...>
	name  bool // the words can't be a local part
	end   int  // of the last word
	angle bool // there was a <...>
	odd   bool // it is not understood, or has a host
}

// scan reads the list and tells whether it was understood.
func (q *qualifier) scan() bool {
	for at := 0; at < len(q.value); {
		c := q.value[at]
		n := q.length(at)
		if n == 0 {
			return false
		}

		switch {
		case c == '(' || isBlank(c):
		case c == ',':
			q.close()
		case c == ':' || c == ';':
			if !q.turn(c == ':') {
				return false
			}
		case c == '<':
			q.inAngle(at+1, at+n-1)
		case c == '"' || isWordText(c):
			q.word(at, n)
		default:
			q.odd = true
		}

		at += n
	}

	q.close()
	return !q.group
}

// length is the length of the token at that place; 0 if it has no end.
func (q *qualifier) length(at int) int {
	rest, n := q.value[at:], 1
	switch c := rest[0]; {
	case c == '(':
		n = commentLength(rest)
	case c == '"':
		n = quotedLength(rest)
	case c == '<':
		n = angleLength(rest)
	case c == '[':
		n = bytes.IndexByte(rest, ']') + 1
	case isWordText(c):
		for n < len(rest) && isWordText(rest[n]) {
			n++
		}
		return n
	default:
		return 1
	}

	// A token that is closed is followed at least by the end of the line.
	if n == len(rest) {
		return 0
	}

	return n
}

// turn begins or ends a group. Groups must not be nested.
func (q *qualifier) turn(begin bool) bool {
	if q.group == begin {
		return false
	}
	if q.group = begin; begin {
		q.forget() // its name
		return true
	}
	q.close()
	return true
}

// word takes an atom or a quoted string. Those that touch, and the dots between them, are one word.
func (q *qualifier) word(at, n int) {
	if q.words == 0 || q.end != at {
		q.words++
	}
	q.end = at + n
	// Words behind <...> without a comma: not understood.
	q.odd = q.odd || q.angle
	q.name = q.name || q.value[at] != '"' && !isLocalPart(q.value[at:at+n])
}

// inAngle takes the text in <...>. It is a bare address only if there is nothing but a local part.
func (q *qualifier) inAngle(start, end int) {
	// With a line end, as length wants something behind each token.
	inner := &qualifier{value: append(bytes.Clone(q.value[start:end]), '\n')}
	if q.angle || bytes.ContainsAny(inner.value, "<,") || !inner.scan() || len(inner.bare) != 1 {
		q.odd = true
		return
	}
	q.angle, q.end = true, start+inner.bare[0]
}

// close ends an address.
func (q *qualifier) close() {
	if !q.odd && (q.angle || q.words == 1 && !q.name) {
		q.bare = append(q.bare, q.end)
	}
	q.forget()
}

func (q *qualifier) forget() {
	q.words, q.name, q.end, q.angle, q.odd = 0, false, 0, false, false
}

// isWordText tells whether c can occur in an atom (RFC 5322, 3.2.3), between atoms, or in names as they
// occur in practice.
func isWordText(c byte) bool {
	return isAlnum(c) || c >= 0x80 || strings.IndexByte("!#$%&'*+-/=?^_`{|}~.", c) >= 0
}

// isLocalPart tells the name of a mailbox from similar words: an encoded word (RFC 2047), a UUCP path, text
// that is not ASCII.
func isLocalPart(word []byte) bool {
	foreign := func(r rune) bool { return r == '!' || r >= 0x80 }
	return !bytes.ContainsFunc(word, foreign) && !bytes.HasPrefix(word, []byte("=?")) &&
		word[0] != '.' && word[len(word)-1] != '.'
}

// angleLength returns the length of the <...> that b starts with; all of b if it has no end.
func angleLength(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			i += quotedLength(b[i:]) - 1
		case '>':
			return i + 1
		}
	}
	return len(b)
}
