package delivery

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
)

// lineEnds turns CR, LF and CRLF into CRLF, so that there is one kind of line end and no look-alike of one:
// what a receiver could take for the end of the message has a doubled dot (RFC 5321 section 4.5.2).
type lineEnds struct {
	bare   bool // dots are not doubled
	inLine bool // something of the line was written
	cr     bool // the byte before was a CR, which has ended its line
	dots   int64
}

// append appends p to dst.
func (l *lineEnds) append(dst, p []byte) []byte {
	for len(p) > 0 {
		// The LF of a CRLF whose CR has ended the line already, perhaps in the chunk before.
		if l.cr && p[0] == '\n' {
			l.cr = false
			p = p[1:]
			continue
		}

		l.cr = false
		// Whichever line end came before it: a receiver may take any of them for one.
		if !l.inLine && p[0] == '.' && !l.bare {
			dst = append(dst, '.')
			l.dots++
		}

		n := lineLength(p)
		dst = append(dst, p[:n]...)
		l.inLine = l.inLine || n > 0
		if n == len(p) {
			break
		}

		dst = append(dst, "\r\n"...)
		l.inLine, l.cr = false, p[n] == '\r'
		p = p[n+1:]
	}

	return dst
}

// lineLength is where the first CR or LF of p is, or p's end.
func lineLength(p []byte) int {
	n := bytes.IndexByte(p, '\n')
	if n < 0 {
		n = len(p)
	}
	if cr := bytes.IndexByte(p[:n], '\r'); cr >= 0 {
		return cr
	}
	return n
}

// end appends the end of a last line that has none.
func (l *lineEnds) end(dst []byte) []byte {
	if l.inLine {
		dst = append(dst, "\r\n"...)
		l.inLine = false
	}
	return dst
}

// smtpChunk is how much of a message is converted, and written within one time-out, at once.
const smtpChunk = 16 << 10

// yieldMail gives what is handed on of m, by SMTP or LMTP: trace, header without its Return-Path, which the
// server writes itself, and the rest.
func yieldMail(ctx context.Context, m *Message, yield func([]byte) error) error {
	header, rest := m.header()
	start, end := fieldSpan(header, "Return-Path")
	return yieldParts(ctx, m, [][]byte{m.Trace, header[:start], header[end:]}, rest, yield)
}

// yieldParts gives the parts, and then the body from rest on.
func yieldParts(ctx context.Context, m *Message, parts [][]byte, rest int64, yield func([]byte) error) error {
	for _, part := range parts {
		if err := yieldChunks(ctx, part, yield); err != nil {
			return err
		}
	}

	if body, inMemory := m.Body.Bytes(); inMemory {
		return yieldChunks(ctx, body[rest:], yield)
	}

	buf := make([]byte, smtpChunk)
	r := io.NewSectionReader(m.Body, rest, m.Body.Size()-rest)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if err := yieldChunks(ctx, buf[:n], yield); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func yieldChunks(ctx context.Context, p []byte, yield func([]byte) error) error {
	for len(p) > 0 {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		n := min(len(p), smtpChunk)
		if err := yield(p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// measured is what a server wants to know of a message before it comes.
type measured struct {
	size     int64 // with CRLF, and without doubled dots (RFC 1870 section 5)
	eightBit bool
	text     []byte // as it is sent, all but the dot that ends it; nil = it is too large to be kept
}

// textKept is how large a message may be to be kept as it is sent, from when it is measured: most are small,
// and then need not be converted once more.
const textKept = 64 << 10

// measure reads the message as it will be sent. buf is scratch space, or becomes the text.
func measure(ctx context.Context, m *Message, buf []byte) (measured, []byte, error) {
	var got measured
	var lines lineEnds
	isKept := m.Body.Size() <= textKept
	buf = buf[:0]
	err := yieldMail(ctx, m, func(p []byte) error {
		before := len(buf)
		buf = lines.append(buf, p)
		got.size += int64(len(buf) - before)
		got.eightBit = got.eightBit || !isASCII(p)
		if !isKept {
			buf = buf[:0]
		}
		return nil
	})

	before := len(buf)
	buf = lines.end(buf)
	got.size += int64(len(buf)-before) - lines.dots
	if isKept {
		got.text = buf
	}
	return got, buf, err
}

// isASCII tells whether no byte of p has its highest bit set.
func isASCII(p []byte) bool {
	const high = 0x8080808080808080
	// Eight bytes at once: each message is looked through before it is sent.
	for ; len(p) >= 8; p = p[8:] {
		if binary.LittleEndian.Uint64(p)&high != 0 {
			return false
		}
	}
	for _, c := range p {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
