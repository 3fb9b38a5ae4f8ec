package sasl

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/hex"
	"errors"

	"github.com/emersion/go-sasl"
)

// cram is CRAM-MD5, RFC 2195.
type cram struct {
	cred Credentials
	done bool
}

// NewCRAMMD5 returns CRAM-MD5. It hides the password from those that only listen, but not from those that
// then try out passwords.
func NewCRAMMD5(c Credentials) Mechanism { return &cram{cred: c} }

func (*cram) Start() (string, []byte, error) { return "CRAM-MD5", nil, nil }

func (m *cram) Next(challenge []byte) ([]byte, error) {
	if m.done {
		return nil, sasl.ErrUnexpectedServerChallenge
	}
	// An answer to nothing would be the same each time, and good for whoever recorded it.
	if len(challenge) == 0 {
		return nil, errors.New("CRAM-MD5: the server's challenge is empty")
	}

	m.done = true
	mac := hmac.New(md5.New, []byte(m.cred.Password))
	mac.Write(challenge)
	return []byte(m.cred.User + " " + hex.EncodeToString(mac.Sum(nil))), nil
}

func (*cram) ClearText() bool { return false }

func (*cram) Finish() error { return nil }
