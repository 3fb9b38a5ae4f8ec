package imap

import (
	"math"
	"strconv"
	"strings"

	"fetchd/fetch/login/imapline"
)

// noteLimit notes that the server has processed only a part of the messages that a command named (RFC 9738),
// and the UID with which it ended.
func (g *guard) noteLimit(r imapline.Reply) {
	if r.Code != "MESSAGELIMIT" {
		return
	}

	limit, last, _ := strings.Cut(r.Args, " ")
	g.mu.Lock()
	defer g.mu.Unlock()
	if n, err := strconv.ParseUint(limit, 10, 32); err == nil && n > 0 {
		g.limit = uint32(n)
	}
	if uid, err := strconv.ParseUint(strings.TrimSpace(last), 10, 32); err == nil && uid > 0 {
		if g.limits == nil {
			g.limits = map[string]uint32{}
		}
		g.limits[r.Tag] = uint32(uid)
	}
}

// limited returns the UID with which the server ended the command with tag, if it did not process all
// messages.
func (g *guard) limited(tag string) (last uint32, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	last, ok = g.limits[tag]
	// Each is asked for once, so that the map doesn't grow with the connection's life.
	delete(g.limits, tag)
	return last, ok
}

// messageLimit is how many messages a command may name.
func (g *guard) messageLimit() uint32 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.limit == 0 {
		return math.MaxUint32
	}
	return g.limit
}

// offeredLimit is the number in a capability like MESSAGELIMIT=1000, 0 for none.
func offeredLimit(caps []string) uint32 {
	for _, word := range caps {
		if n, ok := strings.CutPrefix(word, "MESSAGELIMIT="); ok {
			limit, _ := strconv.ParseUint(n, 10, 32)
			return uint32(limit)
		}
	}
	return 0
}
