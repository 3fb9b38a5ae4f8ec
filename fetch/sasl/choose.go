package sasl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/xdg-go/scram"

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
//	any           SCRAM-SHA-256-PLUS, SCRAM-SHA-1-PLUS, or else SCRAM-SHA-256, SCRAM-SHA-1;
//	              (CRAM-MD5 if not verified), PLAIN, LOGIN, the protocol's own
//	password      the protocol's own, PLAIN, LOGIN
//	scram-sha-N   SCRAM-SHA-N-PLUS, or else SCRAM-SHA-N
//	oauthbearer   OAUTHBEARER, XOAUTH2
//	apop          the protocol's own, by a digest
//	external, plain, login, cram-md5, scram-sha-1-plus, scram-sha-256-plus, xoauth2: that one
//
// A server that offers a -PLUS gets no proof that isn't bound to the connection: an impostor could relay it.
// Who acts for another user uses only mechanisms that can say so.
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

	offers := func(name string) bool {
		return slices.ContainsFunc(offered, func(o string) bool { return strings.EqualFold(o, name) })
	}
	bindable := len(bindings(cred.TLS)) > 0
	plus := bindable && slices.ContainsFunc(names, func(name string) bool {
		return strings.HasSuffix(name, plusSuffix) && offers(name)
	})
	// Said within the exchange (RFC 5802 section 6): a server that does offer it then finds out that somebody
	// has removed it from its list.
	cred.noPlus = bindable && !slices.ContainsFunc(offered, func(o string) bool {
		return strings.HasSuffix(strings.ToUpper(o), plusSuffix)
	})

	var out []Mechanism
	for _, name := range names {
		bound := strings.HasSuffix(name, plusSuffix)
		switch {
		case cred.AuthzID != "" && !saysOwner(name), plus && !bound && isUnbound(name, verified):
		// Always there: whether the server takes it is for the protocol to say, with LOGINDISABLED or the
		// greeting.
		case name == "" || name == "APOP":
			out = append(out, ProtocolLogin{Credentials: cred, Digest: name == "APOP"})
		case offers(name):
			out = append(out, mechanisms(name, cred)...)
			if strings.HasPrefix(name, "SCRAM-") && isPrepared(cred) {
				unprepared := cred
				unprepared.asIs = true
				out = append(out, mechanisms(name, unprepared)...)
			}
		}
	}

	if len(out) == 0 && cred.AuthzID != "" {
		return nil, hints.Errorf("PLAIN, SCRAM, EXTERNAL and OAuth can",
			"auth %q: no mechanism of the server can act for %q", auth, cred.AuthzID)
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
			// Behind SCRAM, as CRAM-MD5 proves nothing about the server.
			return append(scrams(), "CRAM-MD5", "PLAIN", "LOGIN", ""), true
		}
		// In a safe channel CRAM-MD5 has nothing to add.
		return append(scrams(), "PLAIN", "LOGIN", ""), true
	case "password":
		return []string{"", "PLAIN", "LOGIN"}, true
	case "oauthbearer":
		return []string{"OAUTHBEARER", "XOAUTH2"}, true
	case "scram-sha-1", "scram-sha-256":
		name := strings.ToUpper(auth)
		return []string{name + plusSuffix, name}, true
	case "apop", "external", "plain", "login", "cram-md5", "scram-sha-1-plus", "scram-sha-256-plus",
		"xoauth2":
		return []string{strings.ToUpper(auth)}, true
	}

	return nil, false
}

// scrams are the mechanisms by which both sides prove that they know the password.
func scrams() []string {
	return []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1"}
}

// CanAct tells whether a mechanism of the rc file's auth word can say whose mailbox is wanted.
func CanAct(auth string) bool {
	names, ok := order(strings.ToLower(auth), true)
	return !ok || slices.ContainsFunc(names, saysOwner)
}

// saysOwner tells whether the mechanism of a name can say whose mailbox is wanted.
func saysOwner(name string) bool {
	return strings.HasPrefix(name, "SCRAM-") ||
		slices.Contains([]string{"PLAIN", "EXTERNAL", "OAUTHBEARER", "XOAUTH2"}, name)
}

// isUnbound tells whether a mechanism is of no use where the server offers one that is bound. The password
// itself may follow if the server is verified: some store only hashes of another kind.
func isUnbound(name string, verified bool) bool {
	return !verified || strings.HasPrefix(name, "SCRAM-")
}

// mechanisms makes the mechanisms of a name that order gives: one, or one for each way to bind it.
func mechanisms(name string, c Credentials) []Mechanism {
	switch name {
	case "SCRAM-SHA-256-PLUS":
		return newPlus("SCRAM-SHA-256", scram.SHA256, c)
	case "SCRAM-SHA-1-PLUS":
		return newPlus("SCRAM-SHA-1", scram.SHA1, c)
	}
	return []Mechanism{mechanism(name, c)}
}

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
