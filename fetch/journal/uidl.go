package journal

import (
	"bytes"
	"errors"
	"strconv"
)

// chunk is about how many bytes of UIDLs go into one row.
const chunk = 256 << 10

var errEmptyUIDL = errors.New("empty UIDL")

// A UIDL is kept, in memory and in the database, as RFC 1939 wants it to be: printable ASCII without
// blanks. Any other byte and the backslash are written \xHH, which keeps different UIDLs different.

func plain(c byte) bool { return c > ' ' && c <= '~' && c != '\\' }

func escape(uidl string) string {
	for i := range len(uidl) {
		if !plain(uidl[i]) {
			return string(escapeBytes([]byte(uidl)))
		}
	}
	return uidl
}

// escapeBytes returns uidl itself where nothing is to be escaped.
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

// chunks puts escaped UIDLs, each ended by a line feed, together to texts of about chunk bytes.
type chunks struct {
	texts []string
	last  []byte
}

func (c *chunks) add(escaped string) {
	c.last = append(append(c.last, escaped...), '\n')
	if len(c.last) >= chunk {
		c.cut()
	}
}

func (c *chunks) cut() {
	c.texts = append(c.texts, string(c.last))
	c.last = c.last[:0]
}

// rows ends the last text and gives all as rows.
func (c *chunks) rows(what fact, at int64) []row {
	if len(c.last) > 0 {
		c.cut()
	}
	rows := make([]row, len(c.texts))
	for i, text := range c.texts {
		rows[i] = row{what, at, text}
	}
	return rows
}

// sized is the line of a pending UIDL.
func sized(escaped string, size int64) string {
	if size <= 0 {
		return escaped
	}
	return escaped + " " + strconv.FormatInt(size, 10)
}

// encode gives the rows that say what of uidls, with their sizes if there are any.
func encode(what fact, at int64, uidls []string, sizes []int64) ([]row, error) {
	var c chunks
	for i, uidl := range uidls {
		if uidl == "" {
			return nil, errEmptyUIDL
		}
		line := escape(uidl)
		if sizes != nil {
			line = sized(line, sizes[i])
		}
		c.add(line)
	}
	return c.rows(what, at), nil
}
