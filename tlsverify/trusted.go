package tlsverify

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"slices"
)

// trustedType is what OpenSSL calls a certificate in PEM that is followed by what it is trusted for.
const trustedType = "TRUSTED CERTIFICATE"

var (
	oidServerAuth = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1}
	oidAnyPurpose = asn1.ObjectIdentifier{2, 5, 29, 37, 0}

	errNotForServers = errors.New("holds no certificate that is trusted for TLS servers")
)

// auxiliary is the beginning of OpenSSL's X509_CERT_AUX; what follows are names.
type auxiliary struct {
	Trust  []asn1.ObjectIdentifier `asn1:"optional"`
	Reject []asn1.ObjectIdentifier `asn1:"optional,tag:0"`
}

// forServers tells whether the certificate is trusted for TLS servers, as OpenSSL reads it: what is not named
// is not trusted, where anything is.
func (a auxiliary) forServers() bool {
	holds := func(list []asn1.ObjectIdentifier) bool {
		return slices.ContainsFunc(list, func(id asn1.ObjectIdentifier) bool {
			return id.Equal(oidServerAuth) || id.Equal(oidAnyPurpose)
		})
	}
	return !holds(a.Reject) && (len(a.Trust) == 0 || holds(a.Trust))
}

// parseBlock reads the certificate in a PEM block of a type; nil without an error = it holds none.
func parseBlock(kind string, der []byte) (*x509.Certificate, error) {
	switch kind {
	case "CERTIFICATE", "X509 CERTIFICATE":
		return x509.ParseCertificate(der)
	case trustedType:
	default:
		return nil, nil
	}

	var raw asn1.RawValue
	rest, err := asn1.Unmarshal(der, &raw)
	if err != nil {
		return nil, err
	}

	var aux auxiliary
	if len(rest) > 0 {
		if _, err := asn1.Unmarshal(rest, &aux); err != nil {
			return nil, err
		}
	}
	if !aux.forServers() {
		return nil, errNotForServers
	}
	return x509.ParseCertificate(raw.FullBytes)
}
