package sasl

import (
	"github.com/emersion/go-sasl"
)

// plain is PLAIN, RFC 4616.
type plain struct{ sasl.Client }

// NewPlain returns PLAIN.
func NewPlain(c Credentials) Mechanism {
	return plain{sasl.NewPlainClient(c.AuthzID, c.User, c.Password)}
}

func (plain) ClearText() bool { return true }

func (plain) Finish() error { return nil }

// login is LOGIN, which no RFC describes (see draft-murchison-sasl-login): the server asks twice, in words
// that differ between servers, so that only the order counts.
type login struct {
	answers []string
}

// NewLogin returns LOGIN.
func NewLogin(c Credentials) Mechanism { return &login{[]string{c.User, c.Password}} }

func (*login) Start() (string, []byte, error) { return "LOGIN", nil, nil }

func (l *login) Next([]byte) ([]byte, error) {
	if len(l.answers) == 0 {
		return nil, sasl.ErrUnexpectedServerChallenge
	}
	answer := l.answers[0]
	l.answers = l.answers[1:]
	return []byte(answer), nil
}

func (*login) ClearText() bool { return true }

func (*login) Finish() error { return nil }
