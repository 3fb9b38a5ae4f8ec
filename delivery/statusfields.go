package delivery

import (
	"bytes"
	"crypto/sha256"
	"hash/crc32"
	"io"
)

// statusFields are what programs on the server write into a message while it lies there (GNU Mailutils,
// UW-IMAP, and mail readers on an mbox): a message is the same with others of them.
var statusFields = []string{"Status", "X-Status", "X-UID", "X-UIDL", "X-IMAP", "X-IMAPbase", "X-Keywords"}

// withoutStatus returns a header without its status fields: itself if it has none.
func withoutStatus(header []byte) []byte {
	var out []byte
	kept := 0
	for at := 0; at < len(header); {
		_, _, length := nextField(header[at:])
		if beginsStatus(header[at:]) {
			out = append(out, header[kept:at]...)
			kept = at + length
		}
		at += length
	}

	if kept == 0 {
		return header
	}
	return append(out, header[kept:]...)
}

// beginsStatus tells whether a header, or a line of it, begins with a status field.
func beginsStatus(header []byte) bool {
	// Most lines are told by their first letter.
	if c := header[0] | ' '; c != 's' && c != 'x' {
		return false
	}
	name, _, _ := nextField(header)
	return isOneOf(name, statusFields...)
}

// headerWithoutStatus is the header that counts for what a message is.
func (s *Spool) headerWithoutStatus() []byte {
	header := s.Header()
	if s.knowsHeader() && !s.status {
		return header
	}
	return withoutStatus(header)
}

// digestIdentity is how many bytes of the SHA-256 a header's digest has.
const digestIdentity = 15

// HeaderDigest is the same for two messages with the same header, but for line ends and status fields. It has
// letters and digits only. Like Header it looks at the beginning of a message.
func (s *Spool) HeaderDigest() string {
	header := s.headerWithoutStatus()
	if crlf := []byte("\r\n"); bytes.Contains(header, crlf) { // mostly not, and then nothing is copied
		header = bytes.ReplaceAll(header, crlf, []byte("\n"))
	}
	sum := sha256.Sum256(header)
	return nameEncoding.EncodeToString(sum[:digestIdentity])
}

// content is the size and the CRC of a message without its status fields.
func (s *Spool) content() (size int64, crc uint32) {
	header := s.Header()
	kept := s.headerWithoutStatus()
	if len(kept) == len(header) {
		return s.Size(), s.CRC()
	}

	rest := s.Size() - int64(len(header))
	hash := crc32.New(castagnoli)
	hash.Write(kept)
	if _, err := io.Copy(hash, io.NewSectionReader(s, int64(len(header)), rest)); err != nil {
		return s.Size(), s.CRC() // the error shows again when the body is delivered
	}
	return int64(len(kept)) + rest, hash.Sum32()
}

// sameButStatus tells whether a file of that size holds the message, behind what may be before it, with other
// status fields.
func sameButStatus(f io.ReaderAt, size int64, m *Message) bool {
	theirs, ours := beginning(io.NewSectionReader(f, 0, size)), beginning(m.open())
	// Where the header is longer than what was read nothing can be said, and no copy is assumed.
	if !endsHeader(theirs) || !endsHeader(ours) || !bytes.HasSuffix(withoutStatus(theirs),
		withoutStatus(ours)) {
		return false
	}

	body := m.open()
	if _, err := io.CopyN(io.Discard, body, int64(len(ours))); err != nil {
		return false
	}
	at := int64(len(theirs))
	return sameBytes(io.NewSectionReader(f, at, size-at), body)
}

// beginning is the header of what r reads, with the empty line.
func beginning(r io.Reader) []byte {
	head, _ := io.ReadAll(io.LimitReader(r, HeaderLimit))
	return headerOf(head)
}
