package tlsverify

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"fetchd/tlsverify/hints"
	"fetchd/tlsverify/internal/show"
)

// Pin is the SHA-256 of a public key (its SubjectPublicKeyInfo): it survives a renewal that keeps the key.
type Pin [sha256.Size]byte

const pinPrefix = "sha256//"

// ParsePin reads curl's notation, "sha256//" and the base64 of the key's SHA-256.
func ParsePin(text string) (Pin, error) {
	t := strings.TrimSpace(text)
	wrong := func(why string) (Pin, error) {
		return Pin{}, hints.Errorf(pasteHint, "pin %s: %s", show.Quote(text), why)
	}

	if strings.Contains(t, ";") { // curl writes several pins in one word
		return wrong("several pins are written as several values")
	}

	b64, ok := strings.CutPrefix(t, pinPrefix)
	if !ok {
		return wrong(`it must begin with "sha256//"`)
	}

	var p Pin
	// Go's decoder skips line ends, which a pin that was pasted in two lines would have.
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

// verifyPins demands one of the pins and one of the fingerprints, where there are any: neither stands in for
// the other.
func (p *Policy) verifyPins(v *Verdict) error {
	leaf := v.Presented[0]
	pin, pinned := p.matchPin(v)
	if len(p.opt.Pins) > 0 && !pinned {
		return p.pinError(leaf, "public-key pin", texts(p.opt.Pins))
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

	err := p.pinError(leaf, fingerprintKind, texts(p.opt.Fingerprints))
	// The fingerprint differs and the pinned key is the same: a renewal, most likely.
	if pinned && pin == PinOf(leaf) {
		err.Key = KeySame
	}

	return err
}

// matchPin looks for a pinned key in the leaf, and in the chain if that was verified: anybody can send along
// a certificate that somebody pinned.
func (p *Policy) matchPin(v *Verdict) (Pin, bool) {
	certs := v.Chain
	if len(certs) == 0 {
		certs = v.Presented[:1]
	}

	pin, ok := p.findPin(certs)
	if ok {
		v.MatchedPin = pin.String()
	}
	return pin, ok
}

// findPin finds the first certificate with a pinned key.
func (p *Policy) findPin(certs []*x509.Certificate) (Pin, bool) {
	for _, c := range certs {
		if pin := PinOf(c); slices.Contains(p.opt.Pins, pin) {
			return pin, true
		}
	}
	return Pin{}, false
}

func (p *Policy) pinError(leaf *x509.Certificate, kind string, want []string) *PinError {
	e := &PinError{
		Host: p.Name(), Kind: kind, Want: want, Fingerprints: FingerprintsOf(leaf), Pin: PinOf(leaf),
		NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter,
	}

	known := p.knownKey()
	switch {
	case kind != fingerprintKind: // the pin says already that it is another key
		e.Key = KeyOther
	case known == nil:
		e.Key = KeyUnknown
	case *known == e.Pin:
		e.Key = KeySame
	default:
		e.Key = KeyOther
	}

	return e
}

func texts[T fmt.Stringer](values []T) []string {
	var s []string
	for _, v := range values {
		s = append(s, v.String())
	}
	return s
}
