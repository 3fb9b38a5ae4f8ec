package imap

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"

	"fetchd/fetch"
	"fetchd/fetch/login/imapline"
	"fetchd/fetch/pattern"
)

// Bounds on what a server may send. imapclient (v2.0.0-beta.8) has none of its own.
const (
	maxResponse   = 1 << 20 // one response with its literals; a FETCH without the body is some hundred bytes
	maxSearchLine = 4 << 20 // SEARCH and ESEARCH: half a million UIDs
	// all responses to one command, without bodies: imapclient keeps those to LIST and SEARCH
	maxText = 16 << 20
	// messages in a row that nobody asked for; two batches with UIDs after bodies look like that
	maxUnasked = 3000
	maxDepth   = 32 // nested parentheses; imapclient recurses and would overflow its stack
	// UIDs out of order in the results of a search, lines of it being sorted: imapclient inserts
	maxUnsorted = 10_000
)

var errRenumbered = errors.New("server renumbered the mailbox (UIDVALIDITY changed) in the middle; " +
	"it is looked at anew next time")

// known are the untagged data that we need and imapclient understands. All others are dropped: a client has
// to tolerate them (RFC 9051 section 7), and imapclient ends the connection. It must not see capabilities: it
// would send raw UTF-8 to a server with IMAP4rev2.
var known = map[string]bool{"LIST": true, "SEARCH": true, "ESEARCH": true, "EXISTS": true, "EXPUNGE": true,
	"FETCH": true}

// response is what is known of the untagged data that are being read. They have several lines if they hold
// literals.
type response struct {
	started  bool
	kind     string // "FETCH", "SEARCH" …
	dropped  bool   // not for imapclient
	lines    int
	size     int
	depth    int
	uid      string // named in a FETCH while a UID is to be inserted
	inserted bool   // the expected UID was inserted
	body     bool   // it holds a message body
}

// limit is how large the response may grow.
func (r *response) limit() int {
	if r.kind == "SEARCH" || r.kind == "ESEARCH" {
		return maxSearchLine
	}
	return maxResponse
}

// next reads the next line, checks it and puts the part that imapclient may see into out.
func (g *guard) next() error {
	if err := g.rest(); err != nil {
		return err
	}

	line, err := g.conn.ReadResponseLine(maxSearchLine)
	if err != nil {
		return err
	}
	// Counted over all responses to a command: each may be small, and their number without end.
	if g.text += len(line); g.text > g.maxText {
		return g.tooMuch()
	}
	if g.resp.started {
		return g.data(line)
	}

	line = tidyStart(line)
	bare := bytes.TrimRight(line, "\r\n")
	if len(bare) == 0 { // some servers send an empty line after a literal
		return nil
	}
	// Tagged, or a continuation.
	if bare[0] != '*' {
		return g.answer(imapline.Parse(bare))
	}

	switch kind := kindOf(bare); kind {
	case "OK", "NO", "BAD", "BYE", "PREAUTH":
		return g.status(imapline.Parse(bare))
	default:
		dropped := !known[kind]
		if kind == "LIST" {
			if bare, err = g.withoutLiterals(bare); err != nil {
				return err
			}
			tidy, isList := tidyList(bare)
			bare = g.ownName(tidy)
			line = append(bare[:len(bare):len(bare)], "\r\n"...)
			dropped = !isList || g.misnamed(bare)
		}
		// Dropped data are still followed to their end: they may hold literals in which a "* OK" would be
		// text.
		g.resp = response{started: true, kind: kind, dropped: dropped}
		return g.data(line)
	}
}

// tooMuch ends the connection of a server that sends responses without end.
func (g *guard) tooMuch() error {
	return g.violation("more than %d bytes without an answer to a command", g.maxText)
}

// kindOf returns the name of the data in an untagged response, in upper case; "" if imapclient can't take its
// number.
func kindOf(line []byte) string {
	// The name stands at the beginning; the line may be megabytes long.
	rest, ok := bytes.CutPrefix(line[:min(len(line), 64)], []byte("* "))
	if !ok {
		return ""
	}
	isNumbered := len(rest) > 0 && rest[0] >= '0' && rest[0] <= '9'
	if isNumbered {
		var number []byte
		number, rest, _ = bytes.Cut(rest, []byte(" "))
		if _, err := strconv.ParseUint(string(number), 10, 32); err != nil {
			return ""
		}
	}
	if i := bytes.IndexAny(rest, " ("); i >= 0 {
		rest = rest[:i]
	}

	kind := string(bytes.ToUpper(rest))
	if isNumbered != numbered[kind] {
		return ""
	}
	return kind
}

