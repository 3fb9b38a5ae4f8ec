package sasl

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"fetchd/tlsverify/hints"

	"github.com/xdg-go/scram"
)

// The PBKDF2 rounds that a server may ask for: RFC 5802 section 5.1 asks for at least 4096. The most takes
// about a second on a slow machine, so that no peer can keep us busy.
const (
	minIterations = 4096
	maxIterations = 1_000_000
)

// ErrWrongProof is returned by Next when the server's proof that it knows the password is wrong. The
// password must not be sent to it by another mechanism.
var ErrWrongProof = hints.Errorf(hintImpostor, "the server's proof that it knows the password is wrong")

// RefusedError is a login that the server refused within SCRAM's own messages (RFC 5802 section 5.1, "e=").
type RefusedError struct {
	Mechanism string
	Reason    string // the server's: "invalid-proof"; at most 200 octets
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s: the server refuses the login: %q", e.Mechanism, e.Reason)
}

// Judged tells whether the reason is the user or the password. Others are about the channel, which can be
// bound in another way, or about this mechanism alone.
func (e *RefusedError) Judged() bool {
	return e.Reason == "invalid-proof" || e.Reason == "unknown-user"
}

const hintImpostor = "this may not be your server: run check-tls on it"

// scramExchange is SCRAM, RFC 5802 and 7677. Both sides prove that they know the password, and with -PLUS
// that nobody is between them: the proofs are bound to the TLS connection.
type scramExchange struct {
	name    string
	asIs    bool                     // see Credentials
	binding scram.ChannelBindingType // "" = not bound
	conv    *scram.ClientConversation
	err     error // making the client
	first   bool  // the server's first message was answered
}

// NewSCRAMSHA256 returns SCRAM-SHA-256.
func NewSCRAMSHA256(c Credentials) Mechanism {
	return newSCRAM("SCRAM-SHA-256", scram.SHA256, c, nil)
}

// NewSCRAMSHA1 returns SCRAM-SHA-1.
func NewSCRAMSHA1(c Credentials) Mechanism { return newSCRAM("SCRAM-SHA-1", scram.SHA1, c, nil) }

// newSCRAM makes an exchange that is not bound; nonce nil is the library's random one.
func newSCRAM(
	name string, hash scram.HashGeneratorFcn, c Credentials, nonce scram.NonceGeneratorFcn,
) *scramExchange {
	client, err := newSCRAMClient(name, hash, c)
	if err != nil {
		return &scramExchange{name: name, err: err}
	}

	if nonce != nil {
		client = client.WithNonceGenerator(nonce)
	}

	m := &scramExchange{name: name, asIs: c.asIs, conv: client.NewConversation()}
	if c.noPlus { // a server that would have offered it refuses: somebody removed it on the way
		m.conv = client.NewConversationAdvertisingChannelBinding()
	}
	return m
}

func newSCRAMClient(name string, hash scram.HashGeneratorFcn, c Credentials) (*scram.Client, error) {
	client, err := hash.NewClient(c.User, c.Password, c.AuthzID)
	// SASLprep refuses some characters (an emoji). A server that accepted such a password did not prepare it.
	if c.asIs || err != nil {
		client, err = hash.NewClientUnprepped(c.User, c.Password, c.AuthzID)
	}
	if err != nil {
		return nil, errors.New(name + ": the user name or password can't be used")
	}
	return client.WithMinIterations(minIterations), nil
}

// newPlus returns the -PLUS of a mechanism, bound by each of the ways that the connection has.
func newPlus(name string, hash scram.HashGeneratorFcn, c Credentials) []Mechanism {
	var all []Mechanism
	for _, b := range bindings(c.TLS) {
		m := &scramExchange{name: name + plusSuffix, asIs: c.asIs, binding: b.Type}
		client, err := newSCRAMClient(m.name, hash, c)
		if err != nil {
			m.err = err
		} else {
			m.conv = client.NewConversationWithChannelBinding(b)
		}
		all = append(all, m)
	}
	return all
}

func (m *scramExchange) Start() (string, []byte, error) {
	if m.err != nil {
		return "", nil, m.err
	}
	first, err := m.conv.Step("")
	return m.name, []byte(first), err
}

func (m *scramExchange) Next(challenge []byte) ([]byte, error) {
	if m.err != nil {
		return nil, m.err
	}
	if text, ok := strings.CutPrefix(string(challenge), "e="); ok {
		reason, _, _ := strings.Cut(text, ",") // extensions may follow
		m.err = &RefusedError{Mechanism: m.name, Reason: truncate(reason)}
		return nil, m.err
	}
	// Only the first message names the rounds.
	if !m.first {
		if err := checkIterations(string(challenge)); err != nil {
			return nil, m.fail(err)
		}
		m.first = true
	}

	// A message that begins with "v=" is the server's proof.
	response, err := m.conv.Step(string(challenge))
	if err != nil && strings.HasPrefix(string(challenge), "v=") {
		m.err = fmt.Errorf("%s: %w", m.name, ErrWrongProof)
		return nil, m.err
	}

	if err != nil {
		return nil, m.fail(err)
	}

	return []byte(response), nil
}

// fail ends the exchange for good. The error is quoted because it may contain the server's text.
func (m *scramExchange) fail(err error) error {
	m.err = fmt.Errorf("%s: %s", m.name, quote([]byte(err.Error())))
	return m.err
}

// checkIterations bounds the work before the library does it. The library refuses what is malformed in
// other ways.
func checkIterations(first string) error {
	if len(first) > maxChallenge {
		return errors.New("the server's first message is too long")
	}

	for field := range strings.SplitSeq(first, ",") {
		count, ok := strings.CutPrefix(field, "i=")
		if !ok {
			continue
		}
		// Too few are refused by the library (WithMinIterations).
		if n, err := strconv.Atoi(count); err != nil || n > maxIterations {
			return fmt.Errorf("the server asks for %.20s rounds of hashing, more than %d",
				count, maxIterations)
		}
	}

	return nil
}

func (*scramExchange) ClearText() bool { return false }

func (m *scramExchange) Finish() error {
	if m.conv == nil || !m.conv.Valid() {
		return hints.Errorf(hintImpostor,
			"%s: the server reported success without proving that it knows the password", m.name)
	}
	return nil
}
