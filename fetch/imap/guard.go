package imap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"fetchd/fetch/wire"
)

// Bounds on what a server may send outside of message bodies. imapclient (v2.0.0-beta.8) has none of its own.
const (
	maxResponse   = 1 << 20 // one response with its literals; a FETCH without the body is some hundred bytes
	maxSearchLine = 4 << 20 // SEARCH and ESEARCH: half a million UIDs
	maxDepth      = 32      // parentheses within each other; imapclient recurses and would overflow its stack
)

// quietTimeout is how long the connection may lie unused: servers end it after 30 minutes (RFC 9051 section 5.4).
const quietTimeout = 35 * time.Minute

var errRenumbered = errors.New("server renumbered the mailbox (UIDVALIDITY changed) in the middle; it is looked at anew next time")

// known are the untagged responses that imapclient understands and we need. All others are dropped: a client has to
// tolerate them (RFC 9051 section 7), and imapclient ends the connection.
var known = map[string]bool{
	"OK": true, "NO": true, "BAD": true, "BYE": true, "CAPABILITY": true, "LIST": true, "SEARCH": true,
	"ESEARCH": true, "EXISTS": true, "EXPUNGE": true, "FETCH": true, "ENABLED": true, "STATUS": true,
}

// guard is the connection that imapclient reads: it follows the framing of the responses and bounds lines, nesting and
// literals, drops what imapclient can't parse, and turns an end within a response into an error. Deadlines that
// imapclient sets are ignored; the connection below arms its own.
type guard struct {
	conn *wire.Conn

	out     []byte // checked bytes not yet read by imapclient
	body    int64  // bytes left of a message body that is passed through
	resp    response
	dropped bool // the response in hand is not for imapclient

	mu       sync.Mutex
	idle     bool   // an IDLE was sent, and no DONE yet
	open     int    // commands sent and not answered
	validity uint32 // of the selected mailbox; 0 = none
	bye      string // text of the server's BYE
	claim    string // see claimUID
}

// response is what is known of the response in hand.
type response struct {
	started bool
	kind    string // "FETCH", "SEARCH", "OK" …; "" for a tagged one
	text    bool   // a status response or continuation: free text to the end of the line
	size    int
	depth   int
	quoted  bool
	escaped bool
}

// newGuard returns a guard that first shows imapclient a greeting with caps, as if the server knew us already.
func newGuard(conn *wire.Conn, caps []string) *guard {
	g := &guard{conn: conn}
	g.out = fmt.Appendf(nil, "* PREAUTH [CAPABILITY %s] logged in\r\n", bytes.Join(toBytes(caps), []byte(" ")))
	return g
}

func toBytes(words []string) [][]byte {
	out := make([][]byte, len(words))
	for i, w := range words {
		out[i] = []byte(w)
	}
	return out
}

// Read implements net.Conn.
func (g *guard) Read(p []byte) (int, error) {
	for {
		if len(g.out) > 0 {
			n := copy(p, g.out)
			g.out = g.out[n:]
			return n, nil
		}
		if g.body > 0 {
			return g.readBody(p)
		}
		if err := g.next(); err != nil {
			return 0, err
		}
	}
}

func (g *guard) readBody(p []byte) (int, error) {
	n, err := g.conn.Reader().Read(p[:min(int64(len(p)), g.body)])
	g.body -= int64(n)
	if err != nil {
		return n, g.failed(err)
	}
	return n, nil
}

// next reads the next line of the response in hand, checks it and puts it into out.
func (g *guard) next() error {
	line, err := g.conn.ReadResponseLine(maxSearchLine)
	if err != nil {
		return g.failed(err)
	}
	if !g.resp.started {
		g.start(line)
	}
	if g.resp.size += len(line); g.resp.size > g.limit() {
		return g.conn.Break(fmt.Errorf("server sent a %s response of more than %d bytes", g.resp.kind, g.limit()))
	}
	if g.resp.text {
		g.finish(line)
		return nil
	}
	if err := g.nesting(line); err != nil {
		return g.conn.Break(err)
	}
	size, body, ok, err := g.literal(line)
	switch {
	case err != nil:
		return g.conn.Break(err)
	case !ok:
		g.finish(line)
		return nil
	case body:
		line, err = g.rewrite(line)
		if err != nil {
			return g.conn.Break(err)
		}
		g.out, g.body = line, size
		return nil
	}
	return g.smallLiteral(line, size)
}

