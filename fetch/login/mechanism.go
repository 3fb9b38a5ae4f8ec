package login

import (
	"context"
	"errors"
	"slices"
	"strings"

	"fetchd/fetch/sasl"
	"fetchd/tlsverify/hints"
)

// maxTries is how many refused tries one login may have: servers lock accounts after repeated failures.
const maxTries = 2

// try is one mechanism that was tried, with what decides whether another may follow.
type try struct {
	mechanism sasl.Mechanism
	gaveAway  bool // the password or token itself was sent
	refused   bool // by the server; else the mechanism gave up
	judged    bool // the server named the password or the user as the reason
}

// logIn tries the mechanisms in order, and succeeds only by one that the server accepted.
func (a *attempt) logIn(ctx context.Context) error {
	if err := a.capabilities(); err != nil {
		return err
	}
	if a.o.Auth == NoAuth {
		return nil
	}
	if a.o.Auth == "implicit" || a.o.Auth == "ssh" {
		return a.implicit()
	}

	cred, err := a.credentials(ctx)
	if err != nil {
		return err
	}

	refused, err := a.tryAll(cred, maxTries)
	// Another secret helps only where this one was refused, not where the way to the login is closed.
	if err == nil || !refused || a.o.Renew == nil {
		return err
	}
	return a.renew(ctx, cred, err)
}

// noWayHint is the next step where the server offers nothing that can be tried.
func (a *attempt) noWayHint() string {
	isToken := func(name string) bool {
		return strings.EqualFold(name, "OAUTHBEARER") || strings.EqualFold(name, "XOAUTH2")
	}
	if slices.ContainsFunc(a.offer.Mechanisms, isToken) {
		return `it lets in by OAuth: write oauth in place of the password, see "fetchd help oauth"`
	}
	if a.offer.NoLogin != "" && a.o.TLS == ClearText {
		return "it may let nobody in without TLS: remove sslproto '' or sslmode none"
	}
	return "the server must offer PLAIN, LOGIN or SCRAM"
}

// renew asks once more for a secret that the server refused with err, and tries it if it is another one: a
// token may have been revoked before its time, and a one-time password used.
func (a *attempt) renew(ctx context.Context, cred sasl.Credentials, err error) error {
	fresh, renewErr := a.secret(ctx, func(ctx context.Context) (string, error) {
		return a.o.Renew(ctx, cred.Password)
	})
	switch {
	case renewErr != nil:
		return renewErr
	case fresh == cred.Password:
		return err
	}

	cred.Password = fresh
	// One try: servers count refusals, and the first secret has cost some already.
	_, err = a.tryAll(cred, 1)
	return err
}

// tryAll tries at most so many mechanisms with cred. refused tells whether the last of them was refused for a
// reason that another secret may mend.
func (a *attempt) tryAll(cred sasl.Credentials, most int) (refused bool, failure error) {
	mechanisms, err := a.mechanisms(cred)
	if err != nil {
		return false, err
	}

	// This is the result if no mechanism can be tried: it must not count as success.
	failure = hints.Errorf(a.noWayHint(),
		"no way to log in that both sides know: %s", a.offer.NoLogin)
	var last *try
	for tries := 0; len(mechanisms) > 0 && tries < most; mechanisms = mechanisms[1:] {
		m := mechanisms[0]
		if last != nil && !mayFollow(m, last, a.proven()) {
			continue
		}
		if last == nil || !isSameTry(m, last.mechanism) {
			tries++
		}
		last = &try{mechanism: m}
		failure = a.try(last)
		// Only a refused login leads to another mechanism: any other trouble would meet it too.
		if failure == nil || a.conn.Err() != nil || KindOf(failure) != KindAuth {
			return false, failure
		}
	}

	failure = Fail(KindAuth, failure)
	// Nobody's account is locked for a token, which expires by itself.
	if last != nil && (last.refused || last.gaveAway) && !sasl.IsToken(last.mechanism) {
		failure = refusedBy(failure)
	}
	return last != nil, failure
}

// implicit needs no login if the server itself says that it knows the user by other means.
func (a *attempt) implicit() error {
	const hint = "it may need another plugin, or a password"
	p, ok := a.p.(Prover)
	if !ok {
		return Fail(KindAuth, hints.Errorf(hint,
			"auth %q: server did not greet as one that knows the user", a.o.Auth))
	}

	r, err := p.LoggedIn()
	switch {
	case err != nil:
		return failed(r, err)
	case r.Status == Refused:
		return Fail(KindAuth, hints.Errorf(hint,
			"auth %q: server does not know the user: %s", a.o.Auth, a.describeReply(r)))
	case r.Status != OK:
		return a.refusal(r, KindProtocol)
	}

	return nil
}

// mechanisms are those that may be tried, best first. There are none if only the protocol's own is left and
// can't be used.
func (a *attempt) mechanisms(cred sasl.Credentials) ([]sasl.Mechanism, error) {
	all, err := sasl.Choose(a.o.Auth, a.offer.Mechanisms, cred, a.proven())
	if err != nil {
		return nil, Fail(KindAuth, a.conn.CleanError(err))
	}

	var usable []sasl.Mechanism
	for _, m := range all {
		// NoLogin is about the protocol's own LOGIN or USER alone: mechanisms of SASL stay.
		if own, ok := m.(sasl.ProtocolLogin); !ok || own.Digest || a.offer.NoLogin == "" {
			usable = append(usable, m)
		}
	}

	return usable, nil
}

// isSameTry tells whether m is what was last tried, said in the other way that servers know.
func isSameTry(m, last sasl.Mechanism) bool {
	return sasl.IsRebound(m, last) || sasl.IsRespelled(m, last)
}

// mayFollow is the one rule for another try after last was refused or gave up.
func mayFollow(m sasl.Mechanism, last *try, proven bool) bool {
	switch {
	case sasl.IsRespelled(m, last.mechanism): // what the server has judged was not the password as it is
		return last.refused
	case sasl.IsRebound(m, last.mechanism): // the server may know only the other way to bind it
		return !last.judged
	case last.gaveAway || last.judged:
		return false // each further refusal of a wrong password brings the account closer to being locked
	case !proven && !last.mechanism.ClearText():
		return !m.ClearText() // an impostor must not get the password by refusing what hides it
	case last.refused && !last.mechanism.ClearText():
		return m.ClearText() // a server that stores only hashes can't check another proof either
	}
	return true
}

// try runs one mechanism. It is the one guard before every secret: without TLS none is sent, unless the
// user asked for clear text.
func (a *attempt) try(t *try) error {
	if !a.conn.TLS() && a.o.TLS != ClearText {
		return Fail(KindTLS, errors.New("the connection is not encrypted: the password is not sent"))
	}

	a.stage = AtLogin
	r, err := a.exchange(t)
	if err != nil {
		return err
	}

	if r.Status != OK {
		t.refused, t.judged = true, r.judged()
		return a.loginRefusal(r, t)
	}

	a.offer = r.Offer // RFC 9051 section 6.2: what was offered before the login no longer counts
	return nil
}
