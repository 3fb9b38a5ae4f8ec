package tlsverify

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"fetchd/tlsverify/tlstest"
)

func TestNoCheckTrustsOnlyThePin(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	past := time.Now().Add(-time.Hour)
	mine := ca.Leaf(tlstest.Leaf{CN: "else.example", SelfSigned: true, NotAfter: past, RSA: 1024})
	other := ca.Leaf(good())
	pinned := policy(t, Options{Host: host, NoCheck: true, Pins: []Pin{{}, PinOf(mine.Leaf)}})
	if v, err := meet(t, pinned, mine); err != nil || v.MatchedPin != PinOf(mine.Leaf).String() ||
		v.MatchedIdentity != "" {
		t.Errorf("pinned: %+v, %v", v, err)
	}
	if _, err := meet(t, pinned, other); !as[*PinError](err) {
		t.Errorf("other: %v", err)
	}

	root := policy(t, Options{Host: host, NoCheck: true, Pins: []Pin{PinOf(ca.Cert)}})
	withRoot := ca.Leaf(good())
	withRoot.Certificate = append(withRoot.Certificate, ca.Cert.Raw)
	if _, err := meet(t, root, withRoot); !as[*PinError](err) {
		t.Errorf("the root's pin counted without a verified chain: %v", err)
	}

	open := policy(t, Options{Host: host, NoCheck: true})
	if _, err := meet(t, open, mine); err != nil || len(open.Warnings()) == 0 {
		t.Errorf("nosslcertck: %v, warnings %q", err, open.Warnings())
	}
}

func TestPinAndCheckDemandBoth(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	cert, self := ca.Leaf(good()), ca.Leaf(tlstest.Leaf{DNS: []string{host}, CN: host, SelfSigned: true})
	o := Options{Host: host, CAFile: ca.File(t)}
	o.Pins = []Pin{PinOf(self.Leaf)}
	if _, err := meet(t, policy(t, o), self); !chainReason(SelfSigned)(err) {
		t.Errorf("self-signed with the right pin: %v", err)
	}
	if _, err := meet(t, policy(t, o), cert); !as[*PinError](err) {
		t.Errorf("right chain with another pin: %v", err)
	}

	elsewhere := ca.Leaf(tlstest.Leaf{DNS: []string{"else.example"}})
	o.Pins = []Pin{PinOf(elsewhere.Leaf)}
	if _, err := meet(t, policy(t, o), elsewhere); !as[*IdentityError](err) {
		t.Errorf("another name with the right pin: %v", err)
	}
	o.Pins = []Pin{PinOf(ca.Cert)}
	if v, err := meet(t, policy(t, o), cert); err != nil || v.MatchedPin == "" {
		t.Errorf("pinned root in the verified chain: %v", err)
	}

	foreign := tlstest.NewCA(t)
	o.Pins = []Pin{PinOf(foreign.Cert)}
	stuffed := ca.Leaf(good())
	stuffed.Certificate = append(stuffed.Certificate, foreign.Cert.Raw)
	if _, err := meet(t, policy(t, o), stuffed); !as[*PinError](err) {
		t.Errorf("a pinned certificate that was only sent along counted: %v", err)
	}
}

// Of a list of pins and one of fingerprints, one of each must match: neither stands in for the other.
func TestPinAndFingerprintDemandBoth(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	cert, other := ca.Leaf(good()), ca.Leaf(good())
	right, wrong := PinOf(cert.Leaf), PinOf(other.Leaf)
	rightPrint, wrongPrint := FingerprintOf(cert.Leaf), FingerprintOf(other.Leaf)
	cases := []struct {
		name        string
		pin         Pin
		fingerprint Fingerprint
		kind        string // of the one that doesn't match; "" = accepted
	}{
		{"both right", right, rightPrint, ""},
		{"wrong pin", wrong, rightPrint, "public-key pin"},
		{"wrong fingerprint", right, wrongPrint, "fingerprint"},
		{"both wrong", wrong, wrongPrint, "public-key pin"},
	}
	for _, noCheck := range []bool{false, true} {
		for _, c := range cases {
			t.Run(fmt.Sprintf("%s, chain ignored %v", c.name, noCheck), func(t *testing.T) {
				t.Parallel()
				o := Options{Host: host, CAFile: ca.File(t), NoCheck: noCheck}
				o.Pins, o.Fingerprints = []Pin{c.pin}, []Fingerprint{c.fingerprint}

				_, err := meet(t, policy(t, o), cert)
				var pe *PinError
				if (err == nil) != (c.kind == "") || err != nil &&
					(!errors.As(err, &pe) || pe.Kind != c.kind) {
					t.Errorf("%T %v", err, err)
				}
			})
		}
	}
}

