package pop3

import (
	"bytes"
	"errors"
	"io"

	"fetchd/fetch/wire"
)

var (
	// errBody is a body that goes on far beyond what LIST said.
	errBody = errors.New("the message goes on far beyond its size in LIST")

	lineDot = []byte("\r\n.")
	ending  = []byte(".\r\n")
)

// readBody copies the body of a multi-line answer to w, without the dots that were stuffed into it, up to its
// end, which it reads too. If w fails, the rest is read all the same, so that the next answer is found, and
// the error of w is returned as sink. After err the connection is unusable and the body incomplete. At most
// limit octets are read.
//
// A line ends only in CRLF, and so the body ends only with CRLF "." CRLF: if "\n.\n" were accepted as the end
// too, a message that holds these bytes could speak for the server (the rest of it would be read as answers).
// A lone LF or CR is part of the message and stays as it is.
func readBody(c *wire.Conn, w io.Writer, limit int64) (n int64, sink, err error) {
	r := c.Reader()
	var read int64
	need, lineStart := 1, true
	put := func(p []byte) {
		if sink == nil && len(p) > 0 {
			_, sink = w.Write(p)
		}
	}

	for {
		// Waits for no more than is needed: more may never come, if the body has ended.
		if _, err := r.Peek(need); err != nil {
			return read, sink, c.ReadError(err)
		}
		b, _ := r.Peek(r.Buffered())
		done, n := 0, 0
		done, n, lineStart = unstuff(b, lineStart, put)
		need = n
		read += int64(done)
		// Only what unstuff is done with is taken out: the next answer may be in the buffer already.
		if _, err := r.Discard(done); err != nil || need == 0 {
			return read - int64(len(ending)), sink, err
		}
		if read > limit {
			return read, sink, c.Break(errBody)
		}
	}
}

// unstuff works through b: it passes the body's bytes to put, and returns how many bytes of b it has
// processed, how many bytes the next step needs after these (0: the body has ended), and whether it begins at
// the start of a line.
func unstuff(b []byte, lineStart bool, put func([]byte)) (done, need int, start bool) {
	for {
		rest := b[done:]
		if lineStart && len(rest) > 0 && rest[0] == '.' {
			// Looked for before the dot is taken away, which would leave an empty line.
			if bytes.HasPrefix(rest, ending) {
				return done + len(ending), 0, true
			}
			// It may be the end or a stuffed dot: the next bytes decide.
			if len(rest) < len(ending) && bytes.HasPrefix(ending, rest) {
				return done, len(rest) + 1, true
			}
			done++
			rest = rest[1:]
		}

		// Runs up to the next line that begins with a dot, so that a large message is copied in large parts.
		i := nextDotLine(rest)
		if i >= 0 {
			put(rest[:i+2])
			done += i + 2
			lineStart = true
			continue
		}

		end := len(rest)
		if bytes.HasSuffix(rest, lineDot[:1]) {
			end-- // its LF may come next
		}

		put(rest[:end])
		return done + end, len(rest) - end + 1, bytes.HasSuffix(rest, lineDot[:2])
	}
}

// nextDotLine is the index of the first lineDot in b, -1 if there is none. It looks for the dots: text has
// about as many of them as lines, and what is encoded, which is most of all mail, has none.
func nextDotLine(b []byte) int {
	for at := 0; ; at++ {
		i := bytes.IndexByte(b[at:], '.')
		if i < 0 {
			return -1
		}
		if at += i; bytes.HasSuffix(b[:at+1], lineDot) {
			return at - 2
		}
	}
}
