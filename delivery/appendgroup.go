package delivery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"fetchd/fetch/fault"
	"fetchd/fetch/login"
	"fetchd/tlsverify/hints"
)

// appendItem is one message of a group under way.
type appendItem struct {
	m      *Message
	folder string
	trace  []byte // with its key, if there is one
	key    string // says which message of which account it is; "" = the trace can't hold it
	size   int64  // as it is sent
	alone  bool   // refused with others: looked for, and then sent by itself
	state  appendState
	err    error // why it is not delivered
}

type appendState int

const (
	appendWaiting  appendState = iota
	appendBegun                // its command was sent
	appendPartly               // and some of it, but not the last octet
	appendComplete             // and the last octet
	appendDone                 // the server has it
	appendFailed               // err says why not
)

// isOpen tells whether it can and must still be sent.
func (it *appendItem) isOpen() bool { return it.state == appendWaiting && it.err == nil }

// fail gives it a result.
func (it *appendItem) fail(err error) { it.state, it.err = appendFailed, err }

// result is nil only for a message that the server has.
func (it *appendItem) result() error {
	if it.err == nil && it.state != appendDone {
		return errLeft
	}
	return it.err
}

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

// yield gives the message as it is sent: each CR, LF and CRLF as CRLF. buf is scratch space.
func (it *appendItem) yield(ctx context.Context, buf []byte, yield func([]byte) error) error {
	head, skip := it.m.edited()
	lines := lineEnds{bare: true}
	return yieldParts(ctx, it.m, [][]byte{it.trace, head}, skip, func(p []byte) error {
		buf = lines.append(buf[:0], p)
		return yield(buf)
	})
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

// deliver begins to deliver the first of the items, and more of them in the same command if that can be.
// Their answer may come later; that to the first one for a folder is waited for, so that not many are sent to
// a folder that is not there.
func (s *appendSession) deliver(ctx context.Context, items []appendItem) error {
	it := &items[0]
	// What is under way belongs to the folder before; its answers must not be judged by the next one.
	if s.folder == nil || s.folder.name != it.folder {
		if err := s.await(0); err != nil {
			return err
		}
		if err := s.enter(it.folder); err != nil {
			return err
		}
	}

	if s.isTooLarge(it) {
		err := hints.Errorf("it stays on the server; raise the limit there",
			"%s: message %.200q of %d bytes is too large: the server takes %d at most",
			s.d, it.m.UID, it.size, s.folder.limit)
		it.fail(&Error{Class: Permanent, Err: err})
		return nil
	}

	if !s.folder.proven {
		err := s.send(ctx, []*appendItem{it})
		if err == nil {
			err = s.prove(ctx, it)
		}
		return err
	}
	return s.send(ctx, s.batch(items))
}

func (s *appendSession) isTooLarge(it *appendItem) bool {
	return s.folder.limit > 0 && it.size > s.folder.limit
}

// batch is what goes with one command: the first of the items, and those after it that can.
func (s *appendSession) batch(items []appendItem) []*appendItem {
	batch := []*appendItem{&items[0]}
	if !s.has("MULTIAPPEND") || s.d.noBatches.Load() || items[0].alone || !s.sendsUnasked(items[0].size) {
		return batch
	}

	bytes := items[0].size
	for i := range items[1:] {
		it := &items[1+i]
		if bytes += it.size; len(batch) == appendBatch || bytes > appendBatchBytes {
			break
		}
		fits := it.folder == s.folder.name && !s.isTooLarge(it) && s.sendsUnasked(it.size)
		if !fits || !it.isOpen() || it.alone {
			break
		}
		batch = append(batch, it)
	}
	return batch
}

// prove waits for what the server says to the first message for a folder, which it may lack.
func (s *appendSession) prove(ctx context.Context, it *appendItem) error {
	if err := s.await(0); err != nil {
		return err
	}
	if errors.Is(it.err, errNoFolder) && s.d.o.Create {
		made, err := s.create(it)
		if err != nil || !made {
			return err
		}
		// Refused only because the folder was missing, so this is no second delivery.
		it.state, it.err = appendWaiting, nil
		if err := s.send(ctx, []*appendItem{it}); err != nil {
			return err
		}
		if err := s.await(0); err != nil {
			return err
		}
	}

	s.folder.proven = it.state == appendDone
	return nil
}

// send sends messages with one command, and its last octet only if all of them are still ours to deliver.
func (s *appendSession) send(ctx context.Context, batch []*appendItem) error {
	batch = slices.DeleteFunc(batch, func(it *appendItem) bool {
		err := it.m.Hold() // also before anything is sent: that spares us the connection
		if err != nil {
			it.fail(err)
		}
		return err != nil
	})
	if len(batch) == 0 {
		return nil
	}

	if err := s.makeRoom(batch); err != nil {
		return err
	}
	if err := s.begin(batch); err != nil || batch[0].state != appendPartly {
		return err
	}
	last, err := s.writeAll(ctx, batch)
	if err != nil {
		return err
	}

	for _, it := range batch {
		// Asked once more before the last octet: until that comes the server has none of the messages, and
		// another process may deliver them.
		if err := it.m.Hold(); err != nil {
			return s.abandon(it, batch, err)
		}
	}
	for _, it := range batch {
		it.state = appendComplete // from here on it may arrive
	}
	_, _ = s.w.Write(last)
	_, _ = s.w.WriteString("\r\n")
	return s.w.Flush()
}

// makeRoom waits until so much has been answered that the messages may be sent.
func (s *appendSession) makeRoom(batch []*appendItem) error {
	var size int64
	for _, it := range batch {
		size += it.size
	}
	// Answers are read before more is sent: if both sides only wrote, both would wait for ever.
	for len(s.pending) > 0 && (len(s.pending) >= appendWindow || s.bytes+size > appendWindowBytes) {
		if err := s.await(len(s.pending) - 1); err != nil {
			return err
		}
	}
	return nil
}

// begin sends the command up to the first message, and waits until the server wants that where it must be
// asked.
func (s *appendSession) begin(batch []*appendItem) error {
	first := batch[0]
	for _, it := range batch {
		it.state = appendBegun
		s.bytes += it.size
	}

	c := s.put(batch, "APPEND "+s.folder.wire+s.announced(first))
	// The answer may be the refusal, in which case the literal must not follow.
	for !s.sendsUnasked(first.size) && !s.goOn && !c.done {
		if err := s.listen(nil); err != nil {
			return err
		}
	}

	s.goOn = false
	if c.done {
		return nil
	}
	for _, it := range batch {
		it.state = appendPartly
	}
	return nil
}

// announced is what stands before a message.
func (s *appendSession) announced(it *appendItem) string {
	plus := ""
	if s.sendsUnasked(it.size) {
		plus = "+"
	}
	return fmt.Sprintf("%s {%d%s}", s.marks(it.m), it.size, plus)
}

// writeAll sends the messages of a command but for the last octet, which it returns.
func (s *appendSession) writeAll(ctx context.Context, batch []*appendItem) (last []byte, err error) {
	for i, it := range batch {
		if i > 0 {
			_, _ = s.w.Write(last)
			_, _ = s.w.WriteString(s.announced(it) + "\r\n")
		}
		if last, err = s.write(ctx, it); err != nil {
			return nil, s.abandon(it, batch, err)
		}
	}
	return last, nil
}

// write sends a message but for its last octet, which it returns.
func (s *appendSession) write(ctx context.Context, it *appendItem) (last []byte, err error) {
	var held []byte
	left := it.size
	err = it.yield(ctx, s.buf, func(p []byte) error {
		s.buf = p
		if left -= int64(len(p)); left < 0 {
			// A literal of another length than announced would have the server read our commands as mail, or
			// mail as commands.
			return fmt.Errorf("message %.200q is not as long as it was", it.m.UID)
		}
		if left == 0 && len(p) > 0 {
			held, p = []byte{p[len(p)-1]}, p[:len(p)-1]
		}
		_, err := s.w.Write(p)
		return err
	})
	if err == nil && left > 0 {
		err = fmt.Errorf("message %.200q is shorter than it was", it.m.UID)
	}
	return held, err
}

// abandon gives a message up in the middle of a command, which only the end of the connection can do. The
// answers to the commands before are read first. The other messages of the command have not arrived.
func (s *appendSession) abandon(it *appendItem, batch []*appendItem, err error) error {
	if s.conn.Err() == nil {
		// Those before it were sent whole, and their answers are on the way; without them they would be
		// unclear.
		_ = s.await(1)
		for _, other := range batch {
			other.state = appendWaiting
		}
		it.fail(err)
	}
	return s.conn.Break(err)
}

// marks are a message's flags and date as they stand in APPEND.
func (s *appendSession) marks(m *Message) string {
	text := ""
	if flags := keptFlags(m.Flags, s.d.o.Keywords); len(flags) > 0 {
		text = " (" + strings.Join(flags, " ") + ")"
	}
	if !m.InternalDate.IsZero() {
		text += m.InternalDate.Format(` "_2-Jan-2006 15:04:05 -0700"`)
	}
	return text
}

// keptFlags are those that a copy is to have: of the system's the ones that say something of the message, and
// with keywords the user's own.
func keptFlags(flags []string, keywords bool) []string {
	var kept []string
	for _, flag := range flags {
		switch strings.ToLower(flag) {
		// \Deleted would have the copy removed by whoever expunges there, and \Recent is the server's own.
		case `\seen`, `\answered`, `\flagged`, `\draft`:
			kept = append(kept, flag)
		default:
			if keywords && isKeyword(flag) {
				kept = append(kept, flag)
			}
		}
	}
	return kept
}

// isKeyword tells whether a flag can be sent as one: it is an atom (RFC 9051 section 9).
func isKeyword(flag string) bool {
	return flag != "" && !strings.ContainsFunc(flag, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`(){%*"\]`, r)
	})
}

// broken is the error of a connection that is of no more use; unclear says that the message may have arrived.
func (s *appendSession) broken(err error, unclear bool) error {
	// The first error of the connection: those after it only follow from it.
	if cerr := s.conn.Err(); cerr != nil {
		err = cerr
	}
	if unclear {
		err = fmt.Errorf("%w: %w", ErrUnclear, err)
	}
	err = fmt.Errorf("%s: %w", s.d, err)
	if hints.Of(err) == "" {
		err = hints.Errorf(hintKept, "%w", err)
	}
	return &login.Error{Kind: login.KindDelivery, Err: &Error{Class: Temporary, Err: err}}
}
