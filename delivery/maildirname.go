package delivery

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strconv"
)

// nameEncoding uses lower case only, because some file systems ignore case.
var nameEncoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

const (
	nameReadable = 32 // how much of a UID is shown in a name
	nameIdentity = 15 // bytes of the SHA-256 kept: 120 bits, 24 characters
	uidDigits    = 10 // of an IMAP UID, 32 bits
)

// messageName returns the file name of m in a Maildir:
//
//	U<uid>.<identity>.<size>C<crc>.fetchd
//	U0000000042.0k2s7m…(24)….4096C1badcafe.fetchd
//
// uid is the UID padded to ten digits, or the letters and digits of a POP3 UIDL. So if the server numbers its
// messages the names sort in the order of the mailbox, and Dovecot numbers new messages in that order.
// identity is a hash of account, mailbox, UIDVALIDITY and UID; size and crc are those of the body without its
// status fields, so that another message under a recycled UID gets another name. There is no host in it and
// no time: the same message has the same name after a restart and after a change of the host's name. It holds
// only letters, digits and dots, and starts with a letter.
func messageName(m *Message) string {
	var buf [128]byte
	return string(appendMessageName(buf[:0], m))
}

// appendMessageName appends it to name.
func appendMessageName(name []byte, m *Message) []byte {
	name = appendNameBeginning(name, m)
	size, crc := m.Body.content()
	name = strconv.AppendInt(name, size, 10)
	name = append(name, 'C')
	name = strconv.AppendUint(name, uint64(crc), 16)
	return append(name, ".fetchd"...)
}

// appendNameBeginning appends to name the part of a message's name that is known before the message has come:
// U<uid>.<identity>.
func appendNameBeginning(name []byte, m *Message) []byte {
	var buf [256]byte
	id := binary.BigEndian.AppendUint32(buf[:0], m.UIDValidity)
	for _, field := range [...]string{m.Account, m.Mailbox, m.UID} {
		// With lengths, so that text can't move from one field to the next and make two messages one.
		id = binary.BigEndian.AppendUint32(id, uint32(len(field)))
		id = append(id, field...)
	}

	sum := sha256.Sum256(id)

	name = appendReadable(append(name, 'U'), m.UID)
	name = append(name, '.')
	name = nameEncoding.AppendEncode(name, sum[:nameIdentity])
	return append(name, '.')
}

// appendReadable adds the harmless characters of uid.
func appendReadable(b []byte, uid string) []byte {
	// Names then sort as the numbers do.
	if n := len(uid); n > 0 && n < uidDigits && allDigits(uid) {
		b = append(b, "0000000000"[n:]...)
	}
	start := len(b)
	for i := 0; i < len(uid) && len(b)-start < nameReadable; i++ {
		if isAlnum(uid[i]) {
			b = append(b, uid[i])
		}
	}
	return b
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
