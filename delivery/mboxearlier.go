package delivery

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
)

// mboxEarlier is how much of the end of an mbox is searched for what a killed run has appended: some groups
// of messages, and what others have appended since. The size of what is looked for comes on top.
const mboxEarlier = 64 << 20

// storedMail is where a message is in an mbox.
type storedMail struct {
	start int64 // of its "From " line
	text  int64 // behind that
	end   int64 // of the file, or where the next one begins
	last  bool
}

// wantedMail is what an earlier copy of a message must be like.
type wantedMail struct {
	it   *mboxItem
	head []byte // the header, without the trace
}

// wantedMails are messages that may be in the file, by the length of what follows the header.
type wantedMails map[int64][]*wantedMail

// findEarlier looks for messages that an earlier run may have appended. Those that are there whole are marked
// as found, once they are durable. The beginning of one at the end of the file is removed: that run was
// killed while it wrote it, and it is appended whole now.
func (g *mboxGroup) findEarlier(ctx context.Context, f *openMailFile) error {
	wanted, size, err := g.wanted()
	// After a failed sync what is in the file proves nothing; the message is appended again.
	if err != nil || len(wanted) == 0 || f.m.doubted {
		return err
	}

	stored, err := storedMails(f, max(0, f.size-mboxEarlier-size), f.size)
	if err != nil {
		return err
	}

	var found []*mboxItem
	for _, s := range stored {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if it := wanted.take(f, s); it != nil {
			found = append(found, it)
		}
	}

	if len(found) > 0 {
		// Before they count as found: the killed run may not have come to its sync.
		if err := f.sync(); err != nil {
			return err
		}
	}
	for _, it := range found {
		it.found = true
	}

	// Only the last one: behind what another program has appended since, nothing is torn.
	if n := len(stored); n > 0 && wanted.begins(f, stored[n-1]) {
		f.cutBack(stored[n-1].start)
		f.start = f.size
	}

	return f.err
}

// wanted are the messages that may be there, and the size of all of them.
func (g *mboxGroup) wanted() (all wantedMails, size int64, err error) {
	all = wantedMails{}
	for i := range g.items {
		it := &g.items[i]
		if !it.m.Repeat {
			continue
		}

		r := newMboxReader(nil, it.m)
		head, err := io.ReadAll(io.LimitReader(r, HeaderLimit))
		if err != nil {
			return nil, 0, err
		}
		// Counted as it stands in the file, with its quotes: lengths are what copies are found by.
		rest, err := io.Copy(io.Discard, r)
		if err != nil {
			return nil, 0, err
		}

		total := int64(len(head)) + rest
		head = headerOf(head)
		body := total - int64(len(head))
		all[body] = append(all[body], &wantedMail{it, head})
		size += total
	}
	return all, size, nil
}

// take returns the message that s is, and no longer wants it; nil = none. What ends the file may lack the
// empty line that follows a message.
func (all wantedMails) take(f io.ReaderAt, s storedMail) *mboxItem {
	theirs := beginning(io.NewSectionReader(f, s.text, s.end-s.text))
	rest := s.end - s.text - int64(len(theirs))
	lengths := []int64{rest - 1}
	if s.last {
		lengths = append(lengths, rest)
	}

	for _, length := range lengths {
		for i, w := range all[length] {
			// By length first: few messages have the same one, and each comparison reads the message.
			if w.is(theirs, io.NewSectionReader(f, s.text+int64(len(theirs)), length)) {
				// Two equal messages need two copies.
				all[length] = slices.Delete(all[length], i, i+1)
				return w.it
			}
		}
	}

	return nil
}

// is tells whether header and body are the message, with another time in its trace, and perhaps other status
// fields.
func (w *wantedMail) is(header []byte, body io.Reader) bool {
	trace, ok := w.it.traceLength(header)
	if !ok || !bytes.Equal(withoutStatus(header[trace:]), withoutStatus(w.head)) {
		return false
	}
	ours := newMboxReader(nil, w.it.m)
	if _, err := io.CopyN(io.Discard, ours, int64(len(w.head))); err != nil {
		return false
	}
	return sameBytes(body, ours)
}

