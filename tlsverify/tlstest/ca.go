// Package tlstest mints authorities and certificates, good and bad ones, and has a small TLS server to show
// them. It is for tests and for the demo; nothing it makes is to be trusted elsewhere.
//
//	ca := tlstest.NewCA(t)
//	cert := ca.Leaf(tlstest.Leaf{DNS: []string{"localhost"}})
//	policy, err := tlsverify.New(tlsverify.Options{Host: "localhost", CAFile: ca.File(t)})
package tlstest

import (
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// TB is the part of testing.TB that is used here.
type TB interface {
	Helper()
	Fatal(args ...any)
	TempDir() string
}

// Without dates of their own, certificates are valid at any time a test or a synctest bubble (which begins in
// 2000) may think it is.
func defaultNotBefore() time.Time { return time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC) }
func defaultNotAfter() time.Time  { return time.Date(2080, 1, 1, 0, 0, 0, 0, time.UTC) }

// Authority describes a CA. The zero value is a sound root.
type Authority struct {
	Name                string // common name; "" = "Test Root" or "Test Intermediate"
	NotBefore, NotAfter time.Time
	RSA                 int // key size; 0 = ECDSA P-256
	Key                 crypto.Signer
	Signature           x509.SignatureAlgorithm // of its own certificate; 0 = by the issuer's key
	NotCA               bool                    // CA:FALSE
	PermittedDNS        []string
	ExcludedDNS         []string
	Usage               []x509.ExtKeyUsage
	Extensions          []pkix.Extension
}

// CA is an authority: a root, or an intermediate with its issuer. It may be used by several goroutines.
type CA struct {
	Cert   *x509.Certificate
	Key    crypto.Signer
	Issuer *CA // nil for a root
	tb     TB  // nil if made without a test
}

// NewCA makes a root for a test; its methods end the test on an error.
func NewCA(t TB) *CA {
	t.Helper()
	return NewRoot(t, Authority{})
}

// NewRoot makes a root as described.
func NewRoot(t TB, a Authority) *CA {
	t.Helper()
	ca, err := MakeRoot(a)
	if err != nil {
		t.Fatal(err)
	}
	ca.tb = t
	return ca
}

// MakeRoot is NewRoot outside a test. Of such a CA, use the methods that return an error.
func MakeRoot(a Authority) (*CA, error) {
	if a.Name == "" {
		a.Name = "Test Root"
	}
	return makeAuthority(a, nil)
}

// Intermediate makes an authority issued by ca.
func (ca *CA) Intermediate(a Authority) *CA {
	if ca.tb != nil {
		ca.tb.Helper()
	}
	sub, err := ca.MakeIntermediate(a)
	ca.check(err)
	return sub
}

// MakeIntermediate is Intermediate outside a test.
func (ca *CA) MakeIntermediate(a Authority) (*CA, error) {
	if a.Name == "" {
		a.Name = "Test Intermediate"
	}
	sub, err := makeAuthority(a, ca)
	if err != nil {
		return nil, err
	}
	sub.tb = ca.tb
	return sub, nil
}

func (ca *CA) check(err error) {
	if err != nil && ca.tb != nil {
		ca.tb.Helper()
		ca.tb.Fatal(err)
	}
}

func makeAuthority(a Authority, issuer *CA) (*CA, error) {
	key, err := keyFor(a.Key, a.RSA)
	if err != nil {
		return nil, err
	}

	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: a.Name, Organization: []string{"fetchd tests"}},
		BasicConstraintsValid: true,
		IsCA:                  !a.NotCA,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage:           a.Usage,
		PermittedDNSDomains:   a.PermittedDNS,
		ExcludedDNSDomains:    a.ExcludedDNS,
		SignatureAlgorithm:    a.Signature,
		ExtraExtensions:       a.Extensions,
	}

	ca := &CA{Key: key, Issuer: issuer}
	der, err := sign(template, a.NotBefore, a.NotAfter, key, issuer)
	if err != nil {
		return nil, err
	}

	ca.Cert, err = x509.ParseCertificate(der)
	return ca, err
}

// sign completes the template and signs it by issuer, or by itself.
func sign(template *x509.Certificate, from, to time.Time, key crypto.Signer, issuer *CA) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}

	template.SerialNumber = serial
	template.NotBefore, template.NotAfter = from, to
	if from.IsZero() {
		template.NotBefore = defaultNotBefore()
	}
	if to.IsZero() {
		template.NotAfter = defaultNotAfter()
	}

	parent, signer := template, key
	if issuer != nil {
		parent, signer = issuer.Cert, issuer.Key
	}
	if template.SignatureAlgorithm == x509.MD5WithRSA {
		return signMD5(template, parent, key, signer)
	}

	return x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
}

// chain lists what a server sends after a certificate of ca: the intermediates, without the root.
func (ca *CA) chain() [][]byte {
	var der [][]byte
	for c := ca; c.Issuer != nil; c = c.Issuer {
		der = append(der, c.Cert.Raw)
	}
	return der
}

// Root is the root above ca.
func (ca *CA) Root() *CA {
	for ca.Issuer != nil {
		ca = ca.Issuer
	}
	return ca
}

// PEM is the authority's certificate for an sslcertfile.
func (ca *CA) PEM() []byte { return certPEM(ca.Cert.Raw) }

// File writes the root's certificate to a file of the test and gives its name.
func (ca *CA) File(t TB) string {
	t.Helper()
	return WriteFile(t, "root.pem", ca.Root().PEM())
}

// WriteFile writes a file into a directory of its own of the test and gives its name.
func WriteFile(t TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// CertPEM gives the certificates of a chain, leaf first, in PEM.
func CertPEM(c tls.Certificate) []byte {
	var out []byte
	for _, der := range c.Certificate {
		out = append(out, certPEM(der)...)
	}
	return out
}

// KeyPEM gives the private key in PKCS #8 PEM.
func KeyPEM(c tls.Certificate) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func parseIPs(texts []string) ([]net.IP, error) {
	var ips []net.IP
	for _, t := range texts {
		ip := net.ParseIP(t)
		if ip == nil {
			return nil, errors.New("not an address: " + t)
		}
		if v4 := ip.To4(); v4 != nil {
			ip = v4
		}
		ips = append(ips, ip)
	}
	return ips, nil
}
