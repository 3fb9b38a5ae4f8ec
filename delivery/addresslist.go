package delivery

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// address is one address of a list (RFC 5322, 3.4). What is not understood has a text alone.
type address struct {
	local string // without quotes
	host  string
	text  string // as the header has it, without comments and blanks
}

// addressesIn returns the addresses in the value of a field, in their order. Nothing in them was not in the
// value: no encoded word is decoded, no escape is resolved, nothing is cut. Addresses in a group, source
// routes and whatever is malformed or too long are returned as not understood; empty ones are left out.
func addressesIn(value []byte) []address {
	r := addressReader{rest: value}
	for len(r.rest) > 0 {
		r.step()
	}
	r.end()
	return r.found
}

// addressToken is a word, or one character that means something.
type addressToken struct {
	text  string
	isAny bool // a word: an atom with its dots, or a quoted string
}

// addressReader reads a list.
type addressReader struct {
	rest  []byte
	found []address
	group bool

	tokens []addressToken // of the address being read
	angle  bool           // within <...>
	spoilt bool           // it can't be understood any more
}

// step reads one token.
func (r *addressReader) step() {
	n := r.length()
	token := r.rest[:n]
	r.rest = r.rest[n:]

	switch c := token[0]; {
	case c == '(' || isBlank(c):
	case c == ',' && !r.angle:
		r.end()
	// What was read so far is the name of a group, and is no address.
	case c == ':' && !r.angle && !r.group:
		r.tokens, r.spoilt, r.group = nil, false, true
	case c == ';' && !r.angle && r.group:
		r.end()
		r.group = false
	default:
		r.angle = c == '<' || r.angle && c != '>'
		r.tokens = append(r.tokens, addressToken{string(token), c == '"' || isWordText(c)})
	}
}

// length is the length of the next token. One without an end spoils the address.
func (r *addressReader) length() int {
	n, closes := 1, byte(0)
	switch c := r.rest[0]; {
	case c == '(':
		n, closes = commentLength(r.rest), ')'
	case c == '"':
		n, closes = quotedLength(r.rest), '"'
	case isWordText(c):
		for n < len(r.rest) && isWordText(r.rest[n]) {
			n++
		}
	}

	if closes != 0 && (n == 1 || r.rest[n-1] != closes) {
		r.spoilt = true
	}
	return n
}

// end ends an address.
func (r *addressReader) end() {
	// Also within a group: see addressesIn.
	tokens, spoilt := r.tokens, r.spoilt || r.group || r.angle
	r.tokens, r.spoilt, r.angle = nil, false, false

	if spoilt {
		r.add(address{text: textOf(tokens)})
		return
	}
	if !hasToken(tokens, "<") {
		r.add(addressOf(tokens))
		return
	}

	// The name before it may be anything; another <...> may follow without a comma.
	for len(tokens) > 0 {
		start, stop := indexToken(tokens, "<"), indexToken(tokens, ">")
		rest := tokens[stop+1:]
		// What is behind the last one, as in "<ann@example.org>@example.net", may change what it means.
		hasTail := len(rest) > 0 && !hasToken(rest, "<")
		if start < 0 || stop < start || hasTail {
			r.add(address{text: textOf(tokens)})
			return
		}
		r.add(addressOf(tokens[start+1 : stop]))
		tokens = rest
	}
}

func (r *addressReader) add(a address) {
	if a.text != "" {
		r.found = append(r.found, a)
	}
}

// addressOf understands a word, "@" and a host, and nothing else.
func addressOf(tokens []addressToken) address {
	text := textOf(tokens)
	unknown := address{text: text}
	if len(tokens) != 3 || !tokens[0].isAny || tokens[1].text != "@" || !isPrintable(text) {
		return unknown
	}

	local, host := tokens[0].text, tokens[2].text
	// Quotes are part of the writing, not of the name.
	if strings.HasPrefix(local, `"`) {
		local = strings.Trim(local, `"`)
	}

	if local == "" || strings.ContainsAny(local, `"\@`) || !isHostName(host) {
		return unknown
	}
	return address{local, host, text}
}

// isPrintable tells whether text is not too long for an address, and nothing in it would end a line or split
// a command.
func isPrintable(text string) bool {
	bad := func(r rune) bool { return breaksLine(r) && r != ' ' }
	return len(text) <= addressLimit && utf8.ValidString(text) && !strings.ContainsFunc(text, bad)
}

// isHostName tells whether host has nothing but labels in it, none of them empty.
func isHostName(host string) bool {
	for label := range strings.SplitSeq(host, ".") {
		bad := func(r rune) bool { return r < 0x80 && !isAlnum(byte(r)) && r != '-' && r != '_' }
		if label == "" || strings.ContainsFunc(label, bad) {
			return false
		}
	}
	return true
}

func textOf(tokens []addressToken) string {
	var b bytes.Buffer
	for _, t := range tokens {
		b.WriteString(t.text)
	}
	return b.String()
}

func hasToken(tokens []addressToken, text string) bool { return indexToken(tokens, text) >= 0 }

func indexToken(tokens []addressToken, text string) int {
	for i, t := range tokens {
		if t.text == text && !t.isAny {
			return i
		}
	}
	return -1
}