// numbered are the data with a number before their name.
var numbered = map[string]bool{"EXISTS": true, "EXPUNGE": true, "FETCH": true}

// tidyStart is an untagged response with one blank before its number, and before its name.
func tidyStart(line []byte) []byte {
	start := line[:min(len(line), 64)]
	if !bytes.HasPrefix(start, []byte("*")) || !bytes.Contains(start, []byte("  ")) {
		return line
	}

	rest := bytes.TrimLeft(line[1:], " ")
	digits := len(rest) - len(bytes.TrimLeft(rest, "0123456789"))
	out := append([]byte("* "), rest[:digits]...)
	if digits > 0 {
		out = append(out, ' ')
	}
	return append(out, bytes.TrimLeft(rest[digits:], " ")...)
}

// admit counts a message body of size bytes, which may be one that nobody asked for.
func (g *guard) admit(size int64) error {
	if size > fetch.MaxMessage {
		return g.violation("a message of %d bytes", size)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	// A server may push messages that nobody asked for. imapclient drops them, but reading them takes
	// forever.
	if g.unasked > maxUnasked || g.unaskedBytes > fetch.MaxMessage {
		return g.violation("%d messages of %d bytes in a row that nobody asked for", g.unasked,
			g.unaskedBytes)
	}
	g.unasked++
	g.unaskedBytes += size
	return nil
}

// asked notes that the last message body, or an answer, is one that we are waiting for.
func (g *guard) asked() {
	g.conn.Answered()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.unasked, g.unaskedBytes = 0, 0
}

// goesOn tells whether line, which check has seen, can stand behind a message body: more items up to a
// literal, or the response's end.
func (r *response) goesOn(line []byte, literal bool) bool {
	line = bytes.TrimRight(line, " \r\n")
	switch {
	case bytes.Equal(line, []byte(")")):
		return r.depth == 0
	case bytes.HasPrefix(line, []byte(" ")):
		return literal || r.depth == 0 && bytes.HasSuffix(line, []byte(")"))
	}
	return false
}

// check follows parentheses, quotes and numbers through a line that imapclient will see.
func (g *guard) check(line []byte) error {
	r := &g.resp
	switch {
	case r.dropped:
		return nil
	case !r.nest(line):
		return g.violation("a %s response nested deeper than %d, or with unbalanced parentheses or quotes",
			r.kind, maxDepth)
	case r.kind == "FETCH":
		g.noteNamedUID(line)
	case r.kind == "SEARCH" || r.kind == "ESEARCH":
		if err := g.found(line); err != nil {
			return err
		}
	}
	return nil
}

// nest follows parentheses and quotes through line. A quoted string ends on its line.
func (r *response) nest(line []byte) bool {
	n := nesting{depth: r.depth}
	for _, b := range line {
		if n.take(b); n.depth > maxDepth || n.depth < 0 {
			return false
		}
	}
	r.depth = n.depth
	return !n.quoted
}

// nesting is how deep in parentheses an octet stands, and whether in quotes.
type nesting struct {
	depth           int
	quoted, escaped bool
}

func (n *nesting) take(b byte) {
	switch {
	case n.escaped:
		n.escaped = false
	case n.quoted && b == '\\':
		n.escaped = true
	case b == '"':
		n.quoted = !n.quoted
	case n.quoted:
	case b == '(':
		n.depth++
	case b == ')':
		n.depth--
	}
}

// found checks the results of searches. One that names a tag (RFC 4466 section 2.6.2) must name that of a
// command under way, and be the only one for it: imapclient would pass over a result for no command, and take
// the last one of several for all.
func (g *guard) found(line []byte) error {
	// Only the first line names the tag.
	if g.resp.lines > 1 {
		return nil
	}

	tag := ""
	if m := searchTag().FindSubmatch(line); m != nil {
		tag = string(m[1])
	}
	if tag != "" && !g.isAwaited(tag) {
		return g.violation("the result of a search that is not under way: %s",
			g.conn.Quoted(bytes.TrimRight(line, "\r\n")))
	}

	g.mu.Lock()
	again := g.resp.kind == "ESEARCH" && slices.Contains(g.named, tag)
	if g.resp.kind == "ESEARCH" && !again {
		g.named = append(g.named, tag)
	}

	g.mu.Unlock()
	if again {
		return g.violation("two results of one search: %s", g.conn.Quoted(bytes.TrimRight(line, "\r\n")))
	}

	return nil
}

// noteGarbled notes that the result of a search is none.
func (g *guard) noteGarbled() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.garbled = true
}

