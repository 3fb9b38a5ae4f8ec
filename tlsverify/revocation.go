package tlsverify

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/ocsp"

	"fetchd/tlsverify/internal/show"
)

// clockSkew is how far a responder's clock may be ahead of ours.
const clockSkew = 5 * time.Minute

// verifyRevocation looks at the stapled OCSP response and the revocation lists of a verified chain. Nothing is fetched.
func (p *Policy) verifyRevocation(v *Verdict, staple []byte) error {
	if len(v.Chain) < 2 {
		return nil // not verified, or the certificate itself is a trust anchor: nobody could revoke it
	}
	if err := v.checkStaple(staple); err != nil {
		return err
	}
	if p.crls == nil {
		return nil
	}
	return p.checkAgainstLists(v)
}

const staplingHint = "tell the operator (docs/server-checklist.md#stapling)"

// checkStaple refuses a revoked certificate, and one that promises a staple and comes without a good one (RFC 7633).
func (v *Verdict) checkStaple(staple []byte) error {
	leaf := v.Chain[0]
	problem := "no OCSP response was stapled"
	if len(staple) > 0 {
		r, err := parseStaple(staple, leaf, v.Chain[1], v.now)
		switch {
		case r != nil && r.Status == ocsp.Revoked:
			return &RevokedError{Subject: Subject(leaf), When: r.RevokedAt, Why: "stapled OCSP response"}
		case err == nil:
			v.Revocation = "stapled OCSP: good until " + show.Date(r.NextUpdate)
			return nil
		}
		problem = "the stapled OCSP response is of no use (" + show.Cut(err.Error()) + ")"
	}
	if mustStaple(leaf) {
		return &RevokedError{Subject: Subject(leaf), Next: staplingHint,
			Why: "it must come with a stapled OCSP response, but " + problem}
	}
	if len(staple) > 0 {
		v.warn(staplingHint, "%s", problem)
	}
	return nil
}

// parseStaple verifies a response. Any response that is genuine is returned, also with an error that says why it proves
// nothing good.
func parseStaple(staple []byte, leaf, issuer *x509.Certificate, now time.Time) (*ocsp.Response, error) {
	r, err := ocsp.ParseResponseForCert(staple, leaf, issuer)
	if err != nil {
		return nil, err
	}
	if err := delegated(r, issuer, now); err != nil {
		return nil, err
	}
	switch {
	case r.Status != ocsp.Good:
		return r, errors.New("the responder doesn't know the certificate")
	case now.Add(clockSkew).Before(r.ThisUpdate):
		return r, fmt.Errorf("it is from the future, %s", show.Date(r.ThisUpdate))
	case !r.NextUpdate.IsZero() && now.After(r.NextUpdate):
		return r, fmt.Errorf("it is out of date since %s", show.Date(r.NextUpdate))
	case r.NextUpdate.IsZero() && now.Sub(r.ThisUpdate) > 7*24*time.Hour:
		return r, fmt.Errorf("it is from %s", show.Date(r.ThisUpdate))
	}
	return r, nil
}

// delegated checks the certificate of a responder that is not the issuer itself: without OCSPSigning, any customer of
// the issuer could vouch for its own revoked certificate (RFC 6960 §4.2.2.2).
func delegated(r *ocsp.Response, issuer *x509.Certificate, now time.Time) error {
	c := r.Certificate
	if c == nil || bytes.Equal(c.Raw, issuer.Raw) {
		return nil
	}
	if now.Before(c.NotBefore) || now.After(c.NotAfter) {
		return errors.New("its signer's certificate is out of date")
	}
	for _, u := range c.ExtKeyUsage {
		if u == x509.ExtKeyUsageOCSPSigning {
			return nil
		}
	}
	return errors.New("its signer may not sign OCSP responses")
}

var (
	oidTLSFeature  = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}
	oidAuthorityID = asn1.ObjectIdentifier{2, 5, 29, 35}
)

const featureStatusRequest = 5

// mustStaple reports whether the certificate promises a stapled response (RFC 7633 §4).
func mustStaple(c *x509.Certificate) bool {
	for _, e := range c.Extensions {
		if !e.Id.Equal(oidTLSFeature) {
			continue
		}
		var features []int
		if rest, err := asn1.Unmarshal(e.Value, &features); err != nil || len(rest) > 0 {
			return true // it promises something; be strict
		}
		for _, f := range features {
			if f == featureStatusRequest {
				return true
			}
		}
	}
	return false
}

// checkAgainstLists demands a valid list for the leaf's issuer, and uses those for the other issuers where there are any.
func (p *Policy) checkAgainstLists(v *Verdict) error {
	lists, err := p.crls.lists()
	if err != nil {
		return &RevokedError{Subject: Subject(v.Chain[0]), Why: err.Error()}
	}
	for i, cert := range v.Chain[:len(v.Chain)-1] {
		covered, err := searchLists(lists, cert, v.Chain[i+1], v.now)
		if err != nil {
			return err
		}
		if !covered && i == 0 {
			return &RevokedError{Subject: Subject(cert), Next: "put a current one there, or drop sslcrlfile",
				Why: fmt.Sprintf("there is no valid revocation list of its issuer %s in sslcrlfile %q", show.Quote(issuer(cert)), p.opt.CRL)}
		}
	}
	v.Revocation = joinNonEmpty(v.Revocation, "revocation list: not on it")
	return nil
}

