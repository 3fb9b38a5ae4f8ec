package login

import (
	"context"
	"errors"
	"fmt"

	"fetchd/fetch/wire"
	"fetchd/tlsverify"
	"fetchd/tlsverify/hints"
)

// upgrade asks for TLS and starts it. A server that does not list it is not asked, and only OK leads to the
// handshake.
func (a *attempt) upgrade(ctx context.Context) error {
	hint := a.o.withoutSTARTTLS()
	// Where the greeting listed no capabilities the command itself is the question.
	if a.offer != nil && !a.offer.StartTLS {
		return Fail(KindTLS, hints.Errorf(hint, "server does not offer STARTTLS,"+
			" or somebody removed it on the way; nothing was sent in clear text"))
	}

	r, err := a.p.StartTLS()
	switch {
	case err != nil:
		return failed(r, err)
	case r.Status == Refused:
		return Fail(KindTLS, hints.Errorf(hint, "%s; nothing was sent in clear text", a.describeReply(r)))
	case r.Status != OK:
		return a.refusal(r, KindProtocol)
	}

	return a.secure(ctx)
}

// withoutSTARTTLS is the user's next step where the server has no STARTTLS. On this machine that is mostly a
// proxy (DavMail, hydroxide, email-oauth2-proxy) that has no TLS at all.
func (o *Options) withoutSTARTTLS() string {
	if o.Service.ClearWord != "" {
		return fmt.Sprintf("if the server has TLS from the first byte, write %s; %q is for clear text",
			o.Service.wrapWord(), o.Service.ClearWord)
	}
	if o.isLocal() {
		return tlsverify.LocalProxy + " in its entry, behind the user's name"
	}
	return fmt.Sprintf("if the server has TLS on port %d, write %s", o.Service.Wrapped, o.Service.wrapWord())
}

func (o *Options) isLocal() bool { return o.Plugin == "" && wire.IsLoopback(o.Host) }

// secure does the handshake and the checks. Nothing that the server said before counts afterwards.
func (a *attempt) secure(ctx context.Context) error {
	// Before the handshake: whatever becomes of that, what came in clear text may be from anybody.
	a.offer, a.greeting, a.loggedIn = nil, "", false

	err := a.conn.StartTLS(ctx, a.o.Policy)
	verdict := a.conn.Verdict()
	if verdict != nil {
		a.log.Info(EventTLS, "account", a.o.Account, "verdict", verdict)
	}

	if plain, ok := errors.AsType[*tlsverify.NotTLSError](err); ok {
		plain.Local = a.o.isLocal() && a.o.Service.ClearWord == ""
		plain.Word = a.o.Service.WrapWord
	}

	switch {
	case err == nil:
		return nil
	case wire.IsTimeout(err) || ctx.Err() != nil || pluginEnded(err):
		return Fail(KindNetwork, err)
	case verdict != nil && verdict.Resumed:
		err = Again(err) // the ticket is forgotten now: a full handshake may succeed
	case errors.Is(err, tlsverify.ErrProtocolName):
		err = Again(err)
	}

	// Cut in the middle: that is the line or the server; no proof has failed.
	if h, ok := errors.AsType[*tlsverify.HandshakeError](err); ok && h.Cut() {
		return Fail(KindNetwork, err)
	}
	return Fail(KindTLS, err)
}

func pluginEnded(err error) bool {
	_, ended := errors.AsType[*wire.PluginError](err)
	return ended
}

// proven tells whether something vouches for the server: a chain of certificates for its name, or a pin.
// TLS alone, with "no sslcertck", hides the password from eavesdroppers but not from an impostor.
func (a *attempt) proven() bool { return a.conn.TLS() && a.conn.Verdict().Proven() }
