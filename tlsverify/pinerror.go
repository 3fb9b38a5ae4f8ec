package tlsverify

import (
	"fmt"
	"strings"
	"time"

	"fetchd/tlsverify/hints"
	"fetchd/tlsverify/internal/show"
)

// KeyState says whether the key behind a changed certificate is the one known before.
type KeyState int

// KeyUnknown: there was nothing to compare with.
const (
	KeyUnknown KeyState = iota
	KeySame
	KeyOther
)

const fingerprintKind = "fingerprint"

// PinError: the certificate or key is not a pinned one.
type PinError struct {
	Host         string
	Kind         string   // "fingerprint" or "public-key pin"
	Want         []string // as in the rc file
	Fingerprints []Fingerprint
	Pin          Pin // of the presented key
	Key          KeyState
	NotBefore    time.Time
	NotAfter     time.Time
}

func (e *PinError) Error() string {
	problem := fmt.Sprintf("%s of %s does not match: expected %s, presented %s; %s",
		e.Kind, show.Quote(e.Host), strings.Join(e.Want, " or "), e.presented(), e.describeKey())
	return hints.Text(problem, e.Hint())
}

// presented gives the digest that compares with the first expected one.
func (e *PinError) presented() string {
	if e.Kind != fingerprintKind {
		return e.Pin.String()
	}
	for _, f := range e.Fingerprints {
		// Digests are comparable only where the algorithm is the same.
		label, _, _ := strings.Cut(f.String(), ":")
		if len(e.Want) > 0 && strings.HasPrefix(e.Want[0], label+":") {
			return f.String()
		}
	}
	return ""
}

func (e *PinError) describeKey() string {
	switch e.Key {
	case KeySame:
		return "the same key as before in a new certificate, as after a renewal"
	case KeyOther:
		return "ANOTHER KEY than the one pinned or seen before: be careful"
	}
	return "whether the key is the same can't be told from a fingerprint"
}

// Hint is the next step.
func (e *PinError) Hint() string {
	if e.Key == KeySame {
		return "confirm with the operator, then replace sslfingerprint by sslpin, which survives renewals"
	}
	return "ask the operator, by another way than this connection, for the new digest " +
		"before changing the rc file"
}

// Details lists all digests of what was presented.
func (e *PinError) Details() []string {
	var d []string

	for _, w := range e.Want {
		d = append(d, "expected: "+w)
	}
	for _, f := range e.Fingerprints {
		d = append(d, "presented: "+f.String())
	}

	d = append(d, "presented: "+e.Pin.String(), "key: "+e.describeKey())
	return append(d, "valid: "+show.Date(e.NotBefore)+" to "+show.Date(e.NotAfter))
}
