package tlsverify

import (
	"crypto/tls"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"fetchd/tlsverify/internal/show"
	"fetchd/tlsverify/tlstest"
)

// TestDescribeHostileCertificates: fetchmail-SA-2010-01 (8-bit and huge names), -2010-02 (invalid multibyte),
// -2009-01.
// What -v tells of names is what the certificate has, in no jargon.
func TestIdentityInPlainWords(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ identity, want string }{
		{"DNS-ID mail.example.org", "identity: mail.example.org\n"},
		{"SRV-ID _imaps.example.net", "identity: _imaps.example.net\n"},
		{"IP-ID 192.0.2.1", "identity: 192.0.2.1\n"},
		{"CN-ID mail.example.org", "identity: mail.example.org (its common name only)\n"},
		{"", "identity: not matched\n"},
	} {
		var out strings.Builder
		err := (&Verdict{MatchedIdentity: tt.identity}).Describe(&out)
		if err != nil || !strings.Contains(out.String(), tt.want) {
			t.Errorf("%q: %q, %v", tt.identity, out.String(), err)
		}
	}

	e := &IdentityError{Want: []string{"IP-ID 192.0.2.1"}, Presented: []string{"DNS:localhost"}}
	if got := strings.Join(e.Details(), " "); got != `expected: "192.0.2.1" presented: "localhost"` {
		t.Error(got)
	}
}

func TestDescribeHostileCertificates(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	many := make([]string, 2000)
	for i := range many {
		many[i] = "a.example.org"
	}

	cases := []struct {
		name string
		leaf tlstest.Leaf
	}{
		{"plain", good()},
		{"escape sequences", tlstest.Leaf{RawSubject: rawSubject(t, "\x1b[2J\x1b]0;x\x07\r\nforged: line")}},
		{"10 kB", tlstest.Leaf{RawSubject: rawSubject(t, strings.Repeat("ä", 5000))}},
		{"10 kB of control characters",
			tlstest.Leaf{RawSubject: rawSubject(t, strings.Repeat("\x01", 10000))}},
		{"many names", tlstest.Leaf{DNS: many}},
		{"right-to-left override", tlstest.Leaf{RawSubject: rawSubject(t, "\u202egro.elpmaxe")}},
		{"line break in a DNS-ID", tlstest.Leaf{DNS: []string{"a\r\nb"}}},
		{"long DNS-ID", tlstest.Leaf{DNS: []string{strings.Repeat("a", 10000)}}},
		{"long e-mail", tlstest.Leaf{DNS: []string{host}, Names: []pkix.AttributeTypeAndValue{
			{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}, Value: strings.Repeat("x", 9000)}}}},
	}

	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v, err := meet(t, policy(t, Options{Host: host, NoCheck: true}), ca.Leaf(c.leaf))
			if err != nil {
				t.Fatal(err)
			}
			checkDescription(t, v)
			_, err = meet(t, policy(t, Options{Host: "else.example", CAFile: ca.File(t)}), ca.Leaf(c.leaf))
			if err == nil {
				t.Fatal("accepted under another name")
			}
			checkMessage(t, err)
		})
	}
}

// A name with NUL has no honest use: such a certificate is refused whatever is not checked
// (fetchmail-SA-2009-01).
func TestNULIsRefusedWithoutChecksToo(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	inCommonName := ca.Leaf(tlstest.Leaf{RawSubject: rawSubject(t, host+"\x00.evil.example")})
	inDNSName := ca.Leaf(tlstest.Leaf{DNS: []string{host, "x\x00.evil.example"}})
	inUnusedName := ca.Leaf(tlstest.Leaf{DNS: []string{host}, RawSubject: inCommonName.Leaf.RawSubject})

	for _, cert := range []tls.Certificate{inCommonName, inDNSName, inUnusedName} {
		for _, pins := range [][]Pin{nil, {PinOf(cert.Leaf)}} {
			v, err := meet(t, policy(t, Options{Host: host, NoCheck: true, Pins: pins}), cert)
			var ie *IdentityError
			if !errors.As(err, &ie) || !ie.Malformed || !strings.Contains(err.Error(), `\x00.evil.example`) {
				t.Fatalf("%d pins: %v", len(pins), err)
			}
			checkMessage(t, err)
			checkDescription(t, v)
		}
	}
}

func checkDescription(t *testing.T, v *Verdict) {
	t.Helper()
	var b strings.Builder
	if err := v.Describe(&b); err != nil {
		t.Fatal(err)
	}

	out := b.String()
	if len(out) > 20000 {
		t.Errorf("%d bytes", len(out))
	}
	if !utf8.ValidString(out) || strings.IndexFunc(out,
		func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) >= 0 {
		t.Errorf("not printable: %q", out)
	}
	if strings.Contains(out, "\nforged") {
		t.Errorf("a forged line:\n%s", out)
	}

	leaf := v.Presented[0]
	for _, w := range []string{PinOf(leaf).String(), "MD5 fingerprint: ", "SHA-1 fingerprint: ",
		FingerprintOf(leaf).digits(), "valid: ", "subject: ", "issuer: "} {
		if !strings.Contains(out, w) {
			t.Errorf("lacks %q:\n%s", w, out)
		}
	}
}

