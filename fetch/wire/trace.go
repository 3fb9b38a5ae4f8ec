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
	// Quotes and backslashes are frequent in IMAP and harmless, and a trace is easier to read without
	// escapes.
	s := strings.ReplaceAll(strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`), `\\`, `\`)
	if cut > 0 {
		s += "… (" + strconv.Itoa(cut) + " more bytes)"
	}
	return s
}

// Quoted is a peer's text as errors show it: secrets are concealed, and the text is quoted, escaped and cut
// at 200 bytes.
func (c *Conn) Quoted(text []byte) string {
	// Before it is cut: a part of a secret would not be recognised.
	clean := c.Clean(string(text))
	if len(clean) > quotedLimit {
		return strconv.Quote(clean[:quotedLimit]) + "…"
	}
	return strconv.Quote(clean)
}

// Address is an address of the web that a peer names, whole: the user is to open it, and providers make them
// long. It is "" where the text is none, or holds anything that has no place in one.
func (c *Conn) Address(text string) string {
	if !strings.HasPrefix(text, "https://") && !strings.HasPrefix(text, "http://") ||
		len(text) > addressLimit {
		return ""
	}
	isForbidden := func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune("\"<>\\^`{|}[]", r)
	}
	if strings.ContainsFunc(text, isForbidden) {
		return ""
	}
	return c.Clean(text)
}

// addressLimit is how long an address of the web may be that is shown: those of Gmail's WEBALERT have some
// 500 bytes.
const addressLimit = 2000

// quotedLimit is how much of a peer's text an error shows.
const quotedLimit = 200
