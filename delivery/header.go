package delivery

import (
	"bytes"
	"strings"
)

// HeaderLimit is how much of the beginning of a message is searched for its header.
const HeaderLimit = 64 << 10

// Header returns the header of the message including the empty line that ends it, but at most HeaderLimit
// bytes. It reads no more than that from a file. The caller must not change the bytes, nor keep them after
// Release.
func (s *Spool) Header() []byte {
	head, inMemory := s.Bytes()
	if s.knowsHeader() {
		return head[:s.header]
	}
	if !inMemory {
		buf := make([]byte, HeaderLimit)
		n, _ := s.ReadAt(buf, 0) // a read error shows again when the body is delivered
		head = buf[:n]
	}
	return headerOf(head[:min(len(head), HeaderLimit)])
}

// knowsHeader tells whether Close has found the header: the message is complete and in memory.
func (s *Spool) knowsHeader() bool { return s.done && s.err == nil && s.file == nil }

// headerOf returns the part of b that is the header, including the empty line.
func headerOf(b []byte) []byte {
	length, _ := scanHeader(b)
	return b[:length]
}

// scanHeader returns how long the header of b is, including the empty line, and whether it has status fields.
func scanHeader(b []byte) (length int, status bool) {
	for length < len(b) {
		line := b[length : length+firstLineLength(b[length:])]
		if string(line) == "\n" || string(line) == "\r\n" {
			return length + len(line), status
		}
		status = status || beginsStatus(line)
		length += len(line)
	}
	return length, status
}

// firstLineLength is how long the first line of b is, with its end.
func firstLineLength(b []byte) int {
	if end := bytes.IndexByte(b, '\n'); end >= 0 {
		return end + 1
	}
	return len(b)
}

// nextField returns the name of a header's first field, its value including the folds, and its length in
// bytes including the line end. A line that is not a field has an empty name.
func nextField(header []byte) (name, value []byte, length int) {
	for length < len(header) {
		// A line that begins with a blank continues the field (RFC 5322, 2.2.3).
		if length > 0 && header[length] != ' ' && header[length] != '\t' {
			break
		}
		length += firstLineLength(header[length:])
	}

	field := header[:length]
	colon := bytes.IndexByte(field, ':')
	if colon < 0 {
		return nil, nil, length
	}

	before := bytes.TrimRight(field[:colon], " \t") // "From : x" is an old way to write it
	if len(before) == 0 || bytes.ContainsAny(before, " \t\r\n\x00") {
		return nil, nil, length
	}

	return before, field[colon+1:], length
}

// fieldSpan returns the start and the end of the first field of that name; 0, 0 if there is none.
func fieldSpan(header []byte, name string) (start, end int) {
	for at := 0; at < len(header); {
		got, _, length := nextField(header[at:])
		if len(got) == len(name) && strings.EqualFold(string(got), name) {
			return at, at + length
		}
		at += length
	}
	return 0, 0
}
