package delivery

import (
	"bytes"
	"crypto/sha256"
)

// statusFields are what programs on the server write into a message while it lies there (GNU Mailutils,
// UW-IMAP, and mail readers on an mbox): a message is the same with others of them.
var statusFields = []string{"Status", "X-Status", "X-UID", "X-UIDL", "X-IMAP", "X-IMAPbase", "X-Keywords"}

// digestIdentity is how many bytes of the SHA-256 a header's digest has.
const digestIdentity = 15

// HeaderDigest is the same for two messages with the same header, but for line ends and status fields. It has
// letters and digits only. Like Header it looks at the beginning of a message.
func (s *Spool) HeaderDigest() string {
	hash := sha256.New()
	for header := s.Header(); len(header) > 0; {
		name, _, length := nextField(header)
		if !isOneOf(name, statusFields...) {
			hash.Write(bytes.ReplaceAll(header[:length], []byte("\r\n"), []byte("\n")))
		}
		header = header[length:]
	}
	return nameEncoding.EncodeToString(hash.Sum(nil)[:digestIdentity])
}
