package journal

import (
	"bytes"
	"errors"
	"strconv"
)

// chunk is about how many bytes of UIDLs one row has.
const chunk = 256 << 10

var errEmptyUIDL = errors.New("empty UIDL")

// In memory and in the database UIDLs are as RFC 1939 wants them: printable ASCII without blanks. All other
// bytes and the backslash are written as \xHH, which keeps different UIDLs different.

func plain(c byte) bool { return c > ' ' && c <= '~' && c != '\\' }

func escape(uidl string) string {
	for i := range len(uidl) {
		if !plain(uidl[i]) {
			return string(escapeBytes([]byte(uidl)))
		}
	}
	return uidl
}

// escapeBytes returns uidl itself if nothing has to be escaped.
func escapeBytes(uidl []byte) []byte {
	for i := range uidl {
		if !plain(uidl[i]) {
			return appendEscaped(bytes.Clone(uidl[:i]), uidl[i:])
		}
	}
	return uidl
}

func appendEscaped(b, uidl []byte) []byte {
	const digits = "0123456789abcdef"
	for _, c := range uidl {
		if plain(c) {
			b = append(b, c)
		} else {
			b = append(b, '\\', 'x', digits[c>>4], digits[c&15])
		}
	}
	return b
}

// chunks collects escaped UIDLs, each with a line feed, in texts of about chunk bytes.
type chunks struct {
	texts []string
	last  []byte
}

func (c *chunks) add(escaped string) {
	c.last = append(append(c.last, escaped...), '\n')
	if len(c.last) >= chunk {
		c.flush()
	}
}

func (c *chunks) flush() {
	c.texts = append(c.texts, string(c.last))
	c.last = c.last[:0]
}

// rows returns all texts as rows.
func (c *chunks) rows(what fact, at int64) []row {
	if len(c.last) > 0 {
		c.flush()
	}
	rows := make([]row, len(c.texts))
	for i, text := range c.texts {
		rows[i] = row{what, at, text}
	}
	return rows
}

// withSize is the line of a pending UIDL.
func withSize(escaped string, size int64) string {
	if size <= 0 {
		return escaped
	}
	return escaped + " " + strconv.FormatInt(size, 10)
}

// encode returns the rows that record what about uidls, with their sizes if there are any.
func encode(what fact, at int64, uidls []string, sizes []int64) ([]row, error) {
	var c chunks
	for i, uidl := range uidls {
		if uidl == "" {
			return nil, errEmptyUIDL
		}
		line := escape(uidl)
		if sizes != nil {
			line = withSize(line, sizes[i])
		}
		c.add(line)
	}
	return c.rows(what, at), nil
}
