package tlsverify

import (
	"bytes"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"time"

	"fetchd/tlsverify/internal/show"
)

// Chain verifies the certificates as sent, leaf first, at a point in time, and gives the first chain to a trusted root
// without weak links, one that holds a pinned key if there are several. Names are not checked. The error is a *ChainError
// or a *WeakError.
func (p *Policy) Chain(sent []*x509.Certificate, now time.Time) ([]*x509.Certificate, error) {
	leaf := withoutSANCritical(sent[0])
	pool := x509.NewCertPool()
	for _, c := range sent[1:] {
		pool.AddCert(c)
	}
	// No DNSName: the identity is checked apart, against references that are never empty.
	chains, err := leaf.Verify(x509.VerifyOptions{
		Roots:         p.roots,
		Intermediates: pool,
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return nil, p.diagnose(sent, now, err)
	}
	var weak error
	var good []*x509.Certificate
	for _, chain := range chains {
		chain[0] = sent[0]
		if err := weakLink(chain); err != nil {
			weak = err
			continue
		}
		if _, pinned := p.pinned(chain); pinned || len(p.opt.Pins) == 0 {
			return chain, nil
		}
		if good == nil {
			good = chain
		}
	}
	if good != nil {
		return good, nil
	}
	return nil, weak
}

// withoutSANCritical gives a copy of leaf on which a critical subjectAltName counts as handled: crypto/x509 leaves it
// open when there are only SRV-IDs in it, which are handled here.
func withoutSANCritical(leaf *x509.Certificate) *x509.Certificate {
	c := *leaf
	c.UnhandledCriticalExtensions = nil
	for _, id := range leaf.UnhandledCriticalExtensions {
		if !id.Equal(oidSubjectAltName) {
			c.UnhandledCriticalExtensions = append(c.UnhandledCriticalExtensions, id)
		}
	}
	return &c
}

// weakLink names the first weak key or signature of a chain; the root's signature on itself proves nothing and may be
// of any kind.
func weakLink(chain []*x509.Certificate) error {
	for i, c := range chain {
		if WeakKey(c) {
			return &WeakError{Subject: Subject(c), What: KeyStrength(c), Need: "RSA keys need 2048 bits"}
		}
		if i < len(chain)-1 {
			if err := weakSignature(c); err != nil {
				return err
			}
		}
	}
	return nil
}

func weakSignature(c *x509.Certificate) error {
	if !WeakSignature(c) {
		return nil
	}
	return &WeakError{
		Subject: Subject(c), What: c.SignatureAlgorithm.String() + " signature", Need: "signatures need SHA-256 or better",
	}
}

// maxDiagnosed bounds how many certificates of a failed chain are looked at: each pair may cost a signature check.
const maxDiagnosed = 16

// diagnose turns an error of crypto/x509 into one that says what is wrong and who must do what.
func (p *Policy) diagnose(sent []*x509.Certificate, now time.Time, err error) error {
	var inv x509.CertificateInvalidError
	if errors.As(err, &inv) {
		return p.diagnoseInvalid(inv, now)
	}
	var unhandled x509.UnhandledCriticalExtension
	if errors.As(err, &unhandled) {
		return p.chainError(Malformed, sent[0], now, err)
	}
	var system x509.SystemRootsError
	if errors.As(err, &system) {
		return p.chainError(NoRoots, sent[0], now, err)
	}
	return p.walk(sent[:min(len(sent), maxDiagnosed)], now, err)
}

func (p *Policy) diagnoseInvalid(inv x509.CertificateInvalidError, now time.Time) error {
	reason := Malformed
	switch inv.Reason {
	case x509.Expired:
		reason = Expired
		if now.Before(inv.Cert.NotBefore) {
			reason = NotYetValid
		}
	case x509.IncompatibleUsage:
		reason = WrongUsage
	case x509.NotAuthorizedToSign, x509.TooManyIntermediates:
		reason = NotCA
	case x509.CANotAuthorizedForThisName, x509.TooManyConstraints, x509.UnconstrainedName:
		reason = NameConstraint
	}
	return p.chainError(reason, inv.Cert, now, inv)
}

// walk follows the issuers from the leaf up, to find where the chain breaks.
func (p *Policy) walk(sent []*x509.Certificate, now time.Time, err error) error {
	cur, rest := sent[0], slices.Clone(sent[1:])
	for range sent {
		if selfSigned(cur) {
			if cur == sent[0] {
				return p.chainError(SelfSigned, cur, now, err)
			}
			return p.chainError(UnknownRoot, cur, now, err)
		}
		if weak := weakSignature(cur); weak != nil {
			return weak
		}

		issuer := issuerAmong(cur, rest)
		if issuer == nil {
			issuer = issuerAmong(cur, p.anchors)
		}
		if issuer == nil {
			break
		}
		if e := cur.CheckSignatureFrom(issuer); e != nil {
			return p.diagnoseSignature(cur, issuer, now, e)
		}

		rest = slices.DeleteFunc(rest, issuer.Equal)
		cur = issuer
	}

	// What was sent beyond the gap shows that the chain goes on: then it is no root that is missing.
	if cur == sent[0] || slices.ContainsFunc(rest, func(c *x509.Certificate) bool { return c.IsCA }) {
		return p.chainError(MissingIntermediate, cur, now, err)
	}
	return p.chainError(UnknownIssuer, cur, now, err)
}

func (p *Policy) diagnoseSignature(cert, issuer *x509.Certificate, now time.Time, err error) error {
	var notCA x509.ConstraintViolationError
	if errors.As(err, &notCA) {
		return p.chainError(NotCA, issuer, now, err)
	}
	return p.chainError(BadSignature, cert, now, err)
}

// issuerAmong prefers a certificate that really signed cert to one that only has the issuer's name.
func issuerAmong(cert *x509.Certificate, among []*x509.Certificate) *x509.Certificate {
	var named *x509.Certificate
	for _, c := range among {
		if !bytes.Equal(c.RawSubject, cert.RawIssuer) {
			continue
		}
		if cert.CheckSignatureFrom(c) == nil {
			return c
		}
		named = c
	}
	return named
}

// CheckConstraints applies the chain's constraints on DNS names to a matched name that crypto/x509 doesn't look at: the
// domain of an SRV-ID or the CN-ID (RFC 5280 §4.2.1.10, RFC 4985 §4). The error is a *ChainError.
func CheckConstraints(chain []*x509.Certificate, matched string) error {
	kind, name, _ := strings.Cut(matched, " ")
	if kind != CNID.String() && kind != SRVID.String() {
		return nil
	}
	if kind == SRVID.String() {
		_, name, _ = strings.Cut(name, ".")
	}
	for _, ca := range chain[1:] {
		if !permitted(ca, name) {
			return &ChainError{Reason: NameConstraint, Subject: Subject(chain[0]), Issuer: Subject(ca),
				Err: errors.New("no certificates for " + show.Quote(name) + " by this issuer")}
		}
	}
	return nil
}

func permitted(ca *x509.Certificate, name string) bool {
	for _, d := range ca.ExcludedDNSDomains {
		if within(name, d) {
			return false
		}
	}
	for _, d := range ca.PermittedDNSDomains {
		if within(name, d) {
			return true
		}
	}
	return len(ca.PermittedDNSDomains) == 0
}

// within reports whether name is domain or below it; a leading dot, which some issuers write, asks for below.
func within(name, domain string) bool {
	domain = strings.ToLower(strings.TrimSuffix(domain, "."))
	if strings.HasPrefix(domain, ".") {
		return strings.HasSuffix(name, domain)
	}
	return domain == "" || name == domain || strings.HasSuffix(name, "."+domain)
}