// limit is how large the response in hand may grow.
func (g *guard) limit() int {
	if g.resp.kind == "SEARCH" || g.resp.kind == "ESEARCH" {
		return maxSearchLine
	}
	return maxResponse
}

// start finds out what response begins with line.
func (g *guard) start(line []byte) {
	g.resp = response{started: true}
	g.dropped = false
	if line[0] != '*' {
		g.resp.text = true // tagged, or a continuation request
		return
	}
	words := bytes.Fields(line[:min(len(line), 64)])
	if len(words) > 1 {
		kind := words[1]
		if kind[0] >= '0' && kind[0] <= '9' && len(words) > 2 {
			kind = words[2]
		}
		g.resp.kind = string(bytes.ToUpper(kind))
	}
	switch g.resp.kind {
	case "OK", "NO", "BAD", "BYE", "PREAUTH":
		g.resp.text = true
		g.note(line)
	}
	g.dropped = !known[g.resp.kind] || g.resp.kind == "OK" && bytes.Contains(line[:min(len(line), 40)], []byte("[PERMANENTFLAGS"))
}

// expectValidity ends the connection should the server tell another UIDVALIDITY from now on: UIDs would mean other
// messages.
func (g *guard) expectValidity(v uint32) {
	g.mu.Lock()
	g.validity = v
	g.mu.Unlock()
}

// selectedValidity is what expectValidity was told.
func (g *guard) selectedValidity() uint32 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.validity
}

// note keeps the text of a BYE, which imapclient drops, and watches for a new UIDVALIDITY.
func (g *guard) note(line []byte) {
	if _, rest, ok := bytes.Cut(line[:min(len(line), 64)], []byte("[UIDVALIDITY ")); ok {
		digits, _, _ := bytes.Cut(rest, []byte("]"))
		v, err := strconv.ParseUint(string(digits), 10, 32)
		g.mu.Lock()
		expected := g.validity
		g.mu.Unlock()
		if expected != 0 && (err != nil || uint32(v) != expected) {
			_ = g.conn.Break(errRenumbered)
		}
	}
	if g.resp.kind == "BYE" {
		g.mu.Lock()
		g.bye = wire.Quoted(bytes.TrimSpace(line[min(len(line), 5):]))
		g.mu.Unlock()
	}
}

// finish passes on the last line of a response.
func (g *guard) finish(line []byte) {
	if line[0] != '*' {
		g.answered(line[0] != '+')
	}
	if !g.dropped {
		g.out = line
	}
	g.resp = response{}
}

// nesting follows parentheses and quotes through line.
func (g *guard) nesting(line []byte) error {
	r := &g.resp
	for _, b := range line {
		switch {
		case r.escaped:
			r.escaped = false
		case r.quoted && b == '\\':
			r.escaped = true
		case b == '"':
			r.quoted = !r.quoted
		case r.quoted:
		case b == '(':
			if r.depth++; r.depth > maxDepth {
				return fmt.Errorf("server sent a %s response nested deeper than %d", r.kind, maxDepth)
			}
		case b == ')':
			r.depth--
		}
	}
	r.quoted, r.escaped = false, false // a quoted string never spans lines
	return nil
}

