package tlsverify

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"hash"
	"strings"

	"fetchd/tlsverify/hints"

	"golang.org/x/crypto/scrypt"
)

var (
	errPassNeeded = hints.Errorf("set sslkeypass", "is encrypted and there is no pass phrase")
	errPassWrong  = hints.Errorf("correct it", "can't be decrypted: wrong pass phrase")
	errPassScheme = hints.Errorf(`"openssl pkcs8 -topk8 -v2 aes-256-cbc" makes one that is`,
		"is encrypted in a way that is not known here")
)

func encrypted(b *pem.Block) bool {
	return b.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(b.Headers["Proc-Type"], "ENCRYPTED")
}

// decryptKey gives the DER of a key encrypted as PKCS #8 (RFC 8018 PBES2) or in OpenSSL's old PEM way.
func decryptKey(b *pem.Block, ask func() (string, error)) ([]byte, error) {
	if ask == nil {
		return nil, errPassNeeded
	}

	pass, err := ask()
	if err != nil {
		return nil, err
	}

	if b.Type == "ENCRYPTED PRIVATE KEY" {
		return decryptPBES2(b.Bytes, pass)
	}

	//lint:ignore SA1019 old, but what users of fetchmail have on their disks; it protects a local file only
	der, err := x509.DecryptPEMBlock(b, []byte(pass))
	if errors.Is(err, x509.IncorrectPasswordError) {
		return nil, errPassWrong
	}

	return der, err
}

type encryptedKey struct {
	Algorithm pkix.AlgorithmIdentifier
	Data      []byte
}

type pbes2Params struct{ KDF, Cipher pkix.AlgorithmIdentifier }

type pbkdf2Params struct {
	Salt       []byte
	Iterations int
	KeyLength  int                      `asn1:"optional"`
	PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
}

type scryptParams struct {
	Salt      []byte
	N, R, P   int
	KeyLength int `asn1:"optional"`
}

var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidScrypt = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11591, 4, 11}
)

// Bounds, so that no file keeps the start-up busy for ever.
const (
	maxIterations = 10_000_000
	maxScryptMem  = 256 << 20
)

// decryptPBES2 reads EncryptedPrivateKeyInfo (RFC 5958 §3) with PBES2 (RFC 8018 §6.2).
func decryptPBES2(der []byte, pass string) ([]byte, error) {
	var k encryptedKey
	rest, err := asn1.Unmarshal(der, &k)
	if err != nil || len(rest) > 0 || !k.Algorithm.Algorithm.Equal(oidPBES2) {
		return nil, errPassScheme
	}

	var p pbes2Params
	if _, err := asn1.Unmarshal(k.Algorithm.Parameters.FullBytes, &p); err != nil {
		return nil, errPassScheme
	}

	size, newCipher := blockCipher(p.Cipher.Algorithm)
	var iv []byte
	if _, err := asn1.Unmarshal(p.Cipher.Parameters.FullBytes, &iv); err != nil || newCipher == nil {
		return nil, errPassScheme
	}

	key, err := deriveKey(p.KDF, pass, size)
	if err != nil {
		return nil, err
	}

	block, err := newCipher(key)
	// crypto/cipher panics at any of these.
	if err != nil || len(iv) != block.BlockSize() || len(k.Data) == 0 || len(k.Data)%block.BlockSize() != 0 {
		return nil, errPassScheme
	}

	plain := make([]byte, len(k.Data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, k.Data)
	return unpad(plain, block.BlockSize())
}

// unpad takes off the padding: n octets of the value n (RFC 8018 §6.1.1).
func unpad(b []byte, size int) ([]byte, error) {
	n := int(b[len(b)-1])
	if n == 0 || n > size {
		return nil, errPassWrong
	}
	for _, c := range b[len(b)-n:] {
		if int(c) != n {
			return nil, errPassWrong
		}
	}
	return b[:len(b)-n], nil
}

func blockCipher(oid asn1.ObjectIdentifier) (keySize int, f func([]byte) (cipher.Block, error)) {
	switch oid.String() {
	case "2.16.840.1.101.3.4.1.2":
		return 16, aes.NewCipher
	case "2.16.840.1.101.3.4.1.22":
		return 24, aes.NewCipher
	case "2.16.840.1.101.3.4.1.42":
		return 32, aes.NewCipher
	case "1.2.840.113549.3.7":
		return 24, des.NewTripleDESCipher
	}
	return 0, nil
}

func deriveKey(kdf pkix.AlgorithmIdentifier, pass string, size int) ([]byte, error) {
	switch {
	// The file says how much work the derivation is, so that must be bounded before it begins.
	case kdf.Algorithm.Equal(oidPBKDF2):
		var p pbkdf2Params
		if _, err := asn1.Unmarshal(kdf.Parameters.FullBytes, &p); err != nil || !p.bounded() {
			return nil, errPassScheme
		}
		h := prf(p.PRF.Algorithm)
		if h == nil {
			return nil, errPassScheme
		}
		return pbkdf2.Key(h, pass, p.Salt, p.Iterations, size)

	case kdf.Algorithm.Equal(oidScrypt):
		var p scryptParams
		if _, err := asn1.Unmarshal(kdf.Parameters.FullBytes, &p); err != nil || !p.bounded() {
			return nil, errPassScheme
		}
		return scrypt.Key([]byte(pass), p.Salt, p.N, p.R, p.P, size)
	}

	return nil, errPassScheme
}

func (p pbkdf2Params) bounded() bool { return p.Iterations >= 1 && p.Iterations <= maxIterations }

// bounded: the memory is 128·N·R bytes (RFC 7914 §2).
func (p scryptParams) bounded() bool {
	return p.N > 1 && p.R > 0 && p.P > 0 && p.R <= 32 && p.P <= 16 && p.N <= maxScryptMem/128/p.R
}

// prf is the hash of PBKDF2's pseudo-random function; HMAC-SHA1 where none is named (RFC 8018 A.2).
func prf(oid asn1.ObjectIdentifier) func() hash.Hash {
	switch oid.String() {
	case "", "1.2.840.113549.2.7":
		return sha1.New
	case "1.2.840.113549.2.9":
		return sha256.New
	case "1.2.840.113549.2.11":
		return sha512.New
	}
	return nil
}
