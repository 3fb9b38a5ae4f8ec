package tlsverify

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/ocsp"

	"fetchd/tlsverify/internal/show"
)

const staplingHint = "tell the operator (fetchd help stapling)"

// maxStapleAge is how old a response may be that names no end.
const maxStapleAge = 7 * 24 * time.Hour

// checkStaple refuses a revoked certificate, and one that promises a staple and comes without a good one (RFC
// 7633).
func (v *Verdict) checkStaple(staple []byte) error {
	leaf := v.Chain[0]
	problem := "no OCSP response was stapled"
	if len(staple) > 0 {
		r, err := parseStaple(staple, leaf, v.Chain[1], v.now)
		if r != nil && r.Status == ocsp.Revoked { // whatever else is wrong with the response
			return &RevokedError{Subject: Subject(leaf), When: r.RevokedAt, Why: "stapled OCSP response"}
		}
		if err == nil {
			v.Revocation = "stapled OCSP: good"
			if !r.NextUpdate.IsZero() {
				v.Revocation += " until " + show.Date(r.NextUpdate)
			}
			return nil
		}
		problem = "the stapled OCSP response is of no use (" + show.Cut(err.Error()) + ")"
	}

	if mustStaple(leaf) {
		why := "it must come with a stapled OCSP response, but " + problem
		return &RevokedError{Subject: Subject(leaf), Why: why, Next: staplingHint}
	}
	// Useless, and not promised: no worse than a server that staples nothing, but its operator should know.
	if len(staple) > 0 {
		v.warn(staplingHint, "%s", problem)
	}

	return nil
}

// parseStaple verifies a response. Any response that is genuine is returned, also with an error that says why
// it proves nothing good.
func parseStaple(staple []byte, leaf, issuer *x509.Certificate, now time.Time) (*ocsp.Response, error) {
	// It checks the signature, and that the response is about this certificate.
	r, err := ocsp.ParseResponseForCert(staple, leaf, issuer)
	if err != nil {
		return nil, err
	}
	if err := checkResponder(r, issuer, now); err != nil {
		return nil, err
	}

	switch {
	case r.Status != ocsp.Good:
		return r, errors.New("the responder doesn't know the certificate")
	case now.Add(clockSkew).Before(r.ThisUpdate):
		return r, fmt.Errorf("it is from the future, %s", show.Date(r.ThisUpdate))
	case !r.NextUpdate.IsZero() && now.After(r.NextUpdate):
		return r, fmt.Errorf("it is out of date since %s", show.Date(r.NextUpdate))
	case r.NextUpdate.IsZero() && now.Sub(r.ThisUpdate) > maxStapleAge:
		return r, fmt.Errorf("it is from %s", show.Date(r.ThisUpdate))
	}

	return r, nil
}

// checkResponder checks the certificate of a responder that is not the issuer itself: without OCSPSigning,
// any customer of the issuer could vouch for its own revoked certificate (RFC 6960 §4.2.2.2).
func checkResponder(r *ocsp.Response, issuer *x509.Certificate, now time.Time) error {
	c := r.Certificate
	switch {
	case c == nil || bytes.Equal(c.Raw, issuer.Raw):
		return nil
	case now.Before(c.NotBefore) || now.After(c.NotAfter):
		return errors.New("its signer's certificate is out of date")
	case !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning):
		return errors.New("its signer may not sign OCSP responses")
	}
	return nil
}

var oidTLSFeature = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}

const featureStatusRequest = 5

// mustStaple reports whether the certificate promises a stapled response (RFC 7633 §4).
func mustStaple(c *x509.Certificate) bool {
	for _, e := range c.Extensions {
		if !e.Id.Equal(oidTLSFeature) {
			continue
		}
		var features []int
		rest, err := asn1.Unmarshal(e.Value, &features)
		if err != nil || len(rest) > 0 {
			return true // it promises something; be strict
		}
		if slices.Contains(features, featureStatusRequest) {
			return true
		}
	}

	return false
}
