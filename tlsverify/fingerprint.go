package tlsverify

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"fetchd/tlsverify/hints"
	"fetchd/tlsverify/internal/show"
)

// Fingerprint is a digest of a whole certificate: it changes with each renewal.
type Fingerprint struct {
	Algorithm string // "MD5", "SHA-1" or "SHA-256"
	Sum       string // the digest's bytes
}

// digest is a fingerprint algorithm, with the words that may stand before the digits.
type digest struct {
	name, label string
	words       []string
	size        int
	sum         func([]byte) string
}

var digests = [...]digest{
	{"MD5", "md5", []string{"md5"}, md5.Size, sumMD5},
	{"SHA-1", "sha1", []string{"sha1", "sha-1"}, sha1.Size, sumSHA1},
	{"SHA-256", "sha256", []string{"sha256", "sha-256"}, sha256.Size, sumSHA256},
}

func sumMD5(b []byte) string { s := md5.Sum(b); return string(s[:]) }

func sumSHA1(b []byte) string { s := sha1.Sum(b); return string(s[:]) }

func sumSHA256(b []byte) string { s := sha256.Sum256(b); return string(s[:]) }

const pasteHint = `paste the one that "fetchd pin HOST" prints`

// ParseFingerprint reads MD5, SHA-1 or SHA-256 in hexadecimal digits of any case, all bytes separated by
// colons or none. The length tells the algorithm, which may also stand before it: "sha256:AB:CD…", or as
// openssl prints it, "SHA256 Fingerprint=AB:CD…".
func ParseFingerprint(text string) (Fingerprint, error) {
	algorithm, digits := splitFingerprint(strings.TrimSpace(text))
	sum, err := parseHex(digits)
	if err != nil {
		return Fingerprint{}, hints.Errorf(pasteHint, "fingerprint %s: %w", show.Quote(text), err)
	}

	for _, d := range digests {
		if len(sum) == d.size && (algorithm == "" || algorithm == d.name) {
			return Fingerprint{d.name, string(sum)}, nil
		}
	}

	if algorithm == "" {
		algorithm = "MD5, SHA-1 or SHA-256"
	}

	return Fingerprint{}, hints.Errorf("paste it whole",
		"fingerprint %s has %d bytes, which is not the length of %s", show.Quote(text), len(sum), algorithm)
}

func splitFingerprint(text string) (algorithm, digits string) {
	at := strings.IndexAny(text, ":=")
	if at < 0 {
		return "", text
	}
	word := strings.TrimSuffix(strings.ToLower(text[:at]), " fingerprint")
	for _, d := range digests {
		if slices.Contains(d.words, word) {
			return d.name, strings.TrimSpace(text[at+1:])
		}
	}
	return "", text // the colon is one between digits
}

var errColons = errors.New("colons must stand between all bytes or none")

func parseHex(digits string) ([]byte, error) {
	const longest = 3*sha256.Size - 1
	if digits == "" || len(digits) > longest {
		return nil, errors.New("wrong length")
	}

	if strings.Contains(digits, ":") {
		// At each third place: a colon that is missing shows that a byte was lost in copying.
		for i := 2; i < len(digits); i += 3 {
			if digits[i] != ':' {
				return nil, errColons
			}
		}
		if len(digits)%3 != 2 {
			return nil, errColons
		}
		digits = strings.ReplaceAll(digits, ":", "")
	}

	b, err := hex.DecodeString(digits)
	if err != nil {
		return nil, errors.New("not hexadecimal")
	}

	return b, nil
}

// String gives "sha256:AB:CD:…", which ParseFingerprint reads.
func (f Fingerprint) String() string {
	for _, d := range digests {
		if d.name == f.Algorithm {
			return d.label + ":" + f.digits()
		}
	}
	return f.digits()
}

// digits gives "AB:CD:…".
func (f Fingerprint) digits() string {
	var b strings.Builder
	for i := range len(f.Sum) {
		if i > 0 {
			b.WriteByte(':')
		}
		fmt.Fprintf(&b, "%02X", f.Sum[i])
	}
	return b.String()
}

// weak reports whether another certificate with this fingerprint may be made.
func (f Fingerprint) weak() bool { return f.Algorithm != "SHA-256" }

// matches reports whether f is the fingerprint of cert.
func (f Fingerprint) matches(cert *x509.Certificate) bool {
	for _, d := range digests {
		if d.name == f.Algorithm {
			return d.sum(cert.Raw) == f.Sum
		}
	}
	return false
}

// FingerprintsOf gives the MD5, SHA-1 and SHA-256 fingerprints of cert.
func FingerprintsOf(cert *x509.Certificate) []Fingerprint {
	var all []Fingerprint
	for _, d := range digests {
		all = append(all, Fingerprint{d.name, d.sum(cert.Raw)})
	}
	return all
}

// FingerprintOf gives the SHA-256 fingerprint of cert.
func FingerprintOf(cert *x509.Certificate) Fingerprint {
	return Fingerprint{"SHA-256", sumSHA256(cert.Raw)}
}
