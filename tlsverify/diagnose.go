package tlsverify

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"time"
)

var oidNameConstraints = asn1.ObjectIdentifier{2, 5, 29, 30}

// maxDiagnosed bounds how many certificates of a failed chain are looked at: each pair may cost a signature
// check.
const maxDiagnosed = 16

// diagnose turns an error of crypto/x509 into one that says what is wrong and who must do what.
func (p *Policy) diagnose(sent []*x509.Certificate, now time.Time, err error) error {
	// These name the certificate and the fault. What is left is an unknown authority, which crypto/x509 says
	// of many things.
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if invalid.Reason == x509.IncompatibleUsage {
			return p.usageError(sent, now, invalid)
		}
		return p.chainError(invalidReason(invalid, now), invalid.Cert, now, invalid)
	}
	if as[x509.UnhandledCriticalExtension](err) {
		return p.unhandledError(sent, now, err)
	}
	if as[x509.SystemRootsError](err) {
		return p.chainError(NoRoots, sent[0], now, err)
	}
	return p.findGap(sent[:min(len(sent), maxDiagnosed)], now, err)
}

// unhandledError names the certificate with a critical extension that is not understood, which err doesn't.
func (p *Policy) unhandledError(sent []*x509.Certificate, now time.Time, err error) *ChainError {
	all := append([]*x509.Certificate{withHandled(sent[0])}, sent[1:]...)
	for _, c := range append(all, p.roots().anchors...) {
		if len(c.UnhandledCriticalExtensions) == 0 {
			continue
		}

		id := c.UnhandledCriticalExtensions[0]
		why := fmt.Errorf("critical extension %s is not understood here: %w", id, err)
		// Directory names, mostly, which crypto/x509 can't compare.
		if id.Equal(oidNameConstraints) {
			why = fmt.Errorf("name constraints of another kind than DNS, IP, email or URI: %w", err)
		}
		return p.chainError(Malformed, c, now, why)
	}

	return p.chainError(Malformed, sent[0], now, err)
}

// usageError names the certificate that is not for TLS servers. crypto/x509 names the server's own, also
// where one above it is to blame.
func (p *Policy) usageError(sent []*x509.Certificate, now time.Time, err error) *ChainError {
	leaf, above := sent[0], slices.Concat(sent[1:], p.roots().anchors)
	if !isForServers(leaf) {
		return p.chainError(WrongUsage, leaf, now, err)
	}

	issuer := findIssuer(leaf, above)
	for range maxDiagnosed {
		if issuer == nil {
			break
		}
		if !isForServers(issuer) {
			return p.chainError(IssuerUsage, issuer, now, err)
		}
		above = slices.DeleteFunc(above, issuer.Equal)
		issuer = findIssuer(issuer, above)
	}
	return p.chainError(WrongUsage, leaf, now, err)
}

func invalidReason(invalid x509.CertificateInvalidError, now time.Time) ChainReason {
	switch invalid.Reason {
	case x509.Expired:
		// crypto/x509 has one word for both.
		if now.Before(invalid.Cert.NotBefore) {
			return NotYetValid
		}
		return Expired
	case x509.NotAuthorizedToSign, x509.TooManyIntermediates:
		return NotCA
	case x509.CANotAuthorizedForThisName, x509.TooManyConstraints, x509.UnconstrainedName:
		return NameConstraint
	}

	return Malformed
}

// findGap follows the issuers from the leaf up, to find where the chain breaks.
func (p *Policy) findGap(sent []*x509.Certificate, now time.Time, err error) error {
	cur, rest := sent[0], slices.Clone(sent[1:])
	// Bounded: certificates may sign each other in a circle.
	for range sent {
		if selfSigned(cur) {
			reason := UnknownRoot
			if cur == sent[0] {
				reason = SelfSigned
			}
			return p.chainError(reason, cur, now, err)
		}
		// crypto/x509 refuses an MD5 or SHA-1 signature as an unknown authority: this is the true reason.
		if weak := checkSignature(cur); weak != nil {
			return weak
		}

		issuer := findIssuer(cur, rest)
		if issuer == nil {
			issuer = findIssuer(cur, p.roots().anchors)
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

	// An authority that was sent beyond the gap shows that the chain goes on: then it is no root that is
	// missing.
	if cur == sent[0] || slices.ContainsFunc(rest, func(c *x509.Certificate) bool { return c.IsCA }) {
		return p.chainError(MissingIntermediate, cur, now, err)
	}

	return p.chainError(UnknownIssuer, cur, now, err)
}

func (p *Policy) diagnoseSignature(cert, issuer *x509.Certificate, now time.Time, err error) error {
	if as[x509.ConstraintViolationError](err) {
		return p.chainError(NotCA, issuer, now, err)
	}
	return p.chainError(BadSignature, cert, now, err)
}
