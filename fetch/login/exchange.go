package login

import (
	"errors"
	"fmt"

	"fetchd/fetch/sasl"
	"fetchd/tlsverify/hints"
)

// maxChallenges bounds a SASL exchange; the longest one in use has three.
const maxChallenges = 8

// exchange carries out one mechanism, and notes in t whether the password or token itself was sent.
func (a *attempt) exchange(t *try) (Reply, error) {
	own, ok := t.mechanism.(sasl.ProtocolLogin)
	switch {
	case ok && own.Digest:
		return a.digest(own.Credentials)
	case ok:
		// Before the command: also when the connection is lost the server may have it.
		t.gaveAway = true
		return named(a.p.Login(own.Credentials))
	}

	r, err := a.converse(t)
	if err == nil && r.Status == OK {
		err = t.mechanism.Finish()
		if err != nil { // the server reports success without proving that it knows the password
			err = Fail(KindAuth, a.conn.Break(fmt.Errorf("%s: %w", r.Command, a.conn.CleanError(err))))
		}
	}

	return r, err
}

// converse is a SASL exchange up to the server's verdict. The initial response goes with the command if the
// server accepts it there; otherwise it answers the first challenge.
func (a *attempt) converse(t *try) (Reply, error) {
	name, initial, err := t.mechanism.Start()
	if err != nil {
		return Reply{}, Fail(KindAuth, err)
	}

	// A token or PLAIN's password may be on its way already with the first command.
	with := ""
	if encoded := sasl.EncodeInitial(initial); initial != nil && len(encoded) <= a.offer.MaxInitial {
		with, initial = encoded, nil
		t.gaveAway = t.mechanism.ClearText()
	}

	r, err := named(a.p.Auth(name, with))
	for range maxChallenges {
		if err != nil || r.Status != Challenge {
			return r, err
		}

		response, why := answer(t.mechanism, initial, r.Text)
		if why != nil {
			return a.cancel(t, r, why)
		}
		initial = nil
		t.gaveAway = t.mechanism.ClearText()
		r, err = named(a.p.Respond(sasl.EncodeResponse(response), "***"))
	}

	if err != nil || r.Status != Challenge {
		return r, err
	}

	return a.cancel(t, r, fmt.Errorf("more than %d challenges", maxChallenges))
}

// answer is the response to a challenge. If initial is not nil it answers the first challenge, which only
// says "go on" in some words.
func answer(m sasl.Mechanism, initial []byte, text string) ([]byte, error) {
	if initial != nil {
		return initial, nil
	}

	challenge, err := sasl.DecodeChallenge([]byte(text))
	if err != nil {
		return nil, err
	}
	return m.Next(challenge)
}

// cancel ends an exchange that the mechanism gave up, so that the server takes the next line as a command;
// why is the reason. A server that accepts the login nevertheless, or goes on with it, gets no other try.
func (a *attempt) cancel(t *try, r Reply, why error) (Reply, error) {
	why = Fail(KindAuth, fmt.Errorf("%s: %w", r.Command, a.conn.CleanError(why)))
	if errors.Is(why, sasl.ErrWrongProof) { // such a server must not get the password in another way
		return r, a.conn.Break(why)
	}

	r, err := named(a.p.Respond("*", "*"))
	switch {
	case err != nil:
		return r, err
	case r.Status == Refused:
		return r, a.refusedWithin(t, r, why)
	case r.Status == OK:
		err = fmt.Errorf("%s: the server accepts a login that was cancelled", r.Command)
	case r.Status == Challenge:
		err = fmt.Errorf("%s: the server goes on with a login that was cancelled", r.Command)
	default:
		return r, a.refusal(r, KindServer)
	}

	return r, Fail(KindProtocol, a.conn.Break(err))
}

// refusedWithin is the error of an exchange that was cancelled: why, unless the mechanism gave up because the
// server had refused the login in the mechanism's own words, and r, with which it answers the end, says that
// this is for a time.
func (a *attempt) refusedWithin(t *try, r Reply, why error) error {
	proof, isProof := errors.AsType[*sasl.RefusedError](why)
	_, isToken := errors.AsType[*sasl.TokenError](why)
	t.refused, t.judged = isProof || isToken, isProof && proof.Judged()

	switch {
	case t.refused && a.row(r, KindAuth).kind != KindAuth:
		return a.loginRefusal(r, t)
	case isProof:
		return hints.Add(why, a.hint(t))
	}
	return why
}

// named puts the command's name into the error of a Protocol.
func named(r Reply, err error) (Reply, error) {
	if err != nil {
		err = failed(r, err)
	}
	return r, err
}