// traceLength is how much of text is the message's trace, in which a time, an address or a version may be
// others. It is not ok if text begins with something else, or another message's trace, or ends within it.
func (it *mboxItem) traceLength(text []byte) (n int, ok bool) {
	if !bytes.HasPrefix(text, fieldName(it.trace)) {
		return 0, false
	}
	for range bytes.Count(it.trace, []byte{'\n'}) {
		end := bytes.IndexByte(text[n:], '\n')
		if end <= 0 { // there is no empty line in it
			return 0, false
		}
		n += end + 1
	}
	return n, bytes.Contains(text[:n], []byte(it.key))
}

// begins tells whether s, at the end of the file, is no more than the beginning of one of the messages.
func (all wantedMails) begins(f io.ReaderAt, s storedMail) bool {
	for _, some := range all {
		for _, w := range some {
			if w.begins(f, s) {
				return true
			}
		}
	}
	return false
}

// begins tells whether s is the beginning of the message: of its "From " line, its trace, or its text.
func (w *wantedMail) begins(f io.ReaderAt, s storedMail) bool {
	line := make([]byte, s.text-s.start)
	if _, err := f.ReadAt(line, s.start); err != nil {
		return false
	}
	ours := appendFromWords(nil, w.it.m)
	if n := min(len(ours), len(line)); !bytes.Equal(ours[:n], line[:n]) {
		return false
	}

	text := beginning(io.NewSectionReader(f, s.text, s.end-s.text))
	trace, ok := w.it.traceLength(text)
	if !ok {
		return s.text+int64(len(text)) == s.end && beginsTrace(text, w.it.trace)
	}

	at := s.text + int64(trace)
	return isPrefix(io.NewSectionReader(f, at, s.end-at), newMboxReader(nil, w.it.m))
}

// beginsTrace tells whether text is no more than the beginning of the trace.
func beginsTrace(text, trace []byte) bool {
	name := fieldName(trace)
	if len(text) < len(name) {
		return bytes.HasPrefix(name, text)
	}
	return bytes.HasPrefix(text, name) && !endsHeader(text) &&
		bytes.Count(text, []byte{'\n'}) < bytes.Count(trace, []byte{'\n'})
}

// fieldName is the name of the first field with its colon.
func fieldName(header []byte) []byte { return header[:bytes.IndexByte(header, ':')+1] }

// isPrefix tells whether b begins with all of a.
func isPrefix(a, b io.Reader) bool {
	bufA, bufB := make([]byte, 32<<10), make([]byte, 32<<10)
	for {
		n, errA := io.ReadFull(a, bufA)
		k, errB := io.ReadFull(b, bufB[:n])
		if k != n || !bytes.Equal(bufA[:n], bufB[:k]) || errB != nil && n > 0 {
			return false
		}
		if errA != nil {
			return ended(errA)
		}
	}
}

// storedMails finds the messages in a part of an mbox, which ends where the file does. A message begins with
// a line "From " behind an empty one, or at the start of the file. What looks like the beginning of such a
// line at the end of the file counts too.
func storedMails(f io.ReaderAt, from, to int64) (all []storedMail, err error) {
	r := bufio.NewReaderSize(io.NewSectionReader(f, from, to-from), mboxChunk)
	at, empty, begun := from, from == 0, true

	for err == nil {
		var line []byte
		line, err = r.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull) // what follows is the same line
		if long {
			err = nil
		}
		if begun && empty && isFromLine(line, err == io.EOF) {
			if n := len(all); n > 0 {
				all[n-1].end = at
			}
			all = append(all, storedMail{start: at, text: at + int64(len(line))})
		}
		if begun || !long {
			empty = begun && len(line) == 1 && line[0] == '\n'
		}
		begun = !long
		at += int64(len(line))
	}

	if err != io.EOF {
		return nil, err
	}
	if n := len(all); n > 0 {
		all[n-1].end, all[n-1].last = to, true
	}
	return all, nil
}

// isFromLine tells whether a message begins with the line; torn, that it is the last one and has no end.
func isFromLine(line []byte, torn bool) bool {
	if torn && len(line) > 0 && len(line) < len(fromWord) {
		return bytes.HasPrefix([]byte(fromWord), line)
	}
	return bytes.HasPrefix(line, []byte(fromWord))
}
