package tlsverify

import (
	"strings"
	"testing"
	"unsafe"

	"fetchd/tlsverify/tlstest"
)

// TestLastSeen: what a server shows is remembered, whether it is trusted or not, and once for all.
func TestLastSeen(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	leaf := ca.Leaf(good())
	if (*LastSeen)(nil).Seen() != (Seen{}) || new(LastSeen).Seen().Certificates() != nil {
		t.Error("nothing was seen")
	}

	a, b, refused := new(LastSeen), new(LastSeen), new(LastSeen)
	for _, l := range []*LastSeen{a, b, nil} {
		o := Options{Host: host, CAFile: ca.File(t), LastSeen: l}
		if _, err := meet(t, policy(t, o), leaf); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := meet(t, policy(t, Options{Host: "else.example", CAFile: ca.File(t), LastSeen: refused}),
		leaf); err == nil {
		t.Fatal("accepted under another name")
	}

	chain := a.Seen().Certificates()
	if a.Seen() != b.Seen() || !a.Seen().Trusted() || refused.Seen().Trusted() {
		t.Errorf("%+v, %+v, refused %+v", a.Seen(), b.Seen(), refused.Seen())
	}
	if len(chain) != 2 || chain[0].Fingerprint != FingerprintOf(leaf.Leaf).String() ||
		!chain[0].NotAfter.Equal(leaf.Leaf.NotAfter) || chain[1].Subject != chain[0].Issuer {
		t.Errorf("%+v", chain)
	}
	if size := unsafe.Sizeof(LastSeen{}); size > 16 {
		t.Errorf("%d bytes for each account", size)
	}
}

// TestSeenIsBounded: a server may send hundreds of certificates with long names.
func TestSeenIsBounded(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	cert := ca.Leaf(tlstest.Leaf{DNS: []string{host}, RawSubject: rawSubject(t, strings.Repeat("ä", 5000))})
	for range 20 {
		cert.Certificate = append(cert.Certificate, ca.Leaf(good()).Certificate[0])
	}
	l := new(LastSeen)
	stranger := tlstest.NewCA(t).File(t)
	if _, err := meet(t, policy(t, Options{Host: host, CAFile: stranger, LastSeen: l}), cert); err == nil {
		t.Fatal("accepted")
	}
	chain := l.Seen().Certificates()
	if len(chain) != seenMost || len(chain[0].Subject) > 210 {
		t.Errorf("%d certificates, a subject of %d bytes", len(chain), len(chain[0].Subject))
	}
}

// Without a chain that was verified, a trusted server depends on no issuer.
func TestSeenOfPinned(t *testing.T) {
	t.Parallel()
	cert := tlstest.NewCA(t).Intermediate(tlstest.Authority{}).Leaf(good())
	l := new(LastSeen)
	o := Options{Host: host, NoCheck: true, Pins: []Pin{PinOf(cert.Leaf)}, LastSeen: l}
	if v, err := meet(t, policy(t, o), cert); err != nil || len(v.Presented) != 2 {
		t.Fatal(v, err)
	}
	if n := len(l.Seen().Certificates()); n != 1 {
		t.Errorf("%d certificates", n)
	}
}
