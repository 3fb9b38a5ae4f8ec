package delivery

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"fetchd/fetch/fault"
	"fetchd/tlsverify/hints"
)

// appendGroup is the messages of one DeliverGroup.
type appendGroup struct {
	d     *Append
	items []appendItem
}

var errNUL = hints.Errorf("it stays on the server; another kind of delivery can take it, such as a maildir",
	"a NUL octet, which IMAP can't carry (RFC 9051 section 4.3.1)")

// prepare finds out what is to be known of a message before it is sent.
func (g *appendGroup) prepare(ctx context.Context, it *appendItem, m *Message) {
	defer fault.Recover(&it.err)
	*it = appendItem{m: m, folder: g.d.folderOf(m), trace: m.Trace}
	if trace, ok := withID(m.Trace, appendKey(m)); ok {
		it.trace, it.key = trace, appendKey(m)
	}

	// Read once before anything is sent: APPEND names the size in advance, and a NUL would be found in the
	// middle of a literal.
	hasNUL := false
	err := it.yield(ctx, nil, func(p []byte) error {
		it.size += int64(len(p))
		hasNUL = hasNUL || bytes.IndexByte(p, 0) >= 0
		return nil
	})
	switch {
	case err != nil:
		it.fail(fmt.Errorf("%s: read message %.200q: %w", g.d, m.UID, err))
	case hasNUL:
		it.fail(&Error{Class: Permanent, Err: fmt.Errorf("%s: message %.200q has %w", g.d, m.UID, errNUL)})
	}
}

// appendConnections is how many connections one group may take: a server that ends each of them is to see few
// logins.
const appendConnections = 3

// deliver gives each message a result.
func (g *appendGroup) deliver(ctx context.Context) {
	for n := 1; g.hasOpen(); n++ {
		s, err := g.d.connect(ctx)
		if err != nil {
			g.failOpen(err)
			return
		}

		used := s.used
		err = g.over(ctx, s)
		if err == nil && s.conn.Err() == nil {
			continue // all have their results
		}
		s.close()
		g.breakOff(s, used, err)
		if n == appendConnections || ctx.Err() != nil {
			g.failOpen(s.broken(err, false))
		}
	}
}

// hasOpen tells whether some have no result yet.
func (g *appendGroup) hasOpen() bool {
	return slices.ContainsFunc(g.items, func(it appendItem) bool { return it.isOpen() })
}

// failOpen gives those without a result one.
func (g *appendGroup) failOpen(err error) {
	for i := range g.items {
		if it := &g.items[i]; it.isOpen() {
			it.fail(err)
		}
	}
}

// breakOff says what the end of the connection means for the messages that were under way: of those that were
// sent whole nobody knows. Another one has not arrived, and is tried again at once only if the connection was
// an old one: it may be the reason for the end.
func (g *appendGroup) breakOff(s *appendSession, used bool, err error) {
	for i := range g.items {
		switch it := &g.items[i]; {
		case it.state == appendComplete:
			it.fail(s.broken(err, true))
		// Not sent, or answered.
		case it.state != appendBegun && it.state != appendPartly:
		// The server may have closed an idle connection while the command was on its way.
		case used:
			it.state = appendWaiting
		default:
			it.fail(s.broken(err, false))
		}
	}
}

// over sends messages over one connection, which is kept if it is still good then. An error is that of the
// connection. A panic breaks it: it may be in the middle of anything.
func (g *appendGroup) over(ctx context.Context, s *appendSession) (err error) {
	release := s.conn.Bind(ctx)
	defer func() {
		release()
		if err == nil && s.conn.Err() == nil {
			s.used = true
			g.d.kept.keep(s)
		}
	}()
	defer fault.Recover(&err)

	// Anew over each connection: what was complete before the last one broke may have arrived.
	for g.hasOpen() { // once more for those that were refused together
		if err := g.skipEarlier(ctx, s); err != nil {
			return err
		}
		for i := range g.items {
			if !g.items[i].isOpen() {
				continue
			}
			if err := s.deliver(ctx, g.items[i:]); err != nil {
				return err
			}
			if err := g.stopped(); err != nil { // the others would get the same answer
				if err := s.await(0); err != nil {
					return err
				}
				g.failOpen(err)
			}
		}
		if err := s.await(0); err != nil {
			return err
		}
	}

	return nil
}

// stopped is the error of a message that says that the destination takes none at all.
func (g *appendGroup) stopped() error {
	for i := range g.items {
		if it := &g.items[i]; it.state == appendFailed && ClassOf(it.err) == Unusable {
			return it.err
		}
	}
	return nil
}
