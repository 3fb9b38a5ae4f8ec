package sasl

import (
	"fmt"
	"slices"
	"strings"

	"fetchd/tlsverify/hints"
)

// NotOfferedError is an auth word of the rc file that the server doesn't offer.
type NotOfferedError struct {
	Auth    string
	Offered []string
}

func (e *NotOfferedError) Error() string {
	offered := "no SASL mechanism at all"
	if len(e.Offered) > 0 {
		offered = fmt.Sprintf("only %.200q", strings.Join(e.Offered, " "))
	}
	return hints.Text(fmt.Sprintf("auth %q: the server offers %s", e.Auth, offered), e.Hint())
}

// Hint is the user's next step.
func (e *NotOfferedError) Hint() string { return hintBest }

const hintBest = "leave \"auth\" out to use the best that the server offers"

// Choose returns the mechanisms to try, best first, for the rc file's auth word. offered is what the server
// announced for the channel as it is now, in any case. verified tells whether a chain or a pin vouches for
// the peer; without it the order prefers what hides the password. The caller decides whether the channel
// may carry the password at all.
//
//	any          SCRAM-SHA-256, SCRAM-SHA-1, (CRAM-MD5 if not verified), PLAIN, LOGIN, the protocol's own
//	password     the protocol's own, PLAIN, LOGIN
//	oauthbearer  OAUTHBEARER, XOAUTH2
//	apop         the protocol's own, by a digest
//	external, plain, login, cram-md5, scram-sha-1, scram-sha-256, xoauth2: that one
//
// An error is a *NotOfferedError, or says what is wrong with the word or the credentials.
func Choose(auth string, offered []string, cred Credentials, verified bool) ([]Mechanism, error) {
	if err := cred.Check(); err != nil {
		return nil, err
	}

	names, ok := order(strings.ToLower(auth), verified)
	if !ok {
		return nil, hints.Errorf(hintBest, "auth %q is not supported", auth)
	}

	var out []Mechanism
	for _, name := range names {
		if name == "" || name == "APOP" {
			out = append(out, ProtocolLogin{Credentials: cred, Digest: name == "APOP"})
		} else if slices.ContainsFunc(offered, func(o string) bool { return strings.EqualFold(o, name) }) {
			out = append(out, mechanism(name, cred))
		}
	}

	if len(out) == 0 {
		return nil, &NotOfferedError{Auth: auth, Offered: offered}
	}

	return out, nil
}

// order gives the names to try for an auth word; "" is the protocol's own login.
func order(auth string, verified bool) ([]string, bool) {
	switch auth {
	case "", "any":
		if !verified {
			return []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN", ""}, true
		}
		return []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN", ""}, true
	case "password":
		return []string{"", "PLAIN", "LOGIN"}, true
	case "oauthbearer":
		return []string{"OAUTHBEARER", "XOAUTH2"}, true
	case "apop", "external", "plain", "login", "cram-md5", "scram-sha-1", "scram-sha-256", "xoauth2":
		return []string{strings.ToUpper(auth)}, true
	}

	return nil, false
}

// mechanism makes the mechanism of a name that order gives.
func mechanism(name string, c Credentials) Mechanism {
	switch name {
	case "SCRAM-SHA-256":
		return NewSCRAMSHA256(c)
	case "SCRAM-SHA-1":
		return NewSCRAMSHA1(c)
	case "CRAM-MD5":
		return NewCRAMMD5(c)
	case "LOGIN":
		return NewLogin(c)
	case "EXTERNAL":
		return NewExternal(c)
	case "OAUTHBEARER":
		return NewOAuthBearer(c)
	case "XOAUTH2":
		return NewXOAuth2(c)
	}

	return NewPlain(c)
}
