package imap

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/fault"
	"fetchd/fetch/login/imapline"
	"fetchd/fetch/wire"
)

// quietTimeout is how long the connection may be idle: servers end it after 30 minutes (RFC 9051 section
// 5.4).
const quietTimeout = 35 * time.Minute

// guard is the connection that imapclient reads: it follows the framing of the responses and bounds lines,
// nesting and literals, drops what imapclient can't parse or must not learn, and turns an end within a
// response into an error. Deadlines that imapclient sets are ignored; the connection below arms its own.
type guard struct {
	conn    *wire.Conn
	caps    []string // which imapclient may know of
	alerts  *alerts
	unnamed int  // mailboxes that were left out because of their names
	marks   bool // we ask for the dates and flags of messages

	out      []byte // checked bytes not yet read by imapclient
	tidy     []byte // where lines are written anew
	body     int64  // bytes left of a message body that is passed through
	resp     response
	text     int // bytes of responses since the last tagged one, bodies apart
	maxText  int
	number   uint64 // the last one in the result of a search
	unsorted int    // how often a number there was smaller than the one before

	mu        sync.Mutex
	turn      sync.Cond // of mu: who reads next may have changed, or whether there is something to be read
	partial   bool      // imapclient has written a part of a line
	idle      bool      // an IDLE was sent, and no DONE yet
	open      []string  // tags of the commands sent and not answered
	named     []string  // tags in ESEARCH since the last answer to a command, "" for none
	quiet     bool      // the server owes us no answer
	validity  uint32    // of the selected mailbox; 0 = none
	garbled   bool      // the result of a search was none
	unseen    bool      // the server said that there is an unseen message in it
	messages  uint32    // how many there are, according to the server
	recounted bool      // see wasRecounted
	own       ownNames
	flags     bool              // we want to know flags
	last      map[string]string // the tag of the last command of a name
	limits    map[string]uint32 // the UID at which the server ended a command before its end, by tag
	limit     uint32            // how many messages the server will process in one command; 0 = all
	insertion uidInsertion
	textFirst bool // a message body came before any UID
	bodyCut   bool // the response with the last message body did not end as it must

	warning imapline.Reply // the last NO or BAD without a tag since the last answer to a command

	// message bodies since the last answer to a command, or the last one that was asked for
	unasked      int
	unaskedBytes int64 // their sizes
}

// newGuard returns a guard that lets imapclient know of caps.
func newGuard(conn *wire.Conn, caps []string, alerts *alerts) *guard {
	g := &guard{conn: conn, caps: caps, alerts: alerts, maxText: maxText}
	g.turn.L = &g.mu
	return g
}

// greet shows a new imapclient a greeting, as if the server knew us already.
func (g *guard) greet() {
	g.out = []byte("* PREAUTH [CAPABILITY " + strings.Join(g.caps, " ") + "] logged in\r\n")
	g.mu.Lock()
	defer g.mu.Unlock()
	g.quiet = true // it has sent nothing yet
	g.limits = nil // its tags are those of the one before
}

// Read implements net.Conn.
func (g *guard) Read(p []byte) (int, error) {
	n, err := g.read(p)
	if err != nil {
		_ = g.conn.Break(err) // it is broken already, unless read panicked
		g.noteCutBody()
	}
	return n, err
}

func (g *guard) read(p []byte) (n int, err error) {
	defer fault.Recover(&err)
	for {
		if err := g.conn.Err(); err != nil {
			return 0, err
		}

		if len(g.out) > 0 {
			n = copy(p, g.out)
			if g.out = g.out[n:]; len(g.out) == 0 {
				g.out = nil // it may be large
			}
			return n, nil
		}

		// A body is passed through as it comes: it may be gigabytes, and is nowhere held as a whole.
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
		return n, g.conn.ReadError(err)
	}
	return n, nil
}

// violation ends the connection over something that no server may send.
func (g *guard) violation(format string, args ...any) error {
	return g.conn.Break(fetch.Fail(fetch.KindProtocol, fmt.Errorf("server sent "+format, args...)))
}

// expectValidity makes the connection end if the server reports another UIDVALIDITY from now on: UIDs would
// mean other messages.
func (g *guard) expectValidity(v uint32) {
	g.mu.Lock()
	g.validity = v
	g.mu.Unlock()
}

