package wire

import (
	"strconv"
	"strings"
)

// traceLimit is how much of one line a trace shows.
const traceLimit = 1000

// Tracing tells whether traces go anywhere.
func (c *Conn) Tracing() bool { return c.opt.Trace != nil }

// traceIn traces a line from the server.
func (c *Conn) traceIn(line []byte) {
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

// Printable makes a peer's text safe for a log or a terminal: secrets are concealed, control characters and
// bytes that are not UTF-8 are escaped, and the text is cut at traceLimit bytes.
func (c *Conn) Printable(text []byte) string { return printable(c.Clean(string(text))) }

func printable(text string) string {
	cut := 0
	if len(text) > traceLimit {
		cut = len(text) - traceLimit
		text = text[:traceLimit]
	}
	q := strconv.Quote(text)
	s := strings.ReplaceAll(strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`), `\\`, `\`)
	if cut > 0 {
		s += "… (" + strconv.Itoa(cut) + " more bytes)"
	}
	return s
}

// Quoted is a peer's text as errors show it: secrets are concealed, and the text is quoted, escaped and cut
// at 200 bytes.
func (c *Conn) Quoted(text []byte) string {
	clean := c.Clean(string(text))
	if len(clean) > quotedLimit {
		return strconv.Quote(clean[:quotedLimit]) + "…"
	}
	return strconv.Quote(clean)
}

// quotedLimit is how much of a peer's text an error shows.
const quotedLimit = 200
