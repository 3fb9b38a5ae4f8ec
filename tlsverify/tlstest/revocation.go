package tlstest

import (
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"time"

	"golang.org/x/crypto/ocsp"
)

// Staple describes an OCSP response. The zero value but for the dates says that the certificate is good.
type Staple struct {
	Revoked                bool
	Unknown                bool
	ThisUpdate, NextUpdate time.Time         // zero = an hour ago, in an hour
	Endless                bool              // without NextUpdate
	Responder              *x509.Certificate // instead of the issuer
	ResponderKey           crypto.Signer
}

// OCSP makes a response about cert, signed by ca or by s.Responder, for tls.Certificate.OCSPStaple.
func (ca *CA) OCSP(cert *x509.Certificate, s Staple) ([]byte, error) {
	now := time.Now()
	r := ocsp.Response{Status: ocsp.Good, SerialNumber: cert.SerialNumber, ThisUpdate: s.ThisUpdate,
		NextUpdate: s.NextUpdate, Certificate: s.Responder}
	if r.ThisUpdate.IsZero() {
		r.ThisUpdate = now.Add(-time.Hour)
	}
	if r.NextUpdate.IsZero() && !s.Endless {
		r.NextUpdate = now.Add(time.Hour)
	}

	switch {
	case s.Revoked:
		r.Status, r.RevokedAt = ocsp.Revoked, r.ThisUpdate
	case s.Unknown:
		r.Status = ocsp.Unknown
	}

	responder, key := ca.Cert, ca.Key
	if s.Responder != nil {
		responder, key = s.Responder, s.ResponderKey
	}

	return ocsp.CreateResponse(ca.Cert, responder, r, key)
}

// StapledLeaf is Leaf with an OCSP response about it.
func (ca *CA) StapledLeaf(l Leaf, s Staple) tls.Certificate {
	if ca.tb != nil {
		ca.tb.Helper()
	}
	cert := ca.Leaf(l)
	staple, err := ca.OCSP(cert.Leaf, s)
	ca.check(err)
	cert.OCSPStaple = staple
	return cert
}

// CRL makes a revocation list of ca in PEM, valid from to until.
func (ca *CA) CRL(from, until time.Time, revoked ...*x509.Certificate) ([]byte, error) {
	list := &x509.RevocationList{ThisUpdate: from, NextUpdate: until}

	for _, c := range revoked {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: from})
	}

	return ca.SignCRL(list)
}

// SignCRL gives list, of any kind, its number and ca's signature, in PEM.
func (ca *CA) SignCRL(list *x509.RevocationList) ([]byte, error) {
	list.Number = big.NewInt(list.ThisUpdate.Unix())

	der, err := x509.CreateRevocationList(rand.Reader, list, ca.Cert, ca.Key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}), nil
}
