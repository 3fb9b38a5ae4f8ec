package tlsverify

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
)

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
			// One wrong pass phrase in 256 leaves a padding that is right.
			var whole asn1.RawValue
			if rest, err := asn1.Unmarshal(der, &whole); err != nil || len(rest) > 0 {
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

// KeyEncrypted tells whether the private key in a PEM file needs a pass phrase. It doesn't tell what else is
// wrong with the file.
func KeyEncrypted(path string) bool {
	asked := false
	_, _ = readKey(path, func() (string, error) { asked = true; return "", errPassNeeded })
	return asked
}

// passError says why an encrypted key can't be read, and what to do.
type passError struct{ err error }

func (e *passError) Error() string { return e.err.Error() }

func (e *passError) Unwrap() error { return e.err }

func parseKey(der []byte) (crypto.Signer, error) {
	if k, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		if s, ok := k.(crypto.Signer); ok {
			return s, nil
		}
	}
	// Tried in turn, as crypto/tls does.
	if k, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return k, nil
	}
	if k, err := x509.ParseECPrivateKey(der); err == nil {
		return k, nil
	}
	return nil, errors.New("private key of an unknown kind")
}
