package wire

import (
	"bytes"
	"io"
	"time"
)

// What the peer sent before its connection broke is there already, or on its way.
const (
	lastWordsWait  = time.Second
	lastWordsLimit = 4 << 10
)

// LastWords are the lines that the peer sent and that nobody has read, of a connection that has failed,
// without their ends. They may say why: a write that fails with a broken pipe comes after the peer has said
// good-bye.
func (c *Conn) LastWords() [][]byte {
	if c.Err() == nil {
		return nil
	}

	buffered, _ := c.r.Peek(c.r.Buffered())
	text := bytes.Clone(buffered)
	// Past the deadlines below, which have failed for good: this read is only for what is already on its way.
	if c.conn.SetReadDeadline(time.Now().Add(lastWordsWait)) == nil {
		more, _ := io.ReadAll(io.LimitReader(c.conn, lastWordsLimit))
		text = append(text, more...)
	}

	lines := bytes.SplitAfter(text[:min(len(text), lastWordsLimit)], []byte{'\n'})
	lines = lines[:len(lines)-1] // what has no end
	for i, line := range lines {
		lines[i] = trimEOL(line)
	}

	return lines
}
