package tlsverify

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"
)

// Subject names a certificate in messages, unescaped; those of today often have no subject but the names.
func Subject(c *x509.Certificate) string {
	if s := c.Subject.String(); s != "" {
		return s
	}
	if names := PresentedNames(c); len(names) > 0 {
		return names[0]
	}
	return "serial " + c.SerialNumber.Text(16)
}

func issuer(c *x509.Certificate) string { return c.Issuer.String() }

// PresentedNames lists the names that c is for, unescaped: "DNS:*.example.org".
func PresentedNames(c *x509.Certificate) []string { return presentedBy(c).strings() }

// KeyStrength gives "RSA 2048 bits", "ECDSA P-256", "Ed25519".
func KeyStrength(c *x509.Certificate) string {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d bits", k.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return "unknown"
}

const minRSABits = 2048 // NIST SP 800-131A; CA/Browser Forum baseline 6.1.5

// WeakKey tells whether the key of c can be broken.
func WeakKey(c *x509.Certificate) bool {
	k, ok := c.PublicKey.(*rsa.PublicKey)
	return ok && k.N.BitLen() < minRSABits
}

// WeakSignature tells whether the signature on c can be forged.
func WeakSignature(c *x509.Certificate) bool {
	switch c.SignatureAlgorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		return true
	}
	return false
}

// mayServe tells whether the key of c may be used in a handshake, as far as c says what it is for: to sign,
// or to agree on a key in a way of TLS 1.2 and older (RFC 5280 §4.2.1.3, RFC 8446 §4.4.2.2).
func mayServe(c *x509.Certificate) bool {
	const uses = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageKeyAgreement
	return c.KeyUsage == 0 || c.KeyUsage&uses != 0
}

// isForServers tells whether the extended key usages of c, where it has any, include TLS servers.
func isForServers(c *x509.Certificate) bool {
	if len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0 {
		return true
	}
	return slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth) ||
		slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}

// IsSelfIssued tells whether c names itself as its issuer.
func IsSelfIssued(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, c.RawIssuer) }

// selfSigned tells whether c vouches for itself: its name twice does not make it so. A signature of an
// algorithm that is no longer verified is believed, since nothing depends on it.
func selfSigned(c *x509.Certificate) bool {
	if !IsSelfIssued(c) {
		return false
	}
	err := c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature)
	return err == nil || as[x509.InsecureAlgorithmError](err)
}
