package tlsverify

import (
	"context"
	"crypto/tls"
	"errors"
	"net"

	"fetchd/tlsverify/hints"
)

// classify gives a failed handshake, in which o was offered, one of this package's types.
func (p *Policy) classify(ctx context.Context, err error, h *head, o Offer) error {
	if typed(err) {
		return err
	}

	// First what the peer is: a version or an alert makes sense only of one that speaks TLS.
	if as[tls.RecordHeaderError](err) && !looksLikeTLS(h.first) {
		return p.notTLS(h)
	}
	if v, old := h.tooOld(o.Versions); old {
		e := &VersionError{Want: o.Versions}
		if v != 0 {
			e.Server = tls.VersionName(v)
		}
		return e
	}

	if a, ok := h.alert(); ok && a == alertHandshakeFailure {
		err = noCipherError(o)
	}
	err = p.withoutNames(err, o)
	// crypto/tls says only that the connection was closed, which happened because the context ended.
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		err = errors.Join(cause, err)
	}

	return &HandshakeError{Err: err}
}

var errNoCipher = errors.New("the server found no cipher or certificate that both sides can use")

// noCipherError says what the server may lack, which it does not say itself.
func noCipherError(o Offer) error {
	const (
		// What crypto/tls can't verify, and OpenSSL can.
		rare    = "its certificate may have a key of a rare kind, such as P-224, Ed448 or RSA-PSS"
		replace = "ask the operator for a certificate with an RSA or P-256 key"
	)
	if o.RSA || o.Versions.Min > tls.VersionTLS12 {
		return hints.Errorf(replace, "%w: %s", errNoCipher, rare)
	}
	return hints.Errorf(replace+" and for ECDHE, or see sslproto tls1+ (fetchd help versions)",
		"%w: it may lack ECDHE key exchange, or %s", errNoCipher, rare)
}

func (p *Policy) notTLS(h *head) *NotTLSError {
	e := &NotTLSError{Said: printableBeginning(h.first), Protocol: p.opt.Protocol, StartTLS: p.opt.StartTLS}

	if p.opt.SRVDomain != "" {
		e.SRV = "_" + p.opt.Service + "._tcp." + p.opt.SRVDomain
	}
	if a, ok := h.RemoteAddr().(*net.TCPAddr); ok {
		e.Port = a.Port
	}

	return e
}

// looksLikeTLS: a record type and major version 3 (RFC 8446 §5.1).
func looksLikeTLS(b []byte) bool {
	return len(b) >= 2 && b[0] >= 20 && b[0] <= 24 && b[1] == 3
}

// typed reports whether err is one of this package's own, from inside the handshake.
func typed(err error) bool {
	return as[*IdentityError](err) || as[*PinError](err) || as[*ChainError](err) || as[*WeakError](err) ||
		as[*RevokedError](err) || as[*HandshakeError](err)
}

func as[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}