// TestInvalidUTF8InNames: such a certificate can't be parsed and is refused, with a message that is bounded.
func TestInvalidUTF8InNames(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	der, err := asn1.Marshal(pkix.RDNSequence{{{Type: asn1.ObjectIdentifier{2, 5, 4, 10},
		Value: asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte("a\xff\xfe")}}}})
	if err != nil {
		t.Fatal(err)
	}

	cert, err := ca.MakeLeaf(tlstest.Leaf{DNS: []string{host}, RawSubject: der})
	if err != nil && len(cert.Certificate) == 0 {
		t.Fatal(err)
	}

	_, err = meet(t, policy(t, Options{Host: host, CAFile: ca.File(t)}), cert)
	if err == nil {
		return // crypto/x509 took it; then what matters is Describe, which is tested above
	}
	if !as[*HandshakeError](err) {
		t.Errorf("%T %v", err, err)
	}

	checkMessage(t, err)
}

func TestQuoteIsBounded(t *testing.T) {
	t.Parallel()
	for _, s := range []string{strings.Repeat("\x00", 1<<20), strings.Repeat("\xff", 1<<20),
		strings.Repeat("é", 1<<19)} {
		if q := show.Quote(s); len(q) > 4*show.MaxPeer+40 || !utf8.ValidString(q) ||
			strings.ContainsAny(q, "\x00\n") {
			t.Errorf("%d bytes", len(q))
		}
	}
}

func TestExpiryWarning(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	now := time.Now()
	days := func(n int) tls.Certificate {
		return ca.Leaf(tlstest.Leaf{DNS: []string{host},
			NotAfter: now.Add(time.Duration(n)*24*time.Hour + time.Minute)})
	}

	cases := []struct {
		name string
		warn time.Duration
		cert tls.Certificate
		want string
	}{
		{"default, 13 days", 0, days(13), "ends in 13 days"},
		{"default, 15 days", 0, days(15), ""},
		{"off", -1, days(1), ""},
		{"off, at the end", -1, days(-1), ""},
		{"30 days", 30 * 24 * time.Hour, days(29), "ends in 29 days"},
		{"last day", 0, days(0), "ends in 0 days"},
	}

	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := policy(t, Options{Host: host, NoCheck: true, ExpiryWarn: c.warn,
				Pins: []Pin{PinOf(c.cert.Leaf)}, Now: func() time.Time { return now }})
			v, err := meet(t, p, c.cert)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(v.Warnings(), "\n")
			if (got != "") != (c.want != "") || !strings.Contains(got, c.want) {
				t.Errorf("%q, warnings %q", got, v.Warnings())
			}
			if got != "" && !strings.Contains(got, "sslpin") {
				t.Errorf("pins affected are not named: %q", got)
			}
		})
	}
}

// Not only the leaf may end, and of several chains the one that is good for longest counts.
func TestAuthorityEndsSoon(t *testing.T) {
	t.Parallel()
	soon := time.Now().Add(5*24*time.Hour + time.Minute)
	lasting := tlstest.NewCA(t)
	ending := tlstest.NewRoot(t, tlstest.Authority{NotAfter: soon, Key: lasting.Key})
	both := func(first, second *tlstest.CA) string {
		return tlstest.WriteFile(t, "both.pem", append(first.PEM(), second.PEM()...))
	}

	for _, c := range []struct {
		name, roots string
		cert        tls.Certificate
		want        string
	}{
		{"none", lasting.File(t), lasting.Leaf(good()), ""},
		{"an intermediate", lasting.File(t),
			lasting.Intermediate(tlstest.Authority{NotAfter: soon}).Leaf(good()),
			"on which that of " + host + " depends, ends in 5 days"},
		{"the root", ending.File(t), ending.Leaf(good()), "put its successor into sslcertfile "},
		{"the root, and its successor", both(ending, lasting), ending.Leaf(good()), ""},
		{"the successor, and the root", both(lasting, ending), ending.Leaf(good()), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v, err := meet(t, policy(t, Options{Host: host, CAFile: c.roots}), c.cert)
			if err != nil {
				t.Fatal(err)
			}

			got := strings.Join(v.Warnings(), "\n")
			if (got != "") != (c.want != "") || !strings.Contains(got, c.want) {
				t.Errorf("warnings %q", got)
			}
		})
	}
}

func TestPolicyWarnings(t *testing.T) {
	t.Parallel()
	md5, err := ParseFingerprint(strings.Repeat("ab", 16))
	if err != nil {
		t.Fatal(err)
	}

	cases := []struct {
		name string
		o    Options
		want string
	}{
		{"nothing", Options{}, ""},
		{"nosslcertck", Options{NoCheck: true}, "nosslcertck"},
		{"nosslcertck with a pin", Options{NoCheck: true, Pins: []Pin{{}}}, ""},
		{"MD5", Options{Fingerprints: []Fingerprint{md5}}, "sha256:"},
		{"wildcard", Options{CommonName: "*.example.org"}, "any server with that wildcard"},
	}

	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.o.Host = host
			got := strings.Join(policy(t, c.o).Warnings(), "\n")
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("%q", got)
			}
		})
	}
}
