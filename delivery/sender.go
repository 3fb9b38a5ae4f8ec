package delivery

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// senderFields are the fields that may name the sender, the best first.
var senderFields = [...]string{
	"Return-Path", "Resent-Sender", "Sender", "Resent-From", "From", "Reply-To", "Apparently-From",
}

const (
	fieldReturnPath = 0
	fieldSender     = 2
)

// addressLimit is the longest address that is accepted: 64 bytes, "@" and 255 bytes (RFC 5321, 4.5.3.1).
const addressLimit = 320

// addressUsual is how long an address, or the name before it, mostly is at most.
const addressUsual = 96

// SenderOf returns the envelope sender that a header names, and whether it names one. The result "" and
// true is the null sender of a bounce, "Return-Path: <>". Of Return-Path, Resent-Sender, Sender,
// Resent-From, From, Reply-To and Apparently-From the first one with an address counts, but not a Sender
// without "@" and "!".
//
// It reads the first HeaderLimit bytes and never fails: it ignores what it does not understand. It does not
// use net/mail, which refuses much of what arrives in practice. The address contains no control characters,
// angle brackets or, but in a quoted local part, blanks, is valid UTF-8 and at most 320 bytes long.
func SenderOf(header []byte) (string, bool) {
	header = headerOf(header[:min(len(header), HeaderLimit)])
	var values [len(senderFields)][]byte
	for at := 0; at < len(header); {
		name, value, length := nextField(header[at:])
		for i, field := range senderFields {
			if values[i] == nil && len(name) == len(field) && strings.EqualFold(string(name), field) {
				values[i] = value
			}
		}
		at += length
	}

	for i, value := range values {
		// The null sender: an answer to a bounce must not go to whoever is in From.
		if i == fieldReturnPath && string(bytes.TrimSpace(value)) == "<>" {
			return "", true
		}
		address := addressIn(value)
		// A Sender without a host is mostly the name of a login, which nobody can answer to.
		if address == "" || i == fieldSender && !strings.ContainsAny(address, "@!") {
			continue
		}
		return address, true
	}

	return "", false
}

// addressIn returns the first address in the value of a field, "" if there is no usable one.
func addressIn(value []byte) string {
	s := addressScanner{rest: value, found: make([]byte, 0, addressUsual)}
	for len(s.rest) > 0 && !s.ended {
		s.step()
	}

	if len(s.found) > addressLimit || !utf8.Valid(s.found) {
		return ""
	}

	address := string(s.found)
	if breaksAddress(address) {
		return ""
	}

	return address
}

// breaksAddress tells whether something in address would end or split it. A blank may stand in the quotes of
// a local part, if a host shows that it is one.
func breaksAddress(address string) bool {
	local, host := splitLast(address)
	quoted := isQuoted(local) && host != ""
	return strings.ContainsFunc(host, breaksLine) ||
		strings.ContainsFunc(local, func(r rune) bool { return breaksLine(r) && (r != ' ' || !quoted) })
}

// isQuoted tells whether a local part is one quoted string.
func isQuoted(local string) bool {
	return len(local) > 1 && local[0] == '"' && quotedLength([]byte(local)) == len(local)
}

// breaksLine tells whether r would end or split an address in a command or a header.
func breaksLine(r rune) bool {
	return unicode.IsControl(r) || unicode.IsSpace(r) || r == '<' || r == '>'
}

// addressScanner finds one address in an address list (RFC 5322, 3.4), and copes with the mistakes of real
// mail.
type addressScanner struct {
	rest  []byte
	found []byte // the address, or what may still turn out to be the name before it
	angle bool   // within <...>
	ended bool
}

// step reads one character, one comment, one quoted string or one run of blanks.
func (s *addressScanner) step() {
	c := s.rest[0]
	switch {
	case c == '(':
		s.rest = s.rest[commentLength(s.rest):]
		return
	case c == '"':
		n := quotedLength(s.rest)
		s.found, s.rest = append(s.found, s.rest[:n]...), s.rest[n:]
		return
	case isBlank(c):
		s.rest = bytes.TrimLeft(s.rest, " \t\r\n")
		s.blank()
		return
	case c == '<' && !s.angle:
		// What came before was the name.
		s.angle, s.found = true, s.found[:0]
	case c == '>' && s.angle:
		s.ended = true
	case c == ':' && (!s.angle || bytes.HasPrefix(s.found, []byte("@"))):
		s.found = s.found[:0] // the name of a group, or a source route
	case (c == ',' || c == ';') && !s.angle:
		s.ended = len(s.found) > 0
	default:
		s.found = append(s.found, c)
	}

	s.rest = s.rest[1:]
}

// blank decides what a blank outside <...> ends: nothing if it is beside "@" or ".", else an address or a
// word of a name.
func (s *addressScanner) blank() {
	if s.angle || len(s.found) == 0 || len(s.rest) == 0 {
		return
	}
	if joins(s.found[len(s.found)-1]) || joins(s.rest[0]) {
		return
	}

	switch s.rest[0] {
	case ',', ';', '(', '<':
		return
	}

	if bytes.ContainsAny(s.found, "@!") && !bytes.ContainsRune(s.rest, '<') {
		s.ended = true
		return
	}

	s.found = s.found[:0]
}

func joins(c byte) bool { return c == '@' || c == '.' }

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// commentLength returns the length of the comment that b starts with; comments nest.
func commentLength(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}

	return len(b)
}

// quotedLength returns the length of the quoted string that b starts with.
func quotedLength(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}
