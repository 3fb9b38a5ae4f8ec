package tlsverify

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"

	"fetchd/tlsverify/tlstest"
)

// withNegativeSerial is cert with another serial number, signed anew by its issuer.
func withNegativeSerial(t *testing.T, ca *tlstest.CA, cert tls.Certificate) tls.Certificate {
	t.Helper()
	var parts struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(cert.Certificate[0], &parts); err != nil {
		t.Fatal(err)
	}

	serial := cert.Leaf.SerialNumber.Bytes()
	at := bytes.Index(parts.TBS.FullBytes, serial)
	parts.TBS.FullBytes[at] = 0x85 // the sign is the first bit, which a positive number's padding may hold
	if parts.TBS.FullBytes[at-1] == 0 {
		parts.TBS.FullBytes[at-1] = 0x85
	}

	digest := sha256.Sum256(parts.TBS.FullBytes)
	signature, err := ca.Key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}

	parts.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	der, err := asn1.Marshal(parts)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: cert.PrivateKey}
}

// Appliances and old authorities have made certificates with a negative serial number. Programs should bear
// with them (RFC 5280 section 4.1.2.2), and OpenSSL does.
func TestNegativeSerialNumber(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	cert := withNegativeSerial(t, ca, ca.Leaf(good()))
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil || leaf.SerialNumber.Sign() >= 0 {
		t.Fatalf("serial %v, %v", leaf, err)
	}

	for name, o := range map[string]Options{
		"chain":       {CAFile: ca.File(t)},
		"pin":         {NoCheck: true, Pins: []Pin{PinOf(leaf)}},
		"fingerprint": {NoCheck: true, Fingerprints: []Fingerprint{FingerprintOf(leaf)}},
		"trusted":     {CAFile: tlstest.WriteFile(t, "leaf.pem", tlstest.CertPEM(cert))},
	} {
		o.Host = host
		if v, err := meet(t, policy(t, o), cert); err != nil || !v.Proven() {
			t.Errorf("%s: %v, %v", name, v, err)
		}
	}
}