// wasGarbled tells whether the result of a search was none since it was asked last.
func (g *guard) wasGarbled() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	was := g.garbled
	g.garbled = false
	return was
}

// searchTag finds the tag in an ESEARCH response.
var searchTag = pattern.New(`(?i)^\* ESEARCH \(TAG "?([^" )]+)"?\)`)

// order counts the numbers in line that are smaller than the one before.
func (g *guard) order(line []byte) {
	var n uint64
	in := false
	for _, b := range line {
		if b >= '0' && b <= '9' {
			n, in = n*10+uint64(b-'0'), true
			continue
		}
		if in {
			if n < g.number {
				g.unsorted++
			}
			g.number, n, in = n, 0, false
		}
	}
}

// literal tells whether line ends in a literal, its size, and what stands before it. A size below 0 is a
// malformed one.
func literal(line []byte) (before []byte, size int64, ok bool) {
	line = bytes.TrimRight(line, " \r\n") // imapclient takes a blank there, too
	open := bytes.LastIndexByte(line, '{')
	if open < 0 || line[len(line)-1] != '}' {
		return nil, 0, false
	}

	before = line[:open]
	digits := string(line[open+1 : len(line)-1])
	// Some servers mark theirs as clients may (RFC 7888).
	if end := len(digits) - 1; end > 0 && (digits[end] == '+' || digits[end] == '-') {
		digits = digits[:end]
	}
	// An atom may end in } too.
	if strings.Trim(digits, "+0123456789") != "" {
		return before, 0, false
	}

	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil {
		return before, -1, false
	}

	return before, int64(n), true
}

// isBody tells from the text before a literal whether this is the message body that we asked for.
func isBody(before []byte) bool {
	before = bytes.TrimRight(before, " ")
	i := len(before) - len("BODY[]")
	return i > 0 && (before[i-1] == ' ' || before[i-1] == '(') &&
		bytes.EqualFold(before[i:], []byte("BODY[]"))
}

// smallLiteral passes on line and the literal behind it, which data has found small enough.
func (g *guard) smallLiteral(line []byte, size int64) error {
	buf := make([]byte, len(line)+int(size))
	n := copy(buf, line)
	if err := g.conn.ReadFull(buf[n:]); err != nil {
		return err
	}
	g.resp.size += int(size)
	g.text += int(size)
	if !g.resp.dropped {
		g.out = buf
	}
	return nil
}

// finish passes on the last line of a response.
func (g *guard) finish(line []byte) error {
	r := g.resp
	g.resp = response{}
	// The server names the UID behind the body: only then is it known whose body that was.
	if r.inserted {
		if err := g.checkNamedUID(r.uid); err != nil {
			return err
		}
	}

	switch {
	case r.dropped:
	case r.kind == "SEARCH" || r.kind == "ESEARCH":
		var ok bool
		if g.out, ok = sortedResult(line); !ok {
			g.noteGarbled()
		}
		// Counted after sorting, over all lines: imapclient inserts each number into what it has, so disorder
		// costs the square of it.
		if g.order(g.out); g.unsorted > maxUnsorted {
			return g.violation("the result of a search in no order")
		}
	case r.kind == "FETCH" && r.lines == 1 && isNews(line):
		g.out = g.wantedFlags(line)
	case r.kind == "EXISTS" || r.kind == "EXPUNGE":
		g.noteMessages(r.kind, line)
		g.out = line
	default:
		g.out = line
	}

	return nil
}

// isNews tells whether a FETCH response has nothing that we ever ask for: the server reports a change of
// flags, in which there may be something that imapclient can't parse.
func isNews(line []byte) bool {
	line = bytes.ToUpper(line)
	return !bytes.Contains(line, []byte("BODY[]")) && !bytes.Contains(line, []byte("RFC822.SIZE"))
}
