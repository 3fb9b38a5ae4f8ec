package tlsverify

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
)

var errNoPolicy = errors.New("no TLS policy: the server can't be verified, so nothing is sent to it")

// Client does the TLS handshake on conn and checks the server, also when a session is resumed. It obeys ctx.
// On error conn is left to the caller to close (crypto/tls may have closed it already when ctx ended). The
// error is, or wraps, one of this package's error types; Details gives the evidence. The Verdict is non-nil
// whenever a certificate was seen. When Client returns an error, the server has not received a byte of
// application data.
func (p *Policy) Client(ctx context.Context, conn net.Conn) (*tls.Conn, *Verdict, error) {
	if p == nil || !p.ready {
		return nil, nil, errNoPolicy
	}

	v := p.newVerdict()
	client := p.client() // once: sessions are kept apart by it
	sessions := p.sessions(conn, client)
	offer := p.offer() // once: another connection may change it
	cfg := p.config(offer)
	cfg.VerifyConnection = func(cs tls.ConnectionState) error {
		err := p.verify(cs, v)
		p.opt.LastSeen.note(v, err == nil)
		return err
	}
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return v.demand.answer(client, nil, p.Now()), nil
	}
	if sessions != nil { // a nil *sessionCache in the interface would not be nil
		cfg.ClientSessionCache = sessions
	}

	h := &head{Conn: conn}
	tc := tls.Client(h, cfg)
	if err := tc.HandshakeContext(ctx); err != nil {
		return nil, v.orNil(), p.classify(ctx, v.Explain(err), h, offer)
	}

	h.end()
	// Only a server that passed: its key is what later ones are compared with.
	p.remember(v)
	return tc, v, nil
}

// Sight is what a server showed in a handshake that accepts everybody.
type Sight struct {
	Conn    *tls.Conn // nil if the server ended the handshake, after it had shown its certificate
	State   tls.ConnectionState
	Refusal error // why the policy would refuse the server; nil = it would trust it

	demand clientDemand
}

// Probe does a handshake with what o offers, whoever the server is, so that it can be judged. Send it
// nothing that is secret. The client certificate is shown only to a server that the policy trusts: it tells
// who we are. An error means that there is nothing to judge.
func (p *Policy) Probe(ctx context.Context, conn net.Conn, o Offer) (*Sight, error) {
	if p == nil || !p.ready {
		return nil, errNoPolicy
	}

	s := &Sight{}
	o.names = p.protocolNames()
	cfg := p.config(o)
	cfg.VerifyConnection = func(cs tls.ConnectionState) error {
		s.State = cs
		_, s.Refusal = p.Judge(cs)
		return nil
	}

	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return s.demand.answer(p.client(), s.Refusal, p.Now()), nil
	}

	h := &head{Conn: conn}
	tc := tls.Client(h, cfg)
	err := tc.HandshakeContext(ctx)

	switch {
	case err == nil:
		s.Conn = tc
	// Unless it ended because our certificate was withheld: then it has shown all that there is to judge.
	case s.demand == noDemand || s.Refusal == nil:
		return nil, p.classify(ctx, s.Explain(err), h, o)
	}

	return s, nil
}

// Demanded tells whether the server asked for a client certificate and was shown what there is. With TLS 1.3
// it refuses that only after the handshake (RFC 8446 §4.4.2.4).
func (s *Sight) Demanded() bool { return s.demand != noDemand && s.Refusal == nil }

// Explain is Verdict.Explain.
func (s *Sight) Explain(err error) error { return s.demand.explain(err) }

// config is the only tls.Config of a client in the program. InsecureSkipVerify is how crypto/tls is told to
// leave the checks to VerifyConnection, which, unlike its own, also run for a resumed session. The callers
// set VerifyConnection.
func (p *Policy) config(o Offer) *tls.Config {
	return &tls.Config{
		ServerName:         p.sni(),
		MinVersion:         o.Versions.Min,
		MaxVersion:         o.Versions.Max,
		CipherSuites:       o.suites(),
		NextProtos:         o.names,
		Time:               p.Now,
		InsecureSkipVerify: true,
	}
}

// sni is the verified name, or "" for an address literal (RFC 6066 §3). A wildcard names no server, so that
// the host is asked for.
func (p *Policy) sni() string {
	for _, r := range p.refs {
		if r.isWildcard() {
			r, _ = ParseReference("host", p.opt.Host)
		}
		if r.Kind == DNSID {
			return r.Name
		}
	}
	return ""
}
