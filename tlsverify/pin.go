package tlsverify

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"fetchd/tlsverify/internal/show"
)

// Fingerprint is a digest of a whole certificate: it changes with each renewal.
type Fingerprint struct {
	Algorithm string // "MD5", "SHA-1" or "SHA-256"
	Sum       string // the digest's bytes
}

// Pin is the SHA-256 of a public key (its SubjectPublicKeyInfo): it survives a renewal that keeps the key.
type Pin [sha256.Size]byte

const pinPrefix = "sha256//"

const pasteHint = `paste the one that "fetchd pin HOST" prints`

// digests are the fingerprint algorithms, with the words that may stand before the digits.
var digests = [...]struct {
	name, label string
	words       []string
	size        int
	sum         func([]byte) string
}{
	{"MD5", "md5", []string{"md5"}, md5.Size, func(b []byte) string { s := md5.Sum(b); return string(s[:]) }},
	{"SHA-1", "sha1", []string{"sha1", "sha-1"}, sha1.Size, func(b []byte) string { s := sha1.Sum(b); return string(s[:]) }},
	{"SHA-256", "sha256", []string{"sha256", "sha-256"}, sha256.Size, func(b []byte) string { s := sha256.Sum256(b); return string(s[:]) }},
}

// ParseFingerprint reads MD5, SHA-1 or SHA-256 in hexadecimal digits of any case, all bytes separated by colons or none.
// The length tells the algorithm, which may also stand before it: "sha256:AB:CD…", or as openssl prints it,
// "SHA256 Fingerprint=AB:CD…".
func ParseFingerprint(text string) (Fingerprint, error) {
	algorithm, digits := splitFingerprint(strings.TrimSpace(text))
	sum, err := parseHex(digits)
	if err != nil {
		return Fingerprint{}, show.Fail(pasteHint, "fingerprint %s: %w", show.Quote(text), err)
	}
	for _, d := range digests {
		if len(sum) == d.size && (algorithm == "" || algorithm == d.name) {
			return Fingerprint{d.name, string(sum)}, nil
		}
	}
	if algorithm == "" {
		algorithm = "MD5, SHA-1 or SHA-256"
	}
	return Fingerprint{}, show.Fail("paste it whole",
		"fingerprint %s has %d bytes, which is not the length of %s", show.Quote(text), len(sum), algorithm)
}

func splitFingerprint(text string) (algorithm, digits string) {
	at := strings.IndexAny(text, ":=")
	if at < 0 {
		return "", text
	}
	word := strings.TrimSuffix(strings.ToLower(text[:at]), " fingerprint")
	for _, d := range digests {
		for _, w := range d.words {
			if w == word {
				return d.name, strings.TrimSpace(text[at+1:])
			}
		}
	}
	return "", text
}

func parseHex(digits string) ([]byte, error) {
	const longest = 3*sha256.Size - 1
	if digits == "" || len(digits) > longest {
		return nil, errors.New("wrong length")
	}
	if strings.Contains(digits, ":") {
		for i := 2; i < len(digits); i += 3 {
			if digits[i] != ':' {
				return nil, errors.New("colons must stand between all bytes or none")
			}
		}
		if len(digits)%3 != 2 {
			return nil, errors.New("colons must stand between all bytes or none")
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
			return d.label + ":" + colons(f.Sum)
		}
	}
	return colons(f.Sum)
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
	return Fingerprint{"SHA-256", digests[2].sum(cert.Raw)}
}

func colons(sum string) string {
	var b strings.Builder
	for i := range len(sum) {
		if i > 0 {
			b.WriteByte(':')
		}
		fmt.Fprintf(&b, "%02X", sum[i])
	}
	return b.String()
}

// ParsePin reads curl's notation, "sha256//" and the base64 of the key's SHA-256.
func ParsePin(text string) (Pin, error) {
	var p Pin
	t := strings.TrimSpace(text)
	wrong := func(why string) (Pin, error) {
		return Pin{}, show.Fail(pasteHint, "pin %s: %s", show.Quote(text), why)
	}
	if strings.Contains(t, ";") {
		return wrong("several pins are written as several values")
	}
	b64, ok := strings.CutPrefix(t, pinPrefix)
	if !ok {
		return wrong(`it must begin with "sha256//"`)
	}
	if len(b64) != base64.StdEncoding.EncodedLen(len(p)) || strings.ContainsAny(b64, "\r\n") {
		return wrong("it must have 44 characters of base64")
	}
	b, err := base64.StdEncoding.Strict().DecodeString(b64)
	if err != nil || len(b) != len(p) {
		return wrong("the base64 is malformed")
	}
	copy(p[:], b)
	return p, nil
}

// String gives "sha256//BASE64".
func (p Pin) String() string { return pinPrefix + base64.StdEncoding.EncodeToString(p[:]) }

// PinOf gives the pin of cert's public key.
func PinOf(cert *x509.Certificate) Pin { return sha256.Sum256(cert.RawSubjectPublicKeyInfo) }

// verifyPins demands one of the fingerprints and one of the pins, where there are any.
func (p *Policy) verifyPins(v *Verdict) error {
	leaf := v.Presented[0]
	pin, pinned := p.matchPin(v)
	if len(p.opt.Pins) > 0 && !pinned {
		return p.pinError(leaf, "public-key pin", pinStrings(p.opt.Pins))
	}
	if len(p.opt.Fingerprints) == 0 {
		return nil
	}
	for _, f := range p.opt.Fingerprints {
		if f.matches(leaf) {
			v.noteFingerprint(f, leaf)
			return nil
		}
	}
	err := p.pinError(leaf, "fingerprint", fingerprintStrings(p.opt.Fingerprints))
	if pinned && pin == PinOf(leaf) {
		err.Key = KeySame
	}
	return err
}

// matchPin looks for a pinned key in the leaf, and in the chain if that was verified.
func (p *Policy) matchPin(v *Verdict) (Pin, bool) {
	certs := v.Chain
	if len(certs) == 0 {
		certs = v.Presented[:1]
	}
	pin, ok := p.pinned(certs)
	if ok {
		v.MatchedPin = pin.String()
	}
	return pin, ok
}

// pinned finds the first certificate with a pinned key.
func (p *Policy) pinned(certs []*x509.Certificate) (Pin, bool) {
	for _, c := range certs {
		if pin := PinOf(c); slices.Contains(p.opt.Pins, pin) {
			return pin, true
		}
	}
	return Pin{}, false
}

func (p *Policy) pinError(leaf *x509.Certificate, kind string, want []string) *PinError {
	e := &PinError{Host: p.Name(), Kind: kind, Want: want, Fingerprints: FingerprintsOf(leaf), Pin: PinOf(leaf),
		NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter}
	if known := p.knownKey(); known != nil {
		e.Key = KeyOther
		if *known == e.Pin {
			e.Key = KeySame
		}
	}
	if kind != "fingerprint" {
		e.Key = KeyOther
	}
	return e
}

func pinStrings(pins []Pin) []string {
	var s []string
	for _, p := range pins {
		s = append(s, p.String())
	}
	return s
}

func fingerprintStrings(fs []Fingerprint) []string {
	var s []string
	for _, f := range fs {
		s = append(s, f.String())
	}
	return s
}
