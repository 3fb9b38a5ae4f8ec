package wire

import (
	"bytes"
	"slices"
	"strings"
	"sync"
)

const (
	// shortestConcealed is the length of the shortest secret that is looked for in running text: a shorter
	// one is part of ordinary words, and the gaps in them would tell what it is.
	shortestConcealed = 6
	// mostConcealed is how many secrets are remembered: tokens are replaced every hour, and a server may
	// repeat the previous one.
	mostConcealed = 4

	concealment = "***"
)

// Concealer knows the secrets that the connections of an account send. Some servers repeat what they were
// sent, and their answers are shown: in traces and in errors, which get into logs and mails. Clean takes the
// secrets out. The zero value and nil know none. It is safe for concurrent use.
type Concealer struct {
	mu    sync.RWMutex // guards known
	known []*secret    // the newest last
}

// Add makes a secret known, and the login that it belongs to. It must be called before the secret is sent.
func (c *Concealer) Add(login, text string) {
	if text == "" || c.knows(login, text) {
		return
	}

	s := newSecret(login, text)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known = append(c.known, s); len(c.known) > mostConcealed {
		c.known = slices.Delete(c.known, 0, 1)
	}
}

func (c *Concealer) knows(login, text string) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return slices.ContainsFunc(c.known, func(s *secret) bool { return s.login == login && s.text == text })
}

// Clean returns text with *** in place of every secret, in upper or lower case: as it is, or within up to
// three of these, one in the other, in part or as a whole: escapes of URLs, quoted-printable, HTML, strings
// in programs and JSON; hexadecimal digits, whatever separates them; base64 of any text that holds it. Parts
// of twelve bytes or more count too. The time that it takes is a multiple of the length of text.
func (c *Concealer) Clean(text string) string {
	if c == nil || len(text) < shortestConcealed {
		return text
	}

	c.mu.RLock()
	defer c.mu.RUnlock()
	if len(c.known) == 0 {
		return text
	}

	s := search{text: text, known: c.known}
	raw := reading{text: []byte(text)}
	raw.each(deepestReading, s.look)
	s.lookForEncoded(raw)
	return cover(text, s.found)
}

// search is for secrets in a text.
type search struct {
	text  string
	known []*secret
	found []span
	low   []byte // of a reading, reused
}

// look looks for the secrets in a reading.
func (s *search) look(r reading) {
	s.low = fold(s.low[:0], r.text)
	put := func(from, to int) { s.put(r.between(from, to), r.inBase64) }

	for _, known := range s.known {
		for _, form := range known.forms {
			eachIndex(s.low, form, put)
		}
		known.eachPart(s.low, put)
	}
}

// lookForEncoded looks for base64 of which the case is lost, so that it can't be decoded.
func (s *search) lookForEncoded(raw reading) {
	s.low = fold(s.low[:0], raw.text)
	for _, known := range s.known {
		for _, form := range known.encoded {
			eachIndex(s.low, form, func(from, to int) { s.put(span{from, to}, true) })
		}
	}
}

// put notes a place. One within the last is known: a long word of base64 is gone through only once.
func (s *search) put(at span, inBase64 bool) {
	if n := len(s.found); n > 0 && s.found[n-1].from <= at.from && at.to <= s.found[n-1].to {
		return
	}
	if inBase64 {
		at = at.widened(s.text)
	}
	s.found = append(s.found, at)
}

// eachIndex calls visit with the places of form in text.
func eachIndex(text, form []byte, visit func(from, to int)) {
	for at := 0; ; {
		i := bytes.Index(text[at:], form)
		if i < 0 {
			return
		}
		visit(at+i, at+i+len(form))
		at += i + len(form)
	}
}

// widened is the word of base64 around a part of it, because the letters beside that hold the secret's first
// and last bits.
func (s span) widened(text string) span {
	for s.from > 0 && isBase64(text[s.from-1]) {
		s.from--
	}
	for s.to < len(text) && isBase64(text[s.to]) {
		s.to++
	}
	return s
}

func isBase64(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' ||
		strings.IndexByte("+/-_=", b) >= 0
}

// cover replaces what was found in text. Parts that overlap are replaced together.
func cover(text string, found []span) string {
	if len(found) == 0 {
		return text
	}

	// The same place may be found in several readings, and places may overlap: one mark stands for all of
	// them.
	slices.SortFunc(found, func(a, b span) int { return a.from - b.from })

	var b strings.Builder
	end := 0
	for i, s := range found {
		if i == 0 || s.from >= end {
			b.WriteString(text[end:s.from] + concealment)
		}
		end = max(end, s.to)
	}

	b.WriteString(text[end:])
	return b.String()
}

// Conceal tells the connection about a secret before it is sent: from then on no text of the peer shows it.
func (c *Conn) Conceal(login, secret string) { c.opt.Hidden.Add(login, secret) }

// Clean is peer text without the secrets that were sent.
func (c *Conn) Clean(text string) string { return c.opt.Hidden.Clean(text) }

// CleanError is an error of a library that may hold peer text, without the secrets that were sent.
func (c *Conn) CleanError(err error) error {
	if err == nil {
		return nil
	}
	// The error stays in the tree: errors.Is must find it under the cleaned text.
	if text := err.Error(); c.Clean(text) != text {
		return &cleanError{c.Clean(text), err}
	}
	return err
}

type cleanError struct {
	text string
	err  error
}

func (e *cleanError) Error() string { return e.text }

func (e *cleanError) Unwrap() error { return e.err }
