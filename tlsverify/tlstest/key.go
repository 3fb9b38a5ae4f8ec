package tlstest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"sync"
)

// RSA keys are slow to make; one of each size serves all tests of a process.
var (
	rsa1024 = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 1024) })
	rsa2048 = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })
)

// NewKey makes an ECDSA P-256 key.
func NewKey() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

func keyFor(given crypto.Signer, bits int) (crypto.Signer, error) {
	switch {
	case given != nil:
		return given, nil
	case bits == 0:
		return NewKey()
	case bits == 1024:
		return rsa1024()
	case bits == 2048:
		return rsa2048()
	}
	return rsa.GenerateKey(rand.Reader, bits)
}

// signMD5 makes what crypto/x509 refuses to: it signs with SHA-1, changes the algorithm to MD5, whose
// identifier differs in one byte, and signs again.
func signMD5(template, parent *x509.Certificate, key, signer crypto.Signer) ([]byte, error) {
	template.SignatureAlgorithm = x509.SHA1WithRSA
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, err
	}

	rsaKey, ok := signer.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("an MD5 signature needs an issuer with an RSA key")
	}

	sha1WithRSA := []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5}
	md5WithRSA := []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 4}
	var c struct {
		TBS       asn1.RawValue
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(bytes.ReplaceAll(der, sha1WithRSA, md5WithRSA), &c); err != nil {
		return nil, err
	}

	sum := md5.Sum(c.TBS.FullBytes)
	sig, err := rsa.SignPKCS1v15(rand.Reader, rsaKey, crypto.MD5, sum[:])
	if err != nil {
		return nil, err
	}

	c.Signature = asn1.BitString{Bytes: sig, BitLength: 8 * len(sig)}
	return asn1.Marshal(c)
}
