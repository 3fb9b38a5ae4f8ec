package tlsverify

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"net"

	"fetchd/tlsverify/internal/show"
)

// setClientCertificate loads sslcert and sslkey.
func (p *Policy) setClientCertificate() error {
	o := p.opt
	if o.CertFile == "" && o.KeyFile == "" {
		return nil
	}
	if o.CertFile == "" {
		return show.Fail("name the file with the client certificate", "sslkey %q has no sslcert", o.KeyFile)
	}
	if o.KeyFile == "" {
		o.KeyFile = o.CertFile
	}
	certs, err := readCertificates(o.CertFile)
	if err != nil {
		return loadError("sslcert", o.CertFile, err, "give a PEM file with the client certificate, then its issuers")
	}
	key, err := readKey(o.KeyFile, o.KeyPass)
	var pass *passError
	if errors.As(err, &pass) {
		return fmt.Errorf("sslkey %q: %w", o.KeyFile, err)
	}
	if err != nil {
		return loadError("sslkey", o.KeyFile, err, "give a PEM file with the private key of sslcert")
	}
	if !sameKey(certs[0], key) {
		return show.Fail("name the two files of one pair",
			"sslkey %q does not belong to the certificate in sslcert %q", o.KeyFile, o.CertFile)
	}
	p.client = &tls.Certificate{PrivateKey: key, Leaf: certs[0]}
	for _, c := range certs {
		p.client.Certificate = append(p.client.Certificate, c.Raw)
	}
	if p.Now().After(certs[0].NotAfter) {
		p.warn("get a new one", "client certificate %q expired on %s", o.CertFile, show.Date(certs[0].NotAfter))
	}
	return nil
}

// clientDemand is how it stands with the client certificate that a server asked for.
type clientDemand struct{ state, hint string }

var (
	noDemand         clientDemand
	clientMissing    = clientDemand{"and there is none", "name one with sslcert and sslkey"}
	clientWithheld   = clientDemand{state: "and is not shown it, because it is not trusted itself"}
	clientUnaccepted = clientDemand{"and does not accept that of sslcert", "ask the operator for another"}
)

// answer gives the certificate for a server that asks for one, which is an empty one where there is none, or where the
// server is refused.
func (d *clientDemand) answer(client *tls.Certificate, refusal error) *tls.Certificate {
	*d = clientUnaccepted // if it fails yet
	switch {
	case client == nil:
		*d = clientMissing
	case refusal != nil:
		*d = clientWithheld
	default:
		return client
	}
	return &tls.Certificate{}
}

// explain gives err its cause if the server refuses the client's certificate.
func (d clientDemand) explain(err error) error {
	op, ok := errors.AsType[*net.OpError](err)
	if d == noDemand || !ok || op.Op != "remote error" {
		return err
	}
	return show.Fail(d.hint, "the server asked for a client certificate %s (%w)", d.state, err)
}

// Explain gives err, of the handshake or of the first read after it, its cause if the server refuses the client's
// certificate: with TLS 1.3 a server says so only then (RFC 8446 §4.4.2.4).
func (v *Verdict) Explain(err error) error {
	if v == nil {
		return err
	}
	return v.demand.explain(err)
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

// readKey reads the first private key of a PEM file, and asks for the pass phrase only if it is encrypted.
func readKey(path string, pass func() (string, error)) (crypto.Signer, error) {
	data, err := readBounded(path)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		der := block.Bytes
		if encrypted(block) {
			if der, err = decryptKey(block, pass); err != nil {
				return nil, &passError{err}
			}
			var whole asn1.RawValue
			if rest, err := asn1.Unmarshal(der, &whole); err != nil || len(rest) > 0 { // one wrong pass phrase in 256 leaves a padding that is right
				return nil, &passError{errPassWrong}
			}
		}
		switch block.Type {
		case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY":
			return parseKey(der)
		}
	}
	return nil, errors.New("holds no private key")
}

// KeyEncrypted tells whether the private key in a PEM file needs a pass phrase. It doesn't tell what else is wrong with
// the file.
func KeyEncrypted(path string) bool {
	asked := false
	_, _ = readKey(path, func() (string, error) { asked = true; return "", errPassNeeded })
	return asked
}

// passError says why an encrypted key is not to be had, and what to do.
type passError struct{ err error }

func (e *passError) Error() string { return e.err.Error() }

func (e *passError) Unwrap() error { return e.err }

func parseKey(der []byte) (crypto.Signer, error) {
	if k, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		if s, ok := k.(crypto.Signer); ok {
			return s, nil
		}
	}
	if k, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return k, nil
	}
	if k, err := x509.ParseECPrivateKey(der); err == nil {
		return k, nil
	}
	return nil, errors.New("private key of an unknown kind")
}
