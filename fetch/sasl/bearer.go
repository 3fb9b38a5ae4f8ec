package sasl

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"fetchd/tlsverify/hints"
)

// bearer is OAUTHBEARER (RFC 7628) or the older XOAUTH2: the token is the initial response, and the only
// possible challenge says why it was refused.
type bearer struct {
	name, response string
}

// IsToken tells whether m sends an access token.
func IsToken(m Mechanism) bool {
	_, ok := m.(bearer)
	return ok
}

// NewOAuthBearer returns OAUTHBEARER; the password is the access token.
func NewOAuthBearer(c Credentials) Mechanism {
	var b strings.Builder
	// In the GS2 header "=" and "," separate parts (RFC 5801 section 4).
	b.WriteString("n,a=" + strings.NewReplacer("=", "=3D", ",", "=2C").Replace(c.owner()) + ",\x01")
	if c.Host != "" {
		b.WriteString("host=" + c.Host + "\x01")
	}
	if c.Port != 0 {
		b.WriteString("port=" + strconv.Itoa(c.Port) + "\x01")
	}
	b.WriteString("auth=Bearer " + c.Password + "\x01\x01")
	return bearer{"OAUTHBEARER", b.String()}
}

// NewXOAuth2 returns XOAUTH2; the password is the access token.
func NewXOAuth2(c Credentials) Mechanism {
	return bearer{"XOAUTH2", "user=" + c.owner() + "\x01auth=Bearer " + c.Password + "\x01\x01"}
}

func (m bearer) Start() (string, []byte, error) { return m.name, []byte(m.response), nil }

// Next returns the server's refusal. RFC 7628 section 3.2.3 lets the client cancel the exchange then.
func (m bearer) Next(challenge []byte) ([]byte, error) { return nil, tokenError(m.name, challenge) }

func (bearer) ClearText() bool { return true }

func (bearer) Finish() error { return nil }

// TokenError is a bearer token that the server refused, with what the server says about it (each part may
// be empty and is cut at 200 octets). Getting a fresh token may help.
type TokenError struct {
	Mechanism string
	Status    string // "invalid_token", or an HTTP status such as "401"
	Scope     string // what the token must be good for
}

func (e *TokenError) Error() string {
	text := e.Mechanism + ": the server refuses the token"
	if e.Status != "" {
		text += fmt.Sprintf(": %q", e.Status)
	}
	if e.Scope != "" {
		text += fmt.Sprintf(", it wants the scope %q", e.Scope)
	}
	return hints.Text(text, e.Hint())
}

// Hint is the user's next step.
func (e *TokenError) Hint() string { return "get a fresh token" }

func tokenError(name string, challenge []byte) error {
	e := &TokenError{Mechanism: name}
	if len(challenge) > maxChallenge {
		return e
	}

	var failure struct {
		Status json.RawMessage `json:"status"`
		Scope  string          `json:"scope"`
	}
	// Some servers send plain text.
	if json.Unmarshal(challenge, &failure) != nil {
		e.Status = truncate(string(challenge))
		return e
	}

	// Some servers send the status as a number.
	e.Status = truncate(strings.Trim(string(failure.Status), `"`))
	e.Scope = truncate(failure.Scope)
	return e
}

func truncate(s string) string { return s[:min(len(s), 200)] }
