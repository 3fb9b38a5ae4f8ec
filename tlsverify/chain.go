package tlsverify

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"slices"
	"strings"
	"time"

	"fetchd/tlsverify/internal/show"
)

// Chain verifies the certificates as sent, leaf first, at a point in time, and gives the chain to a trusted
// root without weak links that is good for longest, preferring one that holds a pinned key. Names are not
// checked. The error is a *ChainError or a *WeakError.
func (p *Policy) Chain(sent []*x509.Certificate, now time.Time) ([]*x509.Certificate, error) {
	pool := x509.NewCertPool()
	// In any order and with any others: crypto/x509 finds the chain. What a server sends makes nothing
	// trusted.
	for _, c := range sent[1:] {
		pool.AddCert(c)
	}

	// Without DNSName: matchIdentity checks the name, against references that are never empty.
	chains, err := withHandled(sent[0]).Verify(x509.VerifyOptions{
		Roots:         p.roots().pool,
		Intermediates: pool,
		CurrentTime:   now,
		// A certificate of the same CA for clients or for mail signatures must not pass for a server's.
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})

	if err != nil {
		return nil, p.diagnose(sent, now, err)
	}
	// crypto/x509 looks at an authority's key usage, and at no server's.
	if !mayServe(sent[0]) {
		return nil, p.chainError(KeyUsage, sent[0], now, nil)
	}

	return p.choose(chains, sent[0])
}

// choose takes a strong chain that holds a pinned key. Without one it takes another strong one: that the pin
// is missing is found where pins are checked. Cross-signed roots give several chains, of which only one may
// hold the key; the end of the others need not trouble anybody.
func (p *Policy) choose(chains [][]*x509.Certificate, leaf *x509.Certificate) ([]*x509.Certificate, error) {
	var weak error
	var strong, pinned [][]*x509.Certificate
	for _, chain := range chains {
		chain[0] = leaf // instead of the copy that was verified
		if err := findWeakLink(chain); err != nil {
			weak = err
			continue
		}

		strong = append(strong, chain)
		if _, found := p.findPin(chain); found {
			pinned = append(pinned, chain)
		}
	}

	if len(pinned) > 0 {
		strong = pinned
	}
	if len(strong) == 0 {
		return nil, weak
	}
	return slices.MaxFunc(strong, func(a, b []*x509.Certificate) int {
		return firstToEnd(a).NotAfter.Compare(firstToEnd(b).NotAfter)
	}), nil
}

// handledHere are extensions that are judged here, and that crypto/x509 leaves unhandled: a subjectAltName
// that holds only SRV-IDs, and what checkStaple demands.
var handledHere = []asn1.ObjectIdentifier{oidSubjectAltName, oidTLSFeature}

// withHandled gives a copy of leaf on which those count as handled where they are critical.
func withHandled(leaf *x509.Certificate) *x509.Certificate {
	c := *leaf
	c.UnhandledCriticalExtensions = slices.Clone(leaf.UnhandledCriticalExtensions)
	c.UnhandledCriticalExtensions = slices.DeleteFunc(c.UnhandledCriticalExtensions,
		func(id asn1.ObjectIdentifier) bool { return slices.ContainsFunc(handledHere, id.Equal) })
	return &c
}

// findWeakLink names the first weak key or signature of a chain; the root's signature on itself proves
// nothing and may be of any kind.
func findWeakLink(chain []*x509.Certificate) error {
	for i, c := range chain {
		if WeakKey(c) {
			return &WeakError{Subject: Subject(c), What: KeyStrength(c), Need: "RSA keys need 2048 bits"}
		}
		// The root's own signature proves nothing: it is trusted because it is in the store.
		if i < len(chain)-1 {
			if err := checkSignature(c); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkSignature(c *x509.Certificate) error {
	if !WeakSignature(c) {
		return nil
	}
	return &WeakError{
		Subject: Subject(c),
		What:    c.SignatureAlgorithm.String() + " signature",
		Need:    "signatures need SHA-256 or better",
	}
}

// CheckConstraints applies the chain's constraints on DNS names to a matched name that crypto/x509 doesn't
// look at: the domain of an SRV-ID or the CN-ID (RFC 5280 §4.2.1.10, RFC 4985 §4). The error is a
// *ChainError.
func CheckConstraints(chain []*x509.Certificate, matched string) error {
	kind, name, _ := strings.Cut(matched, " ")
	switch kind {
	case CNID.String():
	case SRVID.String():
		_, name, _ = strings.Cut(name, ".") // without the service
	default:
		return nil
	}

	// The leaf can't constrain itself.
	for _, ca := range chain[1:] {
		if !permits(ca, name) {
			return &ChainError{
				Reason: NameConstraint, Subject: Subject(chain[0]), Issuer: Subject(ca),
				Err: errors.New("no certificates for " + show.Quote(name) + " by this issuer"),
			}
		}
	}

	return nil
}

// permits tells whether ca may vouch for name. What is excluded stays so even where a permitted domain
// contains it.
func permits(ca *x509.Certificate, name string) bool {
	within := func(domain string) bool { return isWithin(name, domain) }
	if slices.ContainsFunc(ca.ExcludedDNSDomains, within) {
		return false
	}
	return len(ca.PermittedDNSDomains) == 0 || slices.ContainsFunc(ca.PermittedDNSDomains, within)
}

// isWithin tells whether name is domain or below it; a leading dot, which some issuers write, asks for below.
func isWithin(name, domain string) bool {
	domain = strings.ToLower(strings.TrimSuffix(domain, "."))
	if strings.HasPrefix(domain, ".") {
		return strings.HasSuffix(name, domain)
	}
	return domain == "" || name == domain || strings.HasSuffix(name, "."+domain)
}

// findIssuer prefers a certificate that really signed cert to one that only has the issuer's name.
func findIssuer(cert *x509.Certificate, among []*x509.Certificate) *x509.Certificate {
	var named *x509.Certificate
	for _, c := range among {
		if !bytes.Equal(c.RawSubject, cert.RawIssuer) {
			continue
		}
		// A name is not enough: authorities renew their key under the same name, and both may be here.
		if cert.CheckSignatureFrom(c) == nil {
			return c
		}
		named = c
	}
	return named
}
