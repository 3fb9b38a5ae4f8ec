package delivery

import (
	"bytes"
	"crypto/sha256"
)

// statusFields are the fields that programs on the server write into a stored message (GNU Mailutils,
// UW-IMAP, and mail readers on an mbox). A message stays the same when they change.
var statusFields = []string{"Status", "X-Status", "X-UID", "X-UIDL", "X-IMAP", "X-IMAPbase", "X-Keywords"}

// digestIdentity is how many bytes of the SHA-256 a header's digest has.
const digestIdentity = 15

// HeaderDigest is the same for two messages whose headers differ at most in line ends and status fields. It
// has letters and digits only. Like Header it reads only the beginning of a message.
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
