package delivery

import (
	"bytes"
	"io"
)

const fromWord = "From "

// mboxLines turns the lines of a message into those of an mbox: each ends in LF, and one that begins with
// "From ", or with that behind any number of ">", gets one more ">" (mboxrd). So no line of a message looks
// like the beginning of another one, and a reader can restore each.
type mboxLines struct {
	ended  bool // line ends are LF already: a CR before one is the message's own
	inLine bool // the beginning of the line is written
	quotes int  // of a beginning that may become ">>From ": how many ">" …
	from   int  // … and how many letters of "From " there were
	cr     bool // the byte before was a CR, which is not written if LF follows
}

// append appends p to dst.
func (l *mboxLines) append(dst, p []byte) []byte {
	for len(p) > 0 {
		if n := l.plain(p); n > 0 {
			dst, p = append(dst, p[:n]...), p[n:]
			continue
		}
		if !l.inLine {
			if l.takesBeginning(p[0]) {
				p = p[1:]
			} else {
				dst = l.begin(dst, 0)
			}
			if l.from == len(fromWord) {
				dst = l.begin(dst, 1)
			}
			continue
		}

		n := bytes.IndexByte(p, '\n')
		if n < 0 {
			return l.appendText(dst, p)
		}
		dst = append(l.appendText(dst, p[:n]), '\n')
		l.inLine, l.cr = false, false
		p = p[n+1:]
	}

	return dst
}

// plain is how much of p is whole lines that stay as they are, which most lines do.
func (l *mboxLines) plain(p []byte) int {
	if l.inLine || l.quotes > 0 || l.from > 0 {
		return 0
	}
	// Up to the first byte that might need work: this path does most of a message with three searches.
	if n := bytes.IndexByte(p, '\r'); n >= 0 {
		p = p[:n]
	}
	if n := bytes.Index(p, []byte(fromWord)); n >= 0 {
		p = p[:n]
	}
	return bytes.LastIndexByte(p, '\n') + 1
}

// takesBeginning tells whether c goes on with a beginning like ">>From ".
func (l *mboxLines) takesBeginning(c byte) bool {
	switch {
	case l.from == 0 && c == '>':
		l.quotes++
	case c == fromWord[l.from]:
		l.from++
	default:
		return false
	}
	return true
}

// begin appends the beginning of the line, with more quotes.
func (l *mboxLines) begin(dst []byte, more int) []byte {
	for range l.quotes + more {
		dst = append(dst, '>')
	}
	dst = append(dst, fromWord[:l.from]...)
	l.inLine, l.quotes, l.from = true, 0, 0
	return dst
}

// appendText appends what is within a line. A CR at its end is held back.
func (l *mboxLines) appendText(dst, p []byte) []byte {
	if len(p) == 0 {
		return dst
	}
	if l.cr {
		dst = append(dst, '\r')
	}
	if l.cr = !l.ended && p[len(p)-1] == '\r'; l.cr {
		p = p[:len(p)-1]
	}
	return append(dst, p...)
}

// end appends what was held back, and the end of a last line that has none.
func (l *mboxLines) end(dst []byte) []byte {
	if l.quotes > 0 || l.from > 0 {
		dst = l.begin(dst, 0)
	}
	if l.cr {
		dst = append(dst, '\r')
	}
	if l.inLine {
		dst = append(dst, '\n')
	}
	*l = mboxLines{ended: l.ended}
	return dst
}

// mboxReader reads a message as it stands in an mbox, without the line before it and the one behind it.
type mboxReader struct {
	from  io.Reader
	lines mboxLines
	in    []byte
	out   []byte
	left  []byte // of out, for Read
	err   error
}

// newMboxReader reads what stands before the message, and then the message.
func newMboxReader(before []byte, m *Message) *mboxReader {
	return &mboxReader{
		from:  io.MultiReader(bytes.NewReader(before), m.open()),
		lines: mboxLines{ended: m.Body.endsInLF()},
		in:    make([]byte, min(int64(len(before))+m.size()+1, mboxChunk)),
	}
}

// mboxChunk is how much of a message is read at once.
const mboxChunk = 64 << 10

// next gives the next piece, which is valid until the next call, or io.EOF.
func (r *mboxReader) next() ([]byte, error) {
	r.out = r.out[:0]
	for len(r.out) == 0 && r.err == nil {
		n, err := r.from.Read(r.in)
		r.out = r.lines.append(r.out, r.in[:n])
		if err == io.EOF {
			r.out = r.lines.end(r.out)
		}
		r.err = err
	}
	if len(r.out) == 0 {
		return nil, r.err
	}
	return r.out, nil
}

func (r *mboxReader) Read(p []byte) (int, error) {
	if len(r.left) == 0 {
		piece, err := r.next()
		if err != nil {
			return 0, err
		}
		r.left = piece
	}
	n := copy(p, r.left)
	r.left = r.left[n:]
	return n, nil
}
