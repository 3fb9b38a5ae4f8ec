package wire

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strconv"
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
// secrets out. The zero value knows none; nor does nil. It is safe for concurrent use.
type Concealer struct {
	mu    sync.RWMutex // guards known
	known []*secret    // the newest last
}

// secret is one secret in all forms that a peer may give it. forms and encoded are in lower case.
type secret struct {
	login, text string
	forms       []string // looked for as they are
	encoded     []string // parts of every base64 text that contains the secret
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

// Clean returns text with *** in place of every secret: as it is, quoted, or encoded, in upper or lower case.
func (c *Concealer) Clean(text string) string {
	if c == nil {
		return text
	}

	c.mu.RLock()
	defer c.mu.RUnlock()
	if len(c.known) == 0 {
		return text
	}

	var found []span
	// Case is ignored, as a server may change it.
	low := lower(text)
	for _, s := range c.known {
		for _, form := range s.forms {
			found = appendSpans(found, low, form, false)
		}
		for _, form := range s.encoded {
			found = appendSpans(found, low, form, true)
		}
	}

	return cover(text, found)
}

// span is a part of a text.
type span struct{ from, to int }

// appendSpans appends the places of form in text. With whole each is widened to the word of base64 around it,
// because the letters beside form hold the secret's first and last bits.
func appendSpans(found []span, text, form string, whole bool) []span {
	for at := 0; ; {
		i := strings.Index(text[at:], form)
		if i < 0 {
			return found
		}
		s := span{at + i, at + i + len(form)}
		for whole && s.from > 0 && isBase64(text[s.from-1]) {
			s.from--
		}
		for whole && s.to < len(text) && isBase64(text[s.to]) {
			s.to++
		}
		found = append(found, s)
		at = s.to
	}
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

func newSecret(login, text string) *secret {
	s := &secret{login: login, text: text}
	add := func(list *[]string, form string) {
		// An encoding may be shorter than the secret's own bound; then it would be found in ordinary words.
		if form = lower(form); len(form) >= shortestConcealed && !slices.Contains(*list, form) {
			*list = append(*list, form)
		}
	}

	if len(text) >= shortestConcealed {
		for _, form := range spellings(text) {
			add(&s.forms, form)
		}
	}

	// A secret that is too short to be looked for is still concealed in the response of PLAIN.
	for _, needle := range []string{text, login + "\x00" + text} {
		if len(needle) < shortestConcealed {
			continue
		}
		for _, form := range encodings(needle) {
			add(&s.encoded, form)
		}
	}

	return s
}

// spellings are the ways in which protocols and programs write a string.
func spellings(text string) []string {
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) // RFC 9051 section 4.3
	inJSON, _ := json.Marshal(text)                                   // a string has no errors
	query := url.QueryEscape(text)
	percent := strings.Builder{}
	for _, b := range []byte(text) {
		percent.WriteString("%" + hex.EncodeToString([]byte{b}))
	}

	return []string{
		text, quoted,
		unquote(strconv.Quote(text)), unquote(strconv.Quote(quoted)), unquote(strconv.QuoteToASCII(text)),
		unquote(string(inJSON)), html.EscapeString(text), hex.EncodeToString([]byte(text)),
		query, strings.ReplaceAll(query, "+", "%20"), url.PathEscape(text), percent.String(),
	}
}

func unquote(s string) string { return s[1 : len(s)-1] }

// encodings are the parts of base64 texts that hold needle, whatever is around it. Three bytes become four
// letters, so there are three positions at which needle can begin.
func encodings(needle string) []string {
	var forms []string
	for before, skip := range []int{0, 2, 3} {
		bytes := append(make([]byte, before), needle...)
		for _, alphabet := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			// Without the letters at both ends that also depend on the neighbours.
			forms = append(forms, alphabet.EncodeToString(bytes)[skip:len(bytes)*8/6])
		}
	}
	return forms
}

// lower is text with the letters of ASCII in lower case: bytes keep their places.
func lower(text string) string {
	low := []byte(text)
	for i, b := range low {
		if b >= 'A' && b <= 'Z' {
			low[i] = b + 'a' - 'A'
		}
	}
	return string(low)
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