// sent notes the tag of a command; the lock is held.
func (g *guard) sent(tag, command string) {
	if g.last == nil {
		g.last = map[string]string{}
	}
	// The dot stands for a second word where there is none.
	words := strings.Fields(command + " .")
	name := words[0]
	if name == "UID" {
		name += " " + words[1]
	}
	if name == "SELECT" || name == "EXAMINE" {
		// They were said of the mailbox that was selected before.
		g.unseen, g.messages = false, 0
	}
	g.last[name] = tag
}

// lastTag is the tag of the command of this name that was sent last.
func (g *guard) lastTag(name string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.last[name]
}

// saidUnseen tells whether the server said that the selected mailbox has an unseen message.
func (g *guard) saidUnseen() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.unseen
}

// lastWarning is the last NO or BAD without a tag since the last answer to a command; false = there is none.
func (g *guard) lastWarning() (imapline.Reply, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.warning, g.warning.Word != ""
}

// expectFlags says whether responses with flags are of interest.
func (g *guard) expectFlags(on bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.flags = on
}

// selectedValidity is the UIDVALIDITY that was passed to expectValidity.
func (g *guard) selectedValidity() uint32 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.validity
}

// isAwaited tells whether tag belongs to a command that is under way.
func (g *guard) isAwaited(tag string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Contains(g.open, tag)
}

// answered notes a response with tag, or the continuation that begins an IDLE ("+"). While no command waits
// for an answer the server may be silent for long. False means that nothing waits for a continuation: no
// other command of ours has one.
func (g *guard) answered(tag string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if tag == "+" && !g.idle {
		return false
	}
	if tag != "+" {
		g.named, g.warning = nil, imapline.Reply{}
	}
	g.open = slices.DeleteFunc(g.open, func(t string) bool { return t == tag })
	// Only now: while an answer is owed, silence means trouble; afterwards it is the normal state.
	if g.quiet = len(g.open) == 0 || g.idle && tag == "+"; g.quiet {
		g.conn.Quiet(quietTimeout)
	}
	g.turn.Broadcast()
	return true
}

// patience changes how long the server may take for the answers that it owes us; 0 is back to the account's
// time-out.
func (g *guard) patience(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.quiet {
		g.conn.SetTimeout(d)
	}
}

// rest waits for the next response without a buffer while the server owes us none.
func (g *guard) rest() error {
	g.mu.Lock()
	quiet := g.quiet
	g.mu.Unlock()
	// A connection that waits for mail may be one of thousands, and its read buffer would be most of its
	// memory.
	if !quiet || g.resp.started {
		return nil
	}
	g.tidy = nil
	return g.conn.Rest()
}

// Write implements net.Conn. imapclient writes one command at a time, a long one in parts; its tags start
// with T. No panic gets out, as imapclient holds a lock.
func (g *guard) Write(p []byte) (n int, err error) {
	defer func() {
		if err != nil {
			_ = g.conn.Break(err)
		}
	}()
	defer fault.Recover(&err)

	// imapclient wants to hear how much of its own text was written, not of what it became.
	sent := len(p)
	p = g.note(p)
	if g.conn.Tracing() { // the names of mailboxes are the server's
		g.conn.TraceOut(g.conn.Clean(string(bytes.TrimRight(p, "\r\n"))))
	}
	if err := g.conn.Write(p); err != nil {
		return 0, err
	}

	return sent, nil
}

// note notes which command p begins, and starts the time limit for its answer.
func (g *guard) note(p []byte) []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	defer g.turn.Broadcast()
	begins := !g.partial
	g.partial = !bytes.HasSuffix(p, []byte("\r\n"))

	switch {
	case begins && bytes.HasPrefix(p, []byte("T")):
		g.idle = bytes.HasSuffix(p, []byte(" IDLE\r\n"))
		// Enough for a tag and two words; a UID set of kilobytes behind them is not copied.
		tag, command, _ := strings.Cut(string(p[:min(len(p), 40)]), " ")
		g.open = append(g.open, tag)
		g.sent(tag, command)
		g.quiet = false
		g.conn.SetTimeout(0)
	// DONE has no tag of its own: the answer to IDLE is owed again from here on.
	case begins && string(p) == "DONE\r\n":
		g.idle, g.quiet = false, false
		g.conn.SetTimeout(0)
	}

	return g.asListed(p)
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