// With a root and an intermediate both trusted there are two verified chains; a pin may be in either.
func TestPinInAnyVerifiedChain(t *testing.T) {
	t.Parallel()
	root := tlstest.NewCA(t)
	sub := root.Intermediate(tlstest.Authority{})
	cert := sub.Leaf(good())
	both := tlstest.WriteFile(t, "both.pem", append(root.PEM(), sub.PEM()...))
	for name, pinned := range map[string]*x509.Certificate{"leaf": cert.Leaf, "intermediate": sub.Cert,
		"root": root.Cert} {
		if v, err := meet(t, policy(t, Options{Host: host, CAFile: both, Pins: []Pin{PinOf(pinned)}}),
			cert); err != nil || v.MatchedPin == "" {
			t.Errorf("%s pinned: %v", name, err)
		}
	}
}

func TestFingerprintsLive(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	cert := ca.Leaf(good())
	for _, f := range FingerprintsOf(cert.Leaf) {
		text := strings.ToLower(strings.ReplaceAll(f.digits(), ":", ""))
		parsed, err := ParseFingerprint(text)
		if err != nil {
			t.Fatal(err)
		}
		p := policy(t, Options{Host: host, CAFile: ca.File(t),
			Fingerprints: []Fingerprint{{"MD5", strings.Repeat("x", 16)}, parsed}})
		v, err := meet(t, p, cert)
		if err != nil {
			t.Fatal(err)
		}
		paste := `sslfingerprint "` + FingerprintOf(cert.Leaf).String() + `"`
		if got := strings.Contains(strings.Join(v.Warnings(), "\n"), paste); got != f.weak() {
			t.Errorf("%s: warnings %q", f.Algorithm, v.Warnings())
		}
		if _, err := meet(t, p, ca.Leaf(good())); !as[*PinError](err) {
			t.Errorf("%s: another certificate: %v", f.Algorithm, err)
		}
	}
}

// TestRenewal: a new certificate for the same key keeps the public-key pin and breaks the fingerprint.
func TestRenewal(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	key, err := tlstest.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	before, after := ca.Leaf(tlstest.Leaf{DNS: []string{host}, Key: key}),
		ca.Leaf(tlstest.Leaf{DNS: []string{host}, Key: key})
	stranger := ca.Leaf(good())
	o := Options{Host: host, CAFile: ca.File(t)}

	o.Pins = []Pin{PinOf(before.Leaf)}
	if _, err := meet(t, policy(t, o), after); err != nil {
		t.Errorf("public-key pin: %v", err)
	}
	wantKey(t, policy(t, o), stranger, KeyOther)
	o.Fingerprints = []Fingerprint{FingerprintOf(before.Leaf)}
	wantKey(t, policy(t, o), after, KeySame)

	o.Pins = nil
	wantKey(t, policy(t, o), after, KeyUnknown)
	daemon := policy(t, o)
	if _, err := meet(t, daemon, before); err != nil {
		t.Fatal(err)
	}
	wantKey(t, daemon, after, KeySame)
	wantKey(t, daemon, stranger, KeyOther)
}

func wantKey(t *testing.T, p *Policy, cert tls.Certificate, want KeyState) {
	t.Helper()
	_, err := meet(t, p, cert)
	var pe *PinError
	if !errors.As(err, &pe) || pe.Key != want {
		t.Errorf("key state: %v, want %d", err, want)
		return
	}

	checkMessage(t, err)
	text := err.Error()
	if same := strings.Contains(text, "same key"); same != (want == KeySame) {
		t.Errorf("message: %s", text)
	}
	if !strings.Contains(text, FingerprintOf(cert.Leaf).String()) &&
		!strings.Contains(text, PinOf(cert.Leaf).String()) {
		t.Errorf("message lacks what was presented: %s", text)
	}
	if d := strings.Join(Details(err), "\n"); !strings.Contains(d, "presented: md5:") ||
		!strings.Contains(d, "presented: sha256//") {
		t.Errorf("details: %s", d)
	}
}
