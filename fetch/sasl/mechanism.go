// Package sasl holds the client side of the SASL mechanisms that a mailbox login can use, and the rule that
// says which of them to try. It writes nothing: the protocol packages carry the challenges and responses.
//
// Mechanism is emersion/go-sasl's Client with two more questions: does it give the password away, and has
// the server proved all that it must?
package sasl

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	"fetchd/tlsverify/hints"

	"github.com/emersion/go-sasl"
)

// Mechanism is one authentication exchange. It is used once and not concurrently.
//
// Start gives the name and the initial response (nil: the server speaks first). Next answers one decoded
// challenge; on an error the exchange must be cancelled (with "*" in IMAP and POP3). Challenges of any
// bytes and size are safe.
type Mechanism interface {
	sasl.Client
	// ClearText tells whether the password itself, or a bearer token, goes on the wire. Such a mechanism
	// must not be started before the peer is verified, unless the account explicitly asks for clear text.
	ClearText() bool
	// Finish is called when the server reports success. It returns an error if the server hasn't shown what
	// the mechanism asks of it (SCRAM: that it knows the password too); the peer must not be trusted then.
	Finish() error
}

// ProtocolLogin stands in Choose's answer for a login command of the protocol itself: LOGIN in IMAP, USER
// and PASS in POP3; with Digest, one that sends a digest of the password: APOP. It has no exchange: Start
// returns an error.
type ProtocolLogin struct {
	Credentials Credentials
	Digest      bool
}

// Start implements Mechanism.
func (ProtocolLogin) Start() (string, []byte, error) {
	return "", nil, errors.New("the protocol's own login is no SASL exchange")
}

// Next implements Mechanism.
func (ProtocolLogin) Next([]byte) ([]byte, error) { return nil, sasl.ErrUnexpectedServerChallenge }

// ClearText implements Mechanism.
func (p ProtocolLogin) ClearText() bool { return !p.Digest }

// Finish implements Mechanism.
func (ProtocolLogin) Finish() error { return nil }

// Credentials are what a login needs. No format verb shows the password.
type Credentials struct {
	User     string
	AuthzID  string // as whom to act, where User may act for others; "" = for User
	Password string // or the bearer token
	Host     string // for OAUTHBEARER: the name of the server that the user wrote, and its port
	Port     int
	TLS      *tls.ConnectionState // what -PLUS binds to; nil = there is no TLS

	noPlus bool // the server offers no -PLUS, though the connection could be bound
	asIs   bool // user and password go into SCRAM without SASLprep
}

// owner is the user whose mailbox it is.
func (c Credentials) owner() string { return cmp.Or(c.AuthzID, c.User) }

// Format implements fmt.Formatter, so that no verb reaches the password.
func (c Credentials) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "%q with ***", c.User) }

// Check refuses a user or password that can't stand on a protocol line: a CR, LF or NUL would begin another
// command, or end the name.
func (c Credentials) Check() error {
	switch {
	case strings.ContainsAny(c.User+c.AuthzID, "\r\n\x00"):
		return hints.Errorf("correct it in the rc file", "the user name holds a line break or a NUL")
	case strings.ContainsAny(c.Password, "\r\n\x00"):
		return hints.Errorf("correct it where it is stored", "the password holds a line break or a NUL")
	}
	return nil
}

// quote gives peer text for an error.
func quote(b []byte) string { return fmt.Sprintf("%.200q", b) }
