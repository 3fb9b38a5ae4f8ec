package delivery

import (
	"bytes"
	"strings"
)

// wholeFields returns the header of s without a field that HeaderLimit cuts in two.
func wholeFields(s *Spool) []byte {
	m := Message{Body: s}
	header, _ := m.header()
	return header
}

// addresses returns what the header names as recipients, and false if it does not say.
func (d *Multidrop) addresses(header []byte) ([]address, bool) {
	switch {
	case d.Field == "":
		found, ok := allAddresses(header, "Resent-To", "Resent-Cc", "Resent-Bcc")
		if !ok {
			found, ok = allAddresses(header, "To", "Cc", "Bcc", "Apparently-To")
		}
		return found, ok
	case strings.EqualFold(d.Field, "Received"):
		return d.received(header)
	}

	skip := d.Skip
	for name, value := range fields(header) {
		if !isOneOf(name, d.Field) {
			continue
		}
		// So many fields before it are of other servers, says the user.
		if skip--; skip < 0 {
			return addressesIn(value), true
		}
	}
	return nil, false
}

// fields yields the name and the value of each field.
func fields(header []byte) func(yield func(name, value []byte) bool) {
	return func(yield func(name, value []byte) bool) {
		for at := 0; at < len(header); {
			name, value, length := nextField(header[at:])
			if name != nil && !yield(name, value) {
				return
			}
			at += length
		}
	}
}

// allAddresses returns the addresses in all fields of these names, and whether there is such a field.
func allAddresses(header []byte, names ...string) (found []address, ok bool) {
	for name, value := range fields(header) {
		if isOneOf(name, names...) {
			found, ok = append(found, addressesIn(value)...), true
		}
	}
	return found, ok
}

// received returns the address of the first Received field that this server wrote and that has one.
func (d *Multidrop) received(header []byte) ([]address, bool) {
	skip := d.Skip
	for name, value := range fields(header) {
		if !isOneOf(name, "Received") {
			continue
		}
		// Skipped before it is judged: envelope's number counts all fields of the name.
		if skip--; skip >= 0 {
			continue
		}
		by, recipient := receivedWords(value)
		if isOneOf([]byte(by), d.Hosts...) || isBelow(by, d.Aliases) {
			if found := addressesIn([]byte(recipient)); len(found) == 1 {
				return found, true
			}
		}
	}
	return nil, false
}

// receivedWords returns the host after "by" and the word after "for" in a Received field (RFC 5321, 4.4),
// each the first.
func receivedWords(value []byte) (by, recipient string) {
	// Comments may say anything, "for <ann@example.org>" included; the date follows the semicolon.
	value, _, _ = bytes.Cut(withoutComments(value), []byte(";"))
	words := strings.Fields(string(value))
	for i, word := range words[:max(len(words)-1, 0)] {
		switch {
		case by == "" && strings.EqualFold(word, "by"):
			by = words[i+1]
		// In the order of RFC 5321: what stands before "by" is the client's own claim.
		case by != "" && recipient == "" && strings.EqualFold(word, "for"):
			recipient = words[i+1]
		}
	}
	return by, recipient
}

// withoutComments returns a value with a blank for each comment.
func withoutComments(value []byte) []byte {
	out := make([]byte, 0, len(value))
	for i := 0; i < len(value); {
		n := 1
		switch value[i] {
		case '(':
			out = append(out, ' ')
			i += commentLength(value[i:])
			continue
		case '"':
			n = quotedLength(value[i:])
		}
		out = append(out, value[i:i+n]...)
		i += n
	}
	return out
}
