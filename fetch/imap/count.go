package imap

import (
	"bytes"
	"strconv"
)

// noteMessages notes what an EXISTS or EXPUNGE response says of how many messages there are.
func (g *guard) noteMessages(kind string, line []byte) {
	digits, _, _ := bytes.Cut(bytes.TrimPrefix(line, []byte("* ")), []byte(" "))
	n, err := strconv.ParseUint(string(digits), 10, 32)
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case err != nil:
	case kind == "EXISTS":
		g.recounted = g.recounted || g.messages != uint32(n)
		g.messages = uint32(n)
	case n > 0 && g.messages > 0:
		g.messages--
	}
}

// countMessages is how many messages the selected mailbox has, according to the server.
func (g *guard) countMessages() uint32 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.messages
}

// wasRecounted tells whether an EXISTS had another number than was known, since it was asked last.
func (g *guard) wasRecounted() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	was := g.recounted
	g.recounted = false
	return was
}
