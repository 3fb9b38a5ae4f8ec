package tlsverify

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"time"

	"fetchd/tlsverify/hints"
	"fetchd/tlsverify/internal/show"
)

// clockSkew is how far the clock of a responder or of a list's issuer may be ahead of ours.
const clockSkew = 5 * time.Minute

// verifyRevocation looks at the stapled OCSP response and the revocation lists of a verified chain, also on a
// resumed session, since a certificate may have been revoked after that began. Nothing is fetched.
func (p *Policy) verifyRevocation(v *Verdict, staple []byte) error {
	if len(v.Chain) < 2 {
		return nil // not verified, or the certificate itself is a trust anchor: nobody could revoke it
	}
	// First the staple, which is mostly newer than a list.
	if err := v.checkStaple(staple); err != nil {
		return err
	}
	if p.crls == nil {
		return nil
	}
	return p.checkAgainstLists(v)
}

// checkAgainstLists demands a valid list for the leaf's issuer, and uses those for the other issuers where
// there are any.
func (p *Policy) checkAgainstLists(v *Verdict) error {
	lists, err := p.crls.current()
	if err != nil {
		problem, hint := hints.Split(err)
		return &RevokedError{Subject: Subject(v.Chain[0]), Why: problem, Next: hint}
	}

	for i, cert := range v.Chain[:len(v.Chain)-1] {
		covered, err := searchLists(lists, cert, v.Chain[i+1], v.now)
		if err != nil {
			return err
		}
		// For the leaf a list is demanded; for its issuers there often is none to be had.
		if !covered && i == 0 {
			return p.uncoveredError(cert)
		}
	}

	if v.Revocation != "" {
		v.Revocation += "; "
	}

	v.Revocation += "revocation list: not on it"
	return nil
}

func (p *Policy) uncoveredError(cert *x509.Certificate) *RevokedError {
	why := fmt.Sprintf("there is no valid revocation list of its issuer %s in sslcrlfile %q",
		show.Quote(issuer(cert)), p.opt.CRL)
	return &RevokedError{Subject: Subject(cert), Why: why,
		Next: "put a current one there, or drop sslcrlfile"}
}

// searchLists looks for cert on each list that its issuer signed. An entry counts on any such list, also an
// old or a partial one; covered means that one was complete and is current, so that its silence counts too.
func searchLists(lists []*x509.RevocationList, cert, issuer *x509.Certificate, now time.Time) (
	covered bool, err error) {
	for _, l := range lists {
		// Only the issuer itself can revoke: a list of anybody's could otherwise be used to shut the server
		// out.
		if !bytes.Equal(l.RawIssuer, issuer.RawSubject) || l.CheckSignatureFrom(issuer) != nil {
			continue
		}

		for _, e := range l.RevokedCertificateEntries {
			if e.SerialNumber.Cmp(cert.SerialNumber) == 0 && e.ReasonCode != removeFromCRL {
				err := &RevokedError{Subject: Subject(cert), When: e.RevocationTime, Why: "revocation list"}
				return false, err
			}
		}

		begun := !now.Add(clockSkew).Before(l.ThisUpdate)
		current := begun && (l.NextUpdate.IsZero() || now.Before(l.NextUpdate))
		covered = covered || current && complete(l, cert)
	}
	return covered, nil
}
