package login

import (
	"errors"
	"fmt"

	"fetchd/fetch/sasl"
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
		t.gaveAway = true
		return named(a.p.Login(own.Credentials))
	}

	r, err := a.converse(t)
	if err == nil && r.Status == OK {
		err = t.mechanism.Finish()
		if err != nil { // the server says that we are in, but has not shown that it knows us
			err = Fail(KindAuth, a.conn.Break(fmt.Errorf("%s: %w", r.Command, a.conn.CleanError(err))))
		}
	}
	return r, err
}

// converse is a SASL exchange up to the server's verdict. The initial response goes with the command where
// the server takes it there, else it answers the first challenge.
func (a *attempt) converse(t *try) (Reply, error) {
	name, initial, err := t.mechanism.Start()
	if err != nil {
		return Reply{}, Fail(KindAuth, err)
	}
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
			return a.cancel(r, why)
		}
		initial = nil
		t.gaveAway = t.mechanism.ClearText()
		r, err = named(a.p.Respond(sasl.EncodeResponse(response), "***"))
	}
	if err != nil || r.Status != Challenge {
		return r, err
	}
	return a.cancel(r, fmt.Errorf("more than %d challenges", maxChallenges))
}

// answer is the response to a challenge. initial, if not nil, answers the first: it only says "go on", in
// whatever words.
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

// cancel ends an exchange because of why, so that the server takes the next command as a command. The
// mechanism gave up; a server that accepts the login all the same, or goes on, can't be trusted with another.
func (a *attempt) cancel(r Reply, why error) (Reply, error) {
	why = Fail(KindAuth, fmt.Errorf("%s: %w", r.Command, a.conn.CleanError(why)))
	if errors.Is(why, sasl.ErrWrongProof) { // it does not know the password: it gets no chance to be told
		return r, a.conn.Break(why)
	}

	r, err := named(a.p.Respond("*", "*"))
	switch {
	case err != nil:
		return r, err
	case r.Status == Refused:
		return r, why
	case r.Status == OK:
		err = fmt.Errorf("%s: the server accepts a login that was cancelled", r.Command)
	case r.Status == Challenge:
		err = fmt.Errorf("%s: the server goes on with a login that was cancelled", r.Command)
	default:
		return r, a.refusal(r, KindServer)
	}
	return r, Fail(KindProtocol, a.conn.Break(err))
}

// named puts the command's name into the error of a Protocol.
func named(r Reply, err error) (Reply, error) {
	if err != nil {
		err = failed(r, err)
	}
	return r, err
}
