package wire

import (
	"strconv"
	"strings"
)

// TraceLimit is how much of one line a trace shows.
const TraceLimit = 1000

// Tracing tells whether anybody listens.
func (c *Conn) Tracing() bool { return c.opt.Trace != nil }

// TraceIn traces a line from the server.
func (c *Conn) TraceIn(line []byte) {
	if c.opt.Trace != nil {
		c.opt.Trace(c.opt.Label + "< " + Printable(line))
	}
}

// TraceOut traces a line to the server; the caller has taken secrets out.
func (c *Conn) TraceOut(line string) {
	if c.opt.Trace != nil {
		c.opt.Trace(c.opt.Label + "> " + Printable([]byte(line)))
	}
}

// Printable is a peer's text made safe for a log or a terminal: control characters, quotes apart, and bytes that are
// not UTF-8 are escaped, and it is cut at TraceLimit bytes.
func Printable(text []byte) string {
	cut := 0
	if len(text) > TraceLimit {
		cut = len(text) - TraceLimit
		text = text[:TraceLimit]
	}
	q := strconv.Quote(string(text))
	s := strings.ReplaceAll(strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`), `\\`, `\`)
	if cut > 0 {
		s += "… (" + strconv.Itoa(cut) + " more bytes)"
	}
	return s
}

// Quoted is a peer's text as an error message shows it: quoted, escaped and cut at 200 bytes.
func Quoted(text []byte) string {
	if len(text) > 200 {
		return strconv.Quote(string(text[:200])) + "…"
	}
	return strconv.Quote(string(text))
}