func joinNonEmpty(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// searchLists looks for cert on each list that its issuer signed. An entry counts on any such list; covered means that
// one was complete and is current.
func searchLists(lists []*x509.RevocationList, cert, issuer *x509.Certificate, now time.Time) (covered bool, err error) {
	for _, l := range lists {
		if !bytes.Equal(l.RawIssuer, issuer.RawSubject) || l.CheckSignatureFrom(issuer) != nil {
			continue
		}
		for _, e := range l.RevokedCertificateEntries {
			if e.SerialNumber.Cmp(cert.SerialNumber) == 0 && e.ReasonCode != removeFromCRL {
				return false, &RevokedError{Subject: Subject(cert), When: e.RevocationTime, Why: "revocation list"}
			}
		}
		current := !now.Add(clockSkew).Before(l.ThisUpdate) && (l.NextUpdate.IsZero() || now.Before(l.NextUpdate))
		covered = covered || current && complete(l, cert)
	}
	return covered, nil
}

const removeFromCRL = 8 // RFC 5280 §5.3.1: only on a delta list

// complete tells whether cert would be on l if it were revoked. A critical extension makes a list a delta, or one for
// some certificates (RFC 5280 §5.2), which proves nothing of others by its silence.
func complete(l *x509.RevocationList, cert *x509.Certificate) bool {
	for _, e := range l.Extensions {
		switch {
		case !e.Critical || e.Id.Equal(oidAuthorityID):
		case e.Id.Equal(oidDistributionPoint) && isFor(e.Value, cert):
		default:
			return false
		}
	}
	return true
}

var oidDistributionPoint = asn1.ObjectIdentifier{2, 5, 29, 28}

// distributionPoint is an issuingDistributionPoint (RFC 5280 §5.2.5).
type distributionPoint struct {
	Point       asn1.RawValue  `asn1:"optional,tag:0"` // a DistributionPointName, a choice, and so tagged explicitly
	OnlyUsers   bool           `asn1:"optional,tag:1"`
	OnlyCAs     bool           `asn1:"optional,tag:2"`
	OnlyReasons asn1.BitString `asn1:"optional,tag:3"`
	Indirect    bool           `asn1:"optional,tag:4"`
	OnlyAttrs   bool           `asn1:"optional,tag:5"`
}

// isFor tells whether a list with this issuingDistributionPoint is for cert (RFC 5280 §6.3.3 b 2): for its kind, and
// where it names places, for one that cert names.
func isFor(point []byte, cert *x509.Certificate) bool {
	var p distributionPoint
	if rest, err := asn1.Unmarshal(point, &p); err != nil || len(rest) > 0 {
		return false
	}
	if p.Indirect || p.OnlyAttrs || p.OnlyReasons.BitLength > 0 || p.OnlyUsers && cert.IsCA || p.OnlyCAs && !cert.IsCA {
		return false
	}
	if len(p.Point.FullBytes) == 0 {
		return true
	}
	var full asn1.RawValue
	if rest, err := asn1.Unmarshal(p.Point.Bytes, &full); err != nil || len(rest) > 0 || full.Class != asn1.ClassContextSpecific || full.Tag != 0 {
		return false // a name relative to the issuer's
	}
	for rest := full.Bytes; len(rest) > 0; {
		var name asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &name); err != nil {
			return false
		}
		if name.Class == asn1.ClassContextSpecific && name.Tag == tagURI && slices.Contains(cert.CRLDistributionPoints, string(name.Bytes)) {
			return true
		}
	}
	return false
}

const tagURI = 6 // of a GeneralName

// crlStore reads revocation lists and reads them again when a file changed.
type crlStore struct {
	path string

	mu    sync.Mutex
	stamp string
	read  []*x509.RevocationList
}

func (s *crlStore) lists() ([]*x509.RevocationList, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	const next = "give a file, or a directory of files, with revocation lists in PEM or DER"
	files, stamp, err := s.files()
	if err != nil {
		return nil, loadError("sslcrlfile", s.path, err, next)
	}
	if stamp == s.stamp && s.read != nil {
		return s.read, nil
	}
	var all []*x509.RevocationList
	for _, f := range files {
		data, err := readBounded(f)
		if err != nil {
			return nil, loadError("sslcrlfile", f, err, next)
		}
		lists, err := parseLists(data)
		if err != nil && len(files) == 1 {
			return nil, loadError("sslcrlfile", f, err, next)
		}
		all = append(all, lists...)
	}
	if len(all) == 0 {
		return nil, loadError("sslcrlfile", s.path, errors.New("holds no revocation list"), next)
	}
	s.stamp, s.read = stamp, all
	return all, nil
}

func (s *crlStore) files() (files []string, stamp string, err error) {
	st, err := os.Stat(s.path)
	if err != nil {
		return nil, "", unwrapPath(err)
	}
	files = []string{s.path}
	if st.IsDir() {
		if files, err = regularFiles(s.path); err != nil {
			return nil, "", err
		}
	}
	for _, f := range files {
		if st, err := os.Stat(f); err == nil {
			stamp += fmt.Sprintf("%s %d %d\n", f, st.Size(), st.ModTime().UnixNano())
		}
	}
	return files, stamp, nil
}

func parseLists(data []byte) ([]*x509.RevocationList, error) {
	if l, err := x509.ParseRevocationList(data); err == nil {
		return []*x509.RevocationList{l}, nil
	}
	var lists []*x509.RevocationList
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "X509 CRL" {
			continue
		}
		l, err := x509.ParseRevocationList(block.Bytes)
		if err != nil {
			return lists, err
		}
		lists = append(lists, l)
	}
	if len(lists) == 0 {
		return nil, errors.New("holds no revocation list")
	}
	return lists, nil
}