// literal tells whether line ends in a literal, its size, and whether it is the message body that we asked for.
func (g *guard) literal(line []byte) (size int64, body, ok bool, err error) {
	line = bytes.TrimRight(line, "\r\n")
	if len(line) == 0 || line[len(line)-1] != '}' {
		return 0, false, false, nil
	}
	open := bytes.LastIndexByte(line, '{')
	if open < 0 {
		return 0, false, false, nil
	}
	size, err = strconv.ParseInt(string(line[open+1:len(line)-1]), 10, 64)
	if err != nil || size < 0 {
		return 0, false, false, fmt.Errorf("server sent a malformed literal %s", wire.Quoted(line[open:]))
	}
	before := bytes.TrimRight(line[:open], " ")
	body = g.resp.kind == "FETCH" && len(before) > 6 && bytes.EqualFold(before[len(before)-6:], []byte("BODY[]"))
	if !body && int64(g.resp.size)+size > int64(g.limit()) {
		return 0, false, false, fmt.Errorf("server sent a literal of %d bytes in a %s response", size, g.resp.kind)
	}
	return size, body, true, nil
}

// smallLiteral passes on line and the literal behind it, which literal has found small enough.
func (g *guard) smallLiteral(line []byte, size int64) error {
	buf := make([]byte, len(line)+int(size))
	n := copy(buf, line)
	if _, err := io.ReadFull(g.conn.Reader(), buf[n:]); err != nil {
		return g.failed(err)
	}
	g.resp.size += int(size)
	if !g.dropped {
		g.out = buf
	}
	return nil
}

// claimUID makes the next message body that comes without its UID count as uid's. Some servers (Exchange) send BODY[]
// before UID, and imapclient drops such a message; it is then asked for alone, with its UID known. "" ends the claim.
func (g *guard) claimUID(uid string) {
	g.mu.Lock()
	g.claim = uid
	g.mu.Unlock()
}

// rewrite puts a claimed UID in front of the body where the server has not sent one.
func (g *guard) rewrite(line []byte) ([]byte, error) {
	g.mu.Lock()
	claim := g.claim
	g.mu.Unlock()
	if claim == "" {
		return line, nil
	}
	open := bytes.IndexByte(line, '(')
	if open < 0 || bytes.Contains(bytes.ToUpper(line[open:]), []byte("UID ")) {
		return line, nil
	}
	out := append([]byte(nil), line[:open+1]...)
	out = append(out, "UID "+claim+" "...)
	return append(out, line[open+1:]...), nil
}

// failed is the error of a read that ended: what the server said in its BYE, if it did, and never io.EOF.
func (g *guard) failed(err error) error {
	g.mu.Lock()
	bye := g.bye
	g.mu.Unlock()
	if bye != "" && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
		err = fmt.Errorf("server ended the connection: BYE %s", bye)
	}
	return g.conn.ReadError(err)
}

// answered counts a tagged response, or the continuation that begins an IDLE. While no command waits for an answer the
// server may be silent for long.
func (g *guard) answered(tagged bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if tagged {
		g.open = max(0, g.open-1)
	}
	if g.open == 0 || g.idle && !tagged {
		g.conn.SetTimeout(quietTimeout)
	}
}

// Write implements net.Conn. imapclient writes one command, or one part of a command that has literals, at a time; its
// tags start with T.
func (g *guard) Write(p []byte) (int, error) {
	g.mu.Lock()
	if len(p) > 0 && p[0] == 'T' {
		g.idle = bytes.HasSuffix(p, []byte(" IDLE\r\n"))
		g.open++
		g.conn.SetTimeout(0)
	} else if string(p) == "DONE\r\n" {
		g.idle = false
		g.conn.SetTimeout(0)
	}
	g.mu.Unlock()
	g.conn.TraceOut(string(bytes.TrimRight(p, "\r\n")))
	if err := g.conn.Write(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close implements net.Conn.
func (g *guard) Close() error { return g.conn.Close() }

// LocalAddr implements net.Conn.
func (g *guard) LocalAddr() net.Addr { return g.conn.RemoteAddr() }

// RemoteAddr implements net.Conn.
func (g *guard) RemoteAddr() net.Addr { return g.conn.RemoteAddr() }

// SetDeadline implements net.Conn; the connection below has its own deadlines.
func (g *guard) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.Conn; see SetDeadline.
func (g *guard) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.Conn; see SetDeadline.
func (g *guard) SetWriteDeadline(time.Time) error { return nil }
