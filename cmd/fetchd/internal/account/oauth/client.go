// Package oauth keeps OAuth 2.0 grants, and gives out access tokens for logins. A grant is what a provider
// gives for a user's consent, or for a key: an access token that is good for an hour, and mostly a refresh
// token that gets the next one.
//
// Keeper is its main type. Each grant is a file of its own, which is replaced durably before a new access
// token is used: a provider may take each refresh token only once. A lock beside the file keeps processes and
// goroutines from refreshing one grant at the same time.
package oauth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Flow is how a grant is obtained.
type Flow string

// The flows, by the words of the rc file. FlowApp and FlowKey need nobody's consent.
const (
	FlowDevice  Flow = "device"  // the user types a code into any browser (RFC 8628)
	FlowBrowser Flow = "browser" // a browser comes back to this machine, with PKCE (RFC 8252)
	FlowApp     Flow = "app"     // the program logs in as itself, with its secret
	FlowKey     Flow = "key"     // likewise, with a key
)

// NeedsUser tells whether somebody has to consent.
func (f Flow) NeedsUser() bool { return f == FlowDevice || f == FlowBrowser }

// Client says for which grant a login asks: what the rc file says about it, resolved.
type Client struct {
	Account  string // for messages: "ann@imap.example.org"
	User     string // the login at the mail server
	Provider string // google, microsoft, or an issuer's URL
	Tenant   string // of Microsoft; "" = common
	ID       string // the client's identifier; "" where the key tells it
	Scopes   []string
	Flow     Flow
	KeyFile  string // of FlowKey

	CertFile string // authorities that the provider's certificate may be of; "" = the system's
	Proxy    string // see CheckProxy; "" = none

	// Secret is the client's; nil = it has none. It is asked for when a request needs it.
	Secret func(context.Context) (string, error)
}

// fileName is the name of the grant's file, without its ending. Accounts for one login of one client share
// the grant; a program's own login is that of all its mailboxes.
func (c Client) fileName() string {
	user := c.User
	if c.Flow == FlowApp || c.Flow == FlowKey && c.Provider == Microsoft {
		user = ""
	}

	alone := "user" // whether by device or browser, it is the same grant
	if !c.Flow.NeedsUser() {
		alone = string(c.Flow) + "\x00" + c.KeyFile
	}

	sum := sha256.Sum256([]byte(strings.Join([]string{
		// Whatever a grant is for is part of its name: after a change in the rc file another grant is looked
		// for, instead of one that does not fit.
		c.Provider, c.Tenant, c.ID, user, alone, strings.Join(c.Scopes, " "),
	}, "\x00")))
	return plainName(user) + "-" + hex.EncodeToString(sum[:8])
}

// plainName is text for a file name, by which a person recognises it.
func plainName(text string) string {
	const longest = 64
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("@._", r):
			return r
		}
		return '_'
	}, text)
	name = strings.TrimLeft(name, ".")
	if name == "" {
		return "app"
	}
	return name[:min(len(name), longest)]
}

// secret is the client's secret, "" if it has none.
func (c Client) secret(ctx context.Context) (string, error) {
	if c.Secret == nil {
		return "", nil
	}
	return c.Secret(ctx)
}
