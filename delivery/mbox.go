package delivery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"fetchd/fetch/fault"
	"fetchd/tlsverify/hints"
)

var errNoMbox = errors.New(`it is no mbox: it does not begin with "From "`)

// Mbox appends to an mbox file (RFC 4155, with the quotes of mboxrd). It is safe for concurrent use, also by
// several processes and beside programs that lock the file with fcntl(2) or FILE.lock, and holds nothing open
// between deliveries. A missing file is made (0600), but not the directory that it is in.
//
// The messages of a group are written in one go and then synced, and only after that Deliver returns nil.
// After any error the file is as long as before, before it is unlocked. A process that is killed in the
// middle may leave some messages, and the beginning of one. The retrieval that delivers these again
// (Message.Repeat) knows what they are: it counts those that are there, and removes the beginning.
type Mbox struct {
	file *mailFile
	now  func() time.Time
}

// Mboxes are the mbox files of a process, of which each has one Mbox: on some systems a lock of fcntl(2) does
// not hold within the process. The zero value is ready, and safe for concurrent use.
type Mboxes struct {
	mu   sync.Mutex
	made map[string]*Mbox
}

// At is the Mbox of that file.
func (b *Mboxes) At(path string) *Mbox {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.made == nil {
		b.made = map[string]*Mbox{}
	}
	if b.made[path] == nil {
		b.made[path] = NewMbox(path)
	}
	return b.made[path]
}

// NewMbox returns a Deliverer into that file. It touches nothing: Deliver reports what can't be used.
func NewMbox(path string) *Mbox { return &Mbox{file: newMailFile(path), now: time.Now} }

func (d *Mbox) String() string { return "mbox " + d.file.path }

// Deliver implements Deliverer.
func (d *Mbox) Deliver(ctx context.Context, m *Message) error {
	return d.DeliverGroup(ctx, []*Message{m})[0]
}

// DeliverGroup implements GroupDeliverer. One message that can't be read does not fail the others.
func (d *Mbox) DeliverGroup(ctx context.Context, ms []*Message) []error {
	errs := d.deliverTogether(ctx, ms)
	fillRoom(ms, errs, func(m *Message) error { return d.deliverTogether(ctx, []*Message{m})[0] })
	return errs
}

func (d *Mbox) deliverTogether(ctx context.Context, ms []*Message) []error {
	g := &mboxGroup{d: d, items: make([]mboxItem, len(ms))}
	for i, m := range ms {
		g.items[i] = newMboxItem(m)
	}
	errs := make([]error, len(ms))
	if len(ms) == 0 {
		return errs
	}

	writer, err := d.file.asOwner(ctx, func(f *openMailFile) error { return g.deliver(ctx, f) })

	for i := range errs {
		switch it := &g.items[i]; {
		case err != nil:
			errs[i] = d.file.explain("mbox", writer, "open", 0, err)
		case it.err != nil:
			act := fmt.Sprintf("append message %.200q to", it.m.UID)
			errs[i] = d.file.explain("mbox", writer, act, it.m.Body.Size(), it.err)
		}
	}

	return errs
}

// mboxGroup is the messages of one DeliverGroup.
type mboxGroup struct {
	d     *Mbox
	items []mboxItem
	date  string // of delivery, as the lines "From " end
}

type mboxItem struct {
	m     *Message
	trace []byte // with the identifier, if it can have one
	key   string // that identifier, which tells the message from an equal one of another account
	end   int64  // where it ends in the file
	found bool   // it was there already
	err   error
}

func newMboxItem(m *Message) mboxItem {
	key := appendKey(m)
	trace, ok := withID(m.Trace, key)
	if !ok {
		key = ""
	}
	return mboxItem{m: m, trace: trace, key: key}
}

// deliver appends the messages to f. An error that it returns concerns all.
func (g *mboxGroup) deliver(ctx context.Context, f *openMailFile) error {
	// First: a file that is something else must not even be searched for earlier messages and cut.
	if err := checkMbox(f); err != nil {
		return err
	}
	if err := g.findEarlier(ctx, f); err != nil {
		return err
	}

	g.date = g.d.now().UTC().Format(time.ANSIC + "\n")
	for i := range g.items {
		if it := &g.items[i]; !it.found {
			it.err = g.append(ctx, f, it)
		}
	}

	// One sync for all messages of the group: it costs more than all the writing.
	durable, err := f.commit()
	for i := range g.items {
		if it := &g.items[i]; it.err == nil && it.end > durable {
			it.err = err
		}
	}

	return nil
}

// checkMbox refuses a file that is something else.
func checkMbox(f io.ReaderAt) error {
	var head [len(fromWord)]byte
	n, err := f.ReadAt(head[:], 0)
	switch {
	case err != nil && err != io.EOF:
		return err
	case n > 0 && string(head[:n]) != fromWord:
		return hints.Add(errNoMbox, "name another file, or move it away")
	}
	return nil
}

// append appends one message.
func (g *mboxGroup) append(ctx context.Context, f *openMailFile, it *mboxItem) (err error) {
	f.begin()
	defer func() {
		if err != nil {
			f.undo()
		}
	}()
	defer fault.Recover(&err)

	// As late as possible: the wait for locks may have been long.
	if err := it.m.Hold(); err != nil {
		return err
	}
	if err := separate(f); err != nil {
		return err
	}
	f.buf = append(appendFromWords(f.buf, it.m), g.date...)
	if err := appendLines(ctx, f, it); err != nil {
		return err
	}
	if _, err := f.Write([]byte{'\n'}); err != nil { // the empty line behind it
		return err
	}
	it.end = f.end()
	return nil
}

// appendLines appends the trace and the message, converted right into what is gathered for the file.
func appendLines(ctx context.Context, f *openMailFile, it *mboxItem) error {
	lines := mboxLines{ended: it.m.Body.endsInLF()}
	head, rest := it.m.edited()
	err := yieldParts(ctx, it.m, [][]byte{it.trace, head}, rest, func(p []byte) error {
		f.buf = lines.append(f.buf, p)
		return f.flushFull()
	})
	if err != nil {
		return err
	}

	f.buf = lines.end(f.buf)
	return f.flushFull()
}

// separate writes what is lacking of the empty line before the next message: another program may not have
// written one, or may have been killed in the middle of a line.
func separate(f *openMailFile) error {
	if f.at() == 0 {
		return nil
	}

	// Of the last two bytes both, one or none may be in the file already: the write that came in between is
	// that of a full buffer.
	last := f.buf[max(0, len(f.buf)-2):]
	if missing := min(int64(2-len(last)), f.size); missing > 0 {
		written := make([]byte, missing)
		if _, err := f.ReadAt(written, f.size-missing); err != nil {
			return err
		}
		last = append(written, last...)
	}

	lacking := 2 - (len(last) - len(bytes.TrimRight(last, "\n")))
	_, err := f.Write([]byte("\n\n")[:lacking])
	return err
}

// appendFromWords appends the line that begins a message, as far as it is the same each time: the envelope
// sender. The time of delivery follows, in UTC.
func appendFromWords(line []byte, m *Message) []byte {
	sender := m.EnvelopeSender()
	if sender == "" {
		sender = "MAILER-DAEMON"
	}

	line = append(line, fromWord...)
	for _, c := range []byte(sender) {
		// A blank in the address would begin the date for readers of the line.
		if c <= ' ' || c == 0x7f {
			c = '_'
		}
		line = append(line, c)
	}
	return append(line, ' ')
}
