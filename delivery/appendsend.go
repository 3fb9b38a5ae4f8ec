package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"fetchd/fetch/login"
	"fetchd/tlsverify/hints"
)

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
	if !s.has("MULTIAPPEND") || s.d.noBatches.Load() || items[0].goesAlone() ||
		!s.sendsUnasked(items[0].size) {
		return batch
	}

	bytes := items[0].size
	for i := range items[1:] {
		it := &items[1+i]
		if bytes += it.size; len(batch) == appendBatch || bytes > appendBatchBytes {
			break
		}
		fits := it.folder == s.folder.name && !s.isTooLarge(it) && s.sendsUnasked(it.size)
		if !fits || !it.isOpen() || it.goesAlone() {
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
	if err := s.findFolder(it); err != nil {
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
	return fmt.Sprintf("%s {%d%s}", s.marks(it), it.size, plus)
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
