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
		// As in fetchmail, one PEM file may hold both.
		keyFile = certFile
	}

	p.clientFiles = &fileReader[*tls.Certificate]{
		paths: []string{certFile, keyFile},
		load: func() (*tls.Certificate, error) {
			return loadClientCertificate(certFile, keyFile, p.opt.KeyPass, p.opt.Files.check)
		},
	}

	// Loaded now, so that a mistake in the files is found at the start and not at the first connection.
	client, err := p.clientFiles.current()
	if err != nil {
		return err
	}
	if end := client.Leaf.NotAfter; p.Now().After(end) {
		p.warn("get a new one", "client certificate %q expired on %s", certFile, show.Date(end))
	}

	return nil
}

// client is the certificate to show, nil if there is none. Of two files that are being replaced, one may be
// new already: until both are, it is the pair from before.
func (p *Policy) client() *tls.Certificate {
	if p.clientFiles == nil {
		return nil
	}
	client, _ := p.clientFiles.current() // New has read it once
	return client
}

func loadClientCertificate(certFile, keyFile string, pass func() (string, error), check func(string) error) (
	*tls.Certificate, error) {
	const certHint = "give a PEM file with the client certificate, then its issuers"
	const keyHint = "give a PEM file with the private key of sslcert"
	if err := check(certFile); err != nil {
		return nil, loadError("sslcert", certFile, err, certHint)
	}

	certs, err := readCertificates(certFile)
	if err != nil {
		return nil, loadError("sslcert", certFile, err, certHint)
	}

	if err := check(keyFile); err != nil {
		return nil, loadError("sslkey", keyFile, err, keyHint)
	}

	key, err := readKey(keyFile, pass)
	if as[*passError](err) { // it knows a better next step
		return nil, fmt.Errorf("sslkey %q: %w", keyFile, err)
	}
	if err != nil {
		return nil, loadError("sslkey", keyFile, err, keyHint)
	}

	// crypto/tls would find out only when a server asks for it, in the middle of a handshake.
	if !sameKey(certs[0], key) {
		return nil, hints.Errorf("name the two files of one pair",
			"sslkey %q does not belong to the certificate in sslcert %q", keyFile, certFile)
	}

	client := &tls.Certificate{PrivateKey: key, Leaf: certs[0]}
	for _, c := range certs {
		client.Certificate = append(client.Certificate, c.Raw)
	}

	return client, nil
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
