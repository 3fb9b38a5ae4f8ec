package check

import (
	"bytes"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"fetchd/tlsverify"
	"fetchd/tlsverify/internal/show"
)

// order looks at the certificates as sent: each followed by its issuer, without the root and without
// strangers.
func (j *judge) order() {
	last := j.sent[0] // of those in order so far

	for i, c := range j.sent[1:] {
		sameName := func(o *x509.Certificate) bool { return bytes.Equal(o.RawSubject, c.RawSubject) }

		switch {
		// At the end it is only useless: clients have their own.
		case isRoot(c) && !slices.ContainsFunc(j.sent[i+2:], isNoRoot):
			j.add(Chain, Warn, "the root %s is sent along; leave it out", quoteSubject(c))
		case isRoot(c):
			j.add(Chain, Fail,
				"wrong order: certificate %d, the root %s, is sent before an intermediate; leave it out",
				i+2, quoteSubject(c))
		case bytes.Equal(last.RawIssuer, c.RawSubject):
			last = c
		case slices.ContainsFunc(j.sent[:i+1], sameName): // a copy, or signed by another issuer
			j.add(Chain, Warn,
				"certificate %d is one more for %s; leave it out unless another issuer signed it on purpose",
				i+2, quoteSubject(c))
		default:
			j.misplaced(i + 1)
			return
		}
	}
}

func isRoot(c *x509.Certificate) bool {
	return tlsverify.IsSelfIssued(c) && c.CheckSignatureFrom(c) == nil
}

func isNoRoot(c *x509.Certificate) bool { return !isRoot(c) }

// misplaced reports a certificate that does not follow the one that it signed.
func (j *judge) misplaced(i int) {
	c := j.sent[i]
	for _, other := range j.sent {
		if bytes.Equal(other.RawIssuer, c.RawSubject) {
			j.add(Chain, Fail,
				"wrong order: certificate %d, %s, must come right after the one that it signed",
				i+1, quoteSubject(c))
			return
		}
	}
	j.add(Chain, Warn, "certificate %d, %s, has no part in the chain; leave it out", i+1, quoteSubject(c))
}

// trust follows the chain at a time when none of it was out of date, because dates are an item of their own.
func (j *judge) trust() {
	at := j.c.now
	// An expired certificate would otherwise hide that the chain is incomplete too.
	if outdated(j.sent, at) {
		at = commonTime(j.sent, at)
	}

	chain, err := j.c.strict.Chain(j.sent, at)
	if err == nil {
		j.trusted(chain)
		return
	}

	ce, ok := errors.AsType[*tlsverify.ChainError](err)
	if !ok {
		return // weakness, which is an item of its own
	}

	switch ce.Reason {
	case tlsverify.UnknownRoot, tlsverify.UnknownIssuer, tlsverify.SelfSigned, tlsverify.NoRoots:
		j.completeWithoutRoot(ce)
		j.add(Root, Fail, "%s", ce)
		j.fingerprints(j.sent[len(j.sent)-1])
	case tlsverify.NameConstraint:
		j.add(Names, Fail, "%s", ce)
	case tlsverify.Expired, tlsverify.NotYetValid:
		return // an item of its own
	default:
		j.add(Chain, Fail, "%s", ce)
		j.detail(ce.Details()...)
	}
}

func (j *judge) completeWithoutRoot(ce *tlsverify.ChainError) {
	ends := ce.Reason == tlsverify.UnknownRoot || ce.Reason == tlsverify.UnknownIssuer
	if ends && !j.has(Chain) {
		j.add(Chain, OK, "%d certificates, in order up to the issuer %s", len(j.sent), show.Quote(ce.Issuer))
	}
}

func (j *judge) trusted(chain []*x509.Certificate) {
	if !j.has(Chain) {
		j.add(Chain, OK, "complete, in order, root left out: %d sent", len(j.sent))
	}

	if matched, err := j.c.strict.MatchName(j.sent[0]); err == nil {
		if err := tlsverify.CheckConstraints(chain, matched); err != nil {
			j.add(Names, Fail, "%s", err)
		}
	}

	root := chain[len(chain)-1]
	j.add(Root, OK, "%s is in %s", quoteSubject(root), j.c.strict.TrustedIn())
	j.fingerprints(root)
}

func (j *judge) fingerprints(c *x509.Certificate) {
	j.detail("certificate " + quoteSubject(c))
	for _, f := range tlsverify.FingerprintsOf(c) {
		j.detail(f.String())
	}
}

func outdated(certs []*x509.Certificate, at time.Time) bool {
	return slices.ContainsFunc(certs, func(c *x509.Certificate) bool {
		return at.Before(c.NotBefore) || at.After(c.NotAfter)
	})
}

// commonTime is the last moment before now, or else the first one, at which all were valid, as far as there
// is one.
func commonTime(certs []*x509.Certificate, now time.Time) time.Time {
	at := now
	for _, c := range certs {
		if c.NotAfter.Before(at) {
			at = c.NotAfter
		}
	}
	for _, c := range certs {
		if c.NotBefore.After(at) {
			at = c.NotBefore
		}
	}
	return at
}
