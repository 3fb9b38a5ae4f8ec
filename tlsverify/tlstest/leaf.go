package tlstest

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net/url"
	"time"
)

// Leaf describes a server's certificate. The zero value but for its names is a sound one with a new ECDSA
// key.
type Leaf struct {
	CN                  string
	DNS                 []string
	IP                  []string
	SRV                 []string // "_imaps.example.net"; any bytes go in as they are
	URI                 []string
	Email               []string
	NotBefore, NotAfter time.Time
	Key                 crypto.Signer // nil = a new one
	RSA                 int           // key size; 0 = ECDSA P-256
	Signature           x509.SignatureAlgorithm
	Usage               []x509.ExtKeyUsage // nil = serverAuth
	MustStaple          bool
	CriticalStaple      bool                         // MustStaple's extension is critical
	Names               []pkix.AttributeTypeAndValue // more subject attributes
	RawSubject          []byte                       // instead of CN and Names
	Extensions          []pkix.Extension
	SelfSigned          bool // signed by its own key
	Bare                bool // sent without intermediates
}

// Leaf makes a certificate issued by ca, with the chain that a server is to send.
func (ca *CA) Leaf(l Leaf) tls.Certificate {
	if ca.tb != nil {
		ca.tb.Helper()
	}
	c, err := ca.MakeLeaf(l)
	ca.check(err)
	return c
}

// MakeLeaf is Leaf outside a test.
func (ca *CA) MakeLeaf(l Leaf) (tls.Certificate, error) {
	key, err := keyFor(l.Key, l.RSA)
	if err != nil {
		return tls.Certificate{}, err
	}

	template, err := l.template()
	if err != nil {
		return tls.Certificate{}, err
	}

	issuer := ca
	if l.SelfSigned {
		issuer = nil
	}

	der, err := sign(template, l.NotBefore, l.NotAfter, key, issuer)
	if err != nil {
		return tls.Certificate{}, err
	}

	cert := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	if !l.SelfSigned && !l.Bare {
		cert.Certificate = append(cert.Certificate, ca.chain()...)
	}

	cert.Leaf, err = x509.ParseCertificate(der)
	return cert, err
}

func (l Leaf) template() (*x509.Certificate, error) {
	t := &x509.Certificate{
		Subject:               pkix.Name{CommonName: l.CN, ExtraNames: l.Names},
		RawSubject:            l.RawSubject,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:           l.Usage,
		DNSNames:              l.DNS,
		EmailAddresses:        l.Email,
		SignatureAlgorithm:    l.Signature,
		ExtraExtensions:       l.Extensions,
	}

	if l.Usage == nil {
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}

	var err error
	if t.IPAddresses, err = parseIPs(l.IP); err != nil {
		return nil, err
	}

	for _, u := range l.URI {
		parsed, err := url.Parse(u)
		if err != nil {
			return nil, err
		}
		t.URIs = append(t.URIs, parsed)
	}

	if l.MustStaple {
		t.ExtraExtensions = append(t.ExtraExtensions,
			pkix.Extension{Id: oidTLSFeature(), Critical: l.CriticalStaple, Value: []byte{0x30, 3, 2, 1, 5}})
	}
	if len(l.SRV) > 0 {
		san, err := l.altNames()
		if err != nil {
			return nil, err
		}
		t.ExtraExtensions = append(t.ExtraExtensions, san)
	}

	return t, nil
}

func oidTLSFeature() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24} }

// altNames builds a subjectAltName with SRV-IDs, which crypto/x509 can't.
func (l Leaf) altNames() (pkix.Extension, error) {
	var names []asn1.RawValue
	for _, n := range l.SRV {
		v, err := SRVName([]byte(n))
		if err != nil {
			return pkix.Extension{}, err
		}
		names = append(names, v)
	}

	for _, n := range l.DNS {
		names = append(names, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 2, Bytes: []byte(n)})
	}

	for _, n := range l.URI {
		names = append(names, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(n)})
	}

	ips, err := parseIPs(l.IP)
	if err != nil {
		return pkix.Extension{}, err
	}

	for _, ip := range ips {
		names = append(names, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 7, Bytes: ip})
	}

	der, err := asn1.Marshal(names)
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: der}, err
}

// SRVName encodes text as a GeneralName of the form id-on-dnsSRV (RFC 4985).
func SRVName(text []byte) (asn1.RawValue, error) {
	oid, err := asn1.Marshal(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 8, 7})
	if err != nil {
		return asn1.RawValue{}, err
	}
	ia5, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagIA5String, Bytes: text})
	if err != nil {
		return asn1.RawValue{}, err
	}
	value, err := asn1.Marshal(asn1.RawValue{
		Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: ia5,
	})
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true,
		Bytes: append(oid, value...)}, err
}
