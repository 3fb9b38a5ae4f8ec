package tlsverify

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"fmt"

	"fetchd/tlsverify/hints"
	"fetchd/tlsverify/internal/show"
)

// setClientCertificate loads sslcert and sslkey.
func (p *Policy) setClientCertificate() error {
	certFile, keyFile := p.opt.CertFile, p.opt.KeyFile
	switch {
	case certFile == "" && keyFile == "":
		return nil
	case certFile == "":
		return hints.Errorf("name the file with the client certificate", "sslkey %q has no sslcert", keyFile)
	case keyFile == "":
		keyFile = certFile
	}

	certs, err := readCertificates(certFile)
	if err != nil {
		return loadError("sslcert", certFile, err,
			"give a PEM file with the client certificate, then its issuers")
	}
	key, err := readKey(keyFile, p.opt.KeyPass)
	if as[*passError](err) { // it knows a better next step
		return fmt.Errorf("sslkey %q: %w", keyFile, err)
	}
	if err != nil {
		return loadError("sslkey", keyFile, err, "give a PEM file with the private key of sslcert")
	}
	if !sameKey(certs[0], key) {
		return hints.Errorf("name the two files of one pair",
			"sslkey %q does not belong to the certificate in sslcert %q", keyFile, certFile)
	}

	p.client = &tls.Certificate{PrivateKey: key, Leaf: certs[0]}
	for _, c := range certs {
		p.client.Certificate = append(p.client.Certificate, c.Raw)
	}
	if end := certs[0].NotAfter; p.Now().After(end) {
		p.warn("get a new one", "client certificate %q expired on %s", certFile, show.Date(end))
	}
	return nil
}

// ClientName returns the common name of the first certificate in a PEM file, "" if it has none.
func ClientName(path string) (string, error) {
	certs, err := readCertificates(path)
	if err != nil {
		return "", err
	}
	return certs[0].Subject.CommonName, nil
}

func sameKey(cert *x509.Certificate, key crypto.Signer) bool {
	pub, ok := cert.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	return ok && pub.Equal(key.Public())
}
