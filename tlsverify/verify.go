package tlsverify

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
)

// Judge tells what a server proved in a handshake, and why the policy refuses it; nil = it trusts the server.
// It checks what Client checks.
func (p *Policy) Judge(state tls.ConnectionState) (*Verdict, error) {
	v := p.newVerdict()
	return v, p.verify(state, v)
}

// verify is the whole judgement: chain, identity, pins, revocation. The chain comes first, because what the
// certificate says of itself means nothing before somebody vouches for it, and revocation last, because it
// needs the chain's issuers.
func (p *Policy) verify(cs tls.ConnectionState, v *Verdict) error {
	v.fill(cs)
	if len(cs.PeerCertificates) == 0 {
		return &HandshakeError{Err: errors.New("server sent no certificate")}
	}

	ids := presentedBy(cs.PeerCertificates[0])
	// No honest certificate has a NUL in a name: not even nosslcertck lets it pass.
	if len(ids.malformed) > 0 {
		_, err := matchIdentity(p.refs, ids)
		return err
	}

	if err := p.verifyChain(v, ids); err != nil {
		return err
	}
	if err := p.verifyPins(v); err != nil {
		return err
	}
	if err := p.verifyRevocation(v, cs.OCSPResponse); err != nil {
		return err
	}

	v.noteExpiry(p)
	return nil
}

func (p *Policy) verifyChain(v *Verdict, ids identifiers) error {
	// The match is noted also where the chain is refused: it belongs to the evidence.
	matched, mismatch := matchIdentity(p.refs, ids)
	v.MatchedIdentity = matched
	if p.opt.NoCheck {
		return nil
	}

	chain, err := p.Chain(v.Presented, v.now)
	if err != nil {
		return err
	}

	v.Chain = chain

	if mismatch != nil {
		return mismatch
	}
	if err := CheckConstraints(chain, matched); err != nil {
		return err
	}

	v.noteCommonName(matched)
	return nil
}

// MatchName looks for a name of the policy's in a server's certificate, and gives it: "DNS-ID
// mail.example.org". The error is an *IdentityError.
func (p *Policy) MatchName(leaf *x509.Certificate) (string, error) {
	return matchIdentity(p.refs, presentedBy(leaf))
}

// MatchPins looks for the policy's pins and fingerprints in a server's certificate and, where it was
// verified, its chain, and gives the one that matches. The error is a *PinError.
func (p *Policy) MatchPins(leaf *x509.Certificate, chain []*x509.Certificate) (string, error) {
	v := &Verdict{Presented: []*x509.Certificate{leaf}, Chain: chain, now: p.Now()}
	err := p.verifyPins(v)
	return v.MatchedPin, err
}

// CheckRevocation looks at the OCSP response that a server stapled, and at the policy's revocation lists, for
// a verified chain. found is "" if there was nothing to look at. The error is a *RevokedError.
func (p *Policy) CheckRevocation(chain []*x509.Certificate,
	staple []byte) (found string, warnings []string, err error) {
	v := p.newVerdict()
	v.Chain = chain
	err = p.verifyRevocation(v, staple)
	return v.Revocation, v.warnings, err
}
