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
		c.opt.Trace(c.opt.Label + "< " + c.Printable(line))
	}
}

// TraceOut traces a line to the server; the caller has taken secrets out.
func (c *Conn) TraceOut(line string) {
	if c.opt.Trace != nil {
		c.opt.Trace(c.opt.Label + "> " + printable(line))
	}
}

// Printable is a peer's text made safe for a log or a terminal: secrets are concealed, control characters, quotes
// apart, and bytes that are not UTF-8 are escaped, and it is cut at TraceLimit bytes.
func (c *Conn) Printable(text []byte) string { return printable(c.Clean(string(text))) }

func printable(text string) string {
	cut := 0
	if len(text) > TraceLimit {
		cut = len(text) - TraceLimit
		text = text[:TraceLimit]
	}
	q := strconv.Quote(text)
	s := strings.ReplaceAll(strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`), `\\`, `\`)
	if cut > 0 {
		s += "… (" + strconv.Itoa(cut) + " more bytes)"
	}
	return s
}

// Quoted is a peer's text as an error shows it: secrets are concealed, and it is quoted, escaped and cut at 200 bytes.
func (c *Conn) Quoted(text []byte) string {
	clean := c.Clean(string(text))
	if len(clean) > quotedLimit {
		return strconv.Quote(clean[:quotedLimit]) + "…"
	}
	return strconv.Quote(clean)
}

// quotedLimit is how much of a peer's text an error shows.
const quotedLimit = 200
