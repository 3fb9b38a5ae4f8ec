package tlsverify

import (
	"bufio"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"fetchd/tlsverify/internal/show"
	"fetchd/tlsverify/tlstest"
)

const host = "mail.example.org"

func good() tlstest.Leaf { return tlstest.Leaf{DNS: []string{host}} }

// liveCase is a server with one certificate; wanted is the error of a strict policy, or nil.
type liveCase struct {
	name  string
	cert  tls.Certificate
	want  func(error) bool // nil = accepted
	warns string           // part of a warning of the verdict
}

func chainReason(r ChainReason) func(error) bool {
	return func(err error) bool {
		var e *ChainError
		return errors.As(err, &e) && e.Reason == r
	}
}

// authorities are what the cases of a matrix are issued by; the root is trusted.
type authorities struct{ root, sub, foreign *tlstest.CA }

func liveCases(t *testing.T) (authorities, []liveCase) {
	root := tlstest.NewRoot(t, tlstest.Authority{RSA: 2048})
	a := authorities{root, root.Intermediate(tlstest.Authority{}),
		tlstest.NewRoot(t, tlstest.Authority{Name: "Foreign Root"})}
	leaf := func(ca *tlstest.CA, change func(*tlstest.Leaf)) tls.Certificate {
		l := good()
		change(&l)
		return ca.Leaf(l)
	}

	past, future := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	notCA := root.Intermediate(tlstest.Authority{NotCA: true})
	elsewhere := root.Intermediate(tlstest.Authority{PermittedDNS: []string{"example.com"}})
	excluded := root.Intermediate(tlstest.Authority{ExcludedDNS: []string{"example.org"}})
	oldSub := root.Intermediate(tlstest.Authority{NotAfter: past})
	weakSub := root.Intermediate(tlstest.Authority{RSA: 1024})
	wrongKey := root.Intermediate(tlstest.Authority{})
	clientsOnly := root.Intermediate(tlstest.Authority{Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	rekeyed := a.sub.Leaf(good())
	rekeyed.Certificate[1] = wrongKey.Cert.Raw
	foreignSub := a.foreign.Intermediate(tlstest.Authority{Name: "Foreign Intermediate"})
	withRoot := foreignSub.Leaf(good())
	withRoot.Certificate = append(withRoot.Certificate, a.foreign.Cert.Raw)
	misordered := a.sub.Intermediate(tlstest.Authority{Name: "Lower"}).Leaf(good())
	misordered.Certificate[1], misordered.Certificate[2] = misordered.Certificate[2],
		misordered.Certificate[1]
	upper := root.Intermediate(tlstest.Authority{Name: "Upper"})
	middle := upper.Intermediate(tlstest.Authority{Name: "Middle"})
	gap := func(then ...*x509.Certificate) tls.Certificate { // Middle is not sent
		c := middle.Intermediate(tlstest.Authority{Name: "Lower"}).Leaf(good())
		c.Certificate = c.Certificate[:2]
		for _, more := range then {
			c.Certificate = append(c.Certificate, more.Raw)
		}
		return c
	}

	signer := root.Leaf(tlstest.Leaf{DNS: []string{host}, CN: host})
	namesake := (&tlstest.CA{Cert: signer.Leaf, Key: signer.PrivateKey.(crypto.Signer), Issuer: root}).
		Leaf(tlstest.Leaf{DNS: []string{host}, CN: host, Bare: true})
	withSigner := namesake
	withSigner.Certificate = append(slices.Clone(namesake.Certificate), signer.Certificate[0])
	return a, []liveCase{
		{name: "good", cert: a.sub.Leaf(good())},
		{name: "good, RSA", cert: leaf(a.sub, func(l *tlstest.Leaf) { l.RSA = 2048 })},
		{name: "good, from the root", cert: root.Leaf(good())},
		{name: "good, wildcard", cert: leaf(a.sub,
			func(l *tlstest.Leaf) { l.DNS = []string{"*.example.org"} })},
		{name: "good, misordered chain", cert: misordered},
		{name: "common name only", cert: leaf(a.sub, func(l *tlstest.Leaf) { l.DNS, l.CN = nil, host }),
			warns: "common name"},
		{name: "ends soon", cert: leaf(a.sub, func(l *tlstest.Leaf) { l.NotAfter = future }),
			warns: "ends in 0 days"},
		{name: "other name", cert: leaf(a.sub, func(l *tlstest.Leaf) { l.DNS = []string{"www.example.org"} }),
			want: as[*IdentityError]},
		{name: "no name", cert: leaf(a.sub, func(l *tlstest.Leaf) { l.DNS = nil }), want: as[*IdentityError]},
		{name: "NUL in the name", cert: leaf(a.sub,
			func(l *tlstest.Leaf) { l.DNS = []string{host + "\x00.evil.example"} }),
			want: as[*IdentityError]},
		{name: "NUL in the common name", cert: leaf(a.sub,
			func(l *tlstest.Leaf) { l.DNS, l.CN = nil, host+"\x00.evil.example" }), want: as[*IdentityError]},
		{name: "expired", cert: leaf(a.sub, func(l *tlstest.Leaf) { l.NotAfter = past }),
			want: chainReason(Expired)},
		{name: "not yet valid", cert: leaf(a.sub, func(l *tlstest.Leaf) { l.NotBefore = future }),
			want: chainReason(NotYetValid)},
		{name: "expired intermediate", cert: oldSub.Leaf(good()), want: chainReason(Expired)},
		{name: "self-signed", cert: leaf(a.sub, func(l *tlstest.Leaf) { l.SelfSigned = true; l.CN = host }),
			want: chainReason(SelfSigned)},
		{name: "missing intermediate", cert: leaf(a.sub, func(l *tlstest.Leaf) { l.Bare = true }),
			want: chainReason(MissingIntermediate)},
		{name: "unknown root", cert: foreignSub.Leaf(good()), want: chainReason(UnknownIssuer)},
		{name: "intermediate missing in the middle", cert: gap(root.Cert),
			want: chainReason(MissingIntermediate)},
		{name: "intermediate missing in the middle, root left out", cert: gap(upper.Cert),
			want: chainReason(MissingIntermediate)},
		{name: "intermediate missing at the end", cert: gap(), want: chainReason(UnknownIssuer)},
		{name: "looks self-signed, issuer missing", cert: namesake, want: chainReason(MissingIntermediate)},
		{name: "looks self-signed, signed by another leaf", cert: withSigner, want: chainReason(NotCA)},
		{name: "unknown root, sent", cert: withRoot, want: chainReason(UnknownRoot)},
		{name: "intermediate with another key", cert: rekeyed, want: chainReason(BadSignature)},
		{name: "for clients", cert: leaf(a.sub,
			func(l *tlstest.Leaf) { l.Usage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }),
			want: chainReason(WrongUsage)},
		{name: "authority for clients", cert: clientsOnly.Leaf(good()), want: chainReason(WrongUsage)},
		{name: "issuer is no authority", cert: notCA.Leaf(good()), want: chainReason(NotCA)},
		{name: "outside the issuer's names", cert: elsewhere.Leaf(good()), want: chainReason(NameConstraint)},
		{name: "excluded by the issuer", cert: excluded.Leaf(good()), want: chainReason(NameConstraint)},
		{name: "common name outside the issuer's names",
			cert: leaf(elsewhere, func(l *tlstest.Leaf) { l.DNS, l.CN = nil, host }),
			want: chainReason(NameConstraint)},
		{name: "common name excluded by the issuer",
			cert: leaf(excluded, func(l *tlstest.Leaf) { l.DNS, l.CN = nil, host }),
			want: chainReason(NameConstraint)},
		{name: "RSA 1024", cert: leaf(a.sub, func(l *tlstest.Leaf) { l.RSA = 1024 }), want: as[*WeakError]},
		{name: "RSA 1024 intermediate", cert: weakSub.Leaf(good()), want: as[*WeakError]},
		{name: "SHA-1 signature", cert: leaf(root, func(l *tlstest.Leaf) { l.Signature = x509.SHA1WithRSA }),
			want: as[*WeakError]},
		{name: "MD5 signature", cert: leaf(root, func(l *tlstest.Leaf) { l.Signature = x509.MD5WithRSA }),
			want: as[*WeakError]},
		{name: "SHA-1 signature on the intermediate",
			cert: root.Intermediate(tlstest.Authority{Signature: x509.SHA1WithRSA}).Leaf(good()),
			want: as[*WeakError]},
		{name: "must-staple without staple", cert: leaf(a.sub, func(l *tlstest.Leaf) { l.MustStaple = true }),
			want: as[*RevokedError]},
		{name: "stapled good", cert: a.sub.StapledLeaf(good(), tlstest.Staple{})},
		{name: "stapled revoked", cert: a.sub.StapledLeaf(good(), tlstest.Staple{Revoked: true}),
			want: as[*RevokedError]},
	}
}

// modes are the ways into TLS.
var modes = []struct {
	name   string
	before func(net.Conn) error
	ask    string
	until  string
}{
	{"IMAP wrapped", nil, "", ""},
	{"IMAP STARTTLS", beforeTLS("* OK ready\r\n", "a OK go on\r\n"), "a STARTTLS\r\n", "a OK"},
	{"POP3 wrapped", nil, "", ""},
	{"POP3 STLS", beforeTLS("+OK ready\r\n", "+OK go on\r\n"), "STLS\r\n", "+OK go"},
}

func beforeTLS(greeting, answer string) func(net.Conn) error {
	return func(c net.Conn) error {
		if _, err := io.WriteString(c, greeting); err != nil {
			return err
		}
		if _, err := bufio.NewReaderSize(c, 16).ReadString('\n'); err != nil {
			return err
		}
		_, err := io.WriteString(c, answer)
		return err
	}
}

// TestLive shows each certificate in each mode to a strict policy. The client sends credentials as soon as it
// has a connection: a refused server must not have seen a byte of them.
func TestLive(t *testing.T) {
	t.Parallel()
	a, cases := liveCases(t)
	p := policy(t, Options{Host: host, CAFile: a.root.File(t)})
	for _, mode := range modes {
		for _, c := range cases {
			t.Run(mode.name+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				srv := &tlstest.Server{Config: tlstest.ServerConfig(c.cert), Before: mode.before}
				conn := srv.Pipe()
				enter(t, conn, mode.ask, mode.until)
				v, err := login(t, p, conn)
				got, _ := srv.Wait()
				c.judge(t, v, err, got)
			})
		}
	}
}

func enter(t *testing.T, conn net.Conn, ask, until string) {
	t.Helper()
	if ask == "" {
		return
	}

	r := bufio.NewReader(conn)
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, ask); err != nil {
		t.Fatal(err)
	}

	line, err := r.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, until) || r.Buffered() > 0 {
		t.Fatalf("STARTTLS answered %q, %v", line, err)
	}
}

const secret = "LOGIN ann open-sesame\r\n"

func login(t *testing.T, p *Policy, conn net.Conn) (*Verdict, error) {
	t.Helper()
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tc, v, err := p.Client(ctx, conn)
	if err != nil {
		return v, err
	}

	defer tc.Close()
	if _, err := io.WriteString(tc, secret); err != nil {
		t.Error(err)
	}

	return v, nil
}

func (c liveCase) judge(t *testing.T, v *Verdict, err error, got []byte) {
	t.Helper()
	if v == nil {
		t.Error("no verdict although a certificate was seen")
		return
	}
	if c.want == nil {
		if err != nil || string(got) != secret || v.MatchedIdentity == "" || len(v.Chain) == 0 {
			t.Errorf("not accepted: %v; server got %q; verdict %+v", err, got, v)
		}
		if c.warns != "" && !strings.Contains(strings.Join(v.Warnings(), "\n"), c.warns) {
			t.Errorf("warnings %q lack %q", v.Warnings(), c.warns)
		}
		return
	}
	if err == nil || !c.want(err) {
		t.Errorf("error %T %v", err, err)
		return
	}
	if len(got) > 0 {
		t.Errorf("refused server saw %q", got)
	}

	checkMessage(t, err)
}

// checkMessage: one bounded line that ends in a next step.
func checkMessage(t *testing.T, err error) {
	t.Helper()
	text := err.Error()
	if strings.ContainsAny(text, "\x00\r\n\x1b") || len(text) > 4000 || strings.Count(text, "; hint: ") != 1 {
		t.Errorf("message: %q", text)
	}
	if hint := show.HintOf(err); hint == "" || !strings.HasSuffix(text, "; hint: "+hint) {
		t.Errorf("the hint %q does not end %q", hint, text)
	}

	for _, d := range Details(err) {
		if strings.ContainsAny(d, "\x00\r\n\x1b") {
			t.Errorf("detail: %q", d)
		}
	}
}

func policy(t *testing.T, o Options) *Policy {
	t.Helper()
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// meet connects p to a server with cert.
func meet(t *testing.T, p *Policy, cert tls.Certificate) (*Verdict, error) {
	t.Helper()
	return meetConfig(t, p, tlstest.ServerConfig(cert))
}

func meetConfig(t *testing.T, p *Policy, cfg *tls.Config) (*Verdict, error) {
	t.Helper()
	srv := &tlstest.Server{Config: cfg}
	v, err := login(t, p, srv.Pipe())
	if got, _ := srv.Wait(); err != nil && len(got) > 0 {
		t.Errorf("refused server saw %q", got)
	}
	return v, err
}

func TestNilAndZeroPolicyRefuse(t *testing.T) {
	t.Parallel()
	for _, p := range []*Policy{nil, {}} {
		c, s := net.Pipe()
		if tc, v, err := p.Client(t.Context(), c); tc != nil || v != nil || err == nil {
			t.Errorf("trusted: %v", err)
		}
		c.Close()
		s.Close()
	}
	if _, err := New(Options{}); err == nil {
		t.Error("a policy without a name was made")
	}
}

func TestSRVIDLive(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	o := Options{SRVDomain: "example.net", Service: "imaps", CAFile: ca.File(t)}
	leaf := tlstest.Leaf{SRV: []string{"_imaps.example.net"}}
	v, err := meet(t, policy(t, o), ca.Leaf(leaf))
	if err != nil || v.MatchedIdentity != "SRV-ID _imaps.example.net" {
		t.Errorf("%+v, %v", v, err)
	}

	inside := ca.Intermediate(tlstest.Authority{PermittedDNS: []string{"example.net"}})
	if _, err := meet(t, policy(t, o), inside.Leaf(leaf)); err != nil {
		t.Errorf("SRV-ID inside the issuer's names: %v", err)
	}

	outside := ca.Intermediate(tlstest.Authority{PermittedDNS: []string{"example.com"}})
	if _, err := meet(t, policy(t, o), outside.Leaf(leaf)); !chainReason(NameConstraint)(err) {
		t.Errorf("SRV-ID outside the issuer's names: %v", err)
	}
}

func TestCriticalSANWithOnlySRVID(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	san := pkix.Extension{Id: oidSubjectAltName, Critical: true,
		Value: srvSAN(t, []string{"_imaps.example.net"})}
	cert := ca.Leaf(tlstest.Leaf{Extensions: []pkix.Extension{san}})
	if len(cert.Leaf.UnhandledCriticalExtensions) == 0 {
		t.Error("crypto/x509 handles it now: withoutSANCritical is no longer needed")
	}
	if _, err := meet(t, policy(t, Options{SRVDomain: "example.net", Service: "imaps", CAFile: ca.File(t)}),
		cert); err != nil {
		t.Error(err)
	}

	odd := pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}
	strange := ca.Leaf(tlstest.Leaf{DNS: []string{host}, Extensions: []pkix.Extension{odd}})
	if _, err := meet(t, policy(t, Options{Host: host, CAFile: ca.File(t)}),
		strange); !chainReason(Malformed)(err) {
		t.Errorf("unknown critical extension: %v", err)
	}
}

func TestTrustAnchors(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	self := ca.Leaf(tlstest.Leaf{DNS: []string{host}, SelfSigned: true})
	selfFile := tlstest.WriteFile(t, "self.pem", tlstest.CertPEM(self))
	if _, err := meet(t, policy(t, Options{Host: host, CAFile: selfFile}), self); err != nil {
		t.Errorf("self-signed certificate in sslcertfile: %v", err)
	}

	dir := t.TempDir()
	write(t, dir+"/0a1b2c3d.0", ca.PEM())
	write(t, dir+"/root.crt", ca.PEM())
	write(t, dir+"/README", []byte("not a certificate"))
	if _, err := meet(t, policy(t, Options{Host: host, CAPath: dir}), ca.Leaf(good())); err != nil {
		t.Errorf("sslcertpath: %v", err)
	}

	both := policy(t, Options{Host: host, CAFile: selfFile, IncludeSystem: true})
	_, err := meet(t, both, ca.Leaf(good()))
	if err == nil || !strings.Contains(err.Error(), "system's root certificates") ||
		!strings.Contains(err.Error(), selfFile) {
		t.Errorf("error doesn't say where trust was looked up: %v", err)
	}
}

func TestNewNamesTheFile(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	empty := tlstest.WriteFile(t, "empty.pem", nil)
	cert := tlstest.WriteFile(t, "cert.pem", tlstest.CertPEM(ca.Leaf(good())))
	keyPEM, err := tlstest.KeyPEM(ca.Leaf(good()))
	if err != nil {
		t.Fatal(err)
	}

	key := tlstest.WriteFile(t, "key.pem", keyPEM)
	cases := []struct {
		name string
		o    Options
		want []string
	}{
		{"sslcertfile missing", Options{CAFile: "/nowhere/ca.pem"},
			[]string{"sslcertfile", "/nowhere/ca.pem", "no such file"}},
		{"sslcertfile empty", Options{CAFile: empty}, []string{"sslcertfile", empty, "no certificate"}},
		{"sslcertpath missing", Options{CAPath: "/nowhere"}, []string{"sslcertpath", "/nowhere"}},
		{"sslcertpath empty", Options{CAPath: t.TempDir()}, []string{"sslcertpath", "no certificate"}},
		{"sslcert missing", Options{CertFile: "/nowhere/c.pem"}, []string{"sslcert", "/nowhere/c.pem"}},
		{"sslcert without key", Options{CertFile: cert}, []string{"sslkey", cert, "no private key"}},
		{"sslkey alone", Options{KeyFile: key}, []string{"sslkey", key, "sslcert"}},
		{"sslkey of another pair", Options{CertFile: cert, KeyFile: key},
			[]string{cert, key, "does not belong"}},
		{"sslcrlfile missing", Options{CRL: "/nowhere/crl.pem"}, []string{"sslcrlfile", "/nowhere/crl.pem"}},
		{"sslcrlfile empty", Options{CRL: empty}, []string{"sslcrlfile", empty, "no revocation list"}},
		{"sslproto", Options{Proto: "ssl3"}, []string{"sslproto", "ssl3", "drop"}},
		{"host", Options{CommonName: "a b"}, []string{"sslcommonname", "a b"}},
	}

	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.o.Host = host
			_, err := New(c.o)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q lacks %q", err, w)
				}
			}
			checkMessage(t, err)
		})
	}
}

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

// resumed connects twice with a shared cache and gives the second result.
func resume(t *testing.T, first, second *Policy, cfg *tls.Config) (*Verdict, error) {
	t.Helper()
	if _, err := exchange(t, first, cfg); err != nil {
		t.Fatal(err)
	}
	return exchange(t, second, cfg)
}

// exchange reads a line, so that the client gets its session ticket.
func exchange(t *testing.T, p *Policy, cfg *tls.Config) (*Verdict, error) {
	t.Helper()
	return exchangeAt(t, p, cfg, 993)
}

func exchangeAt(t *testing.T, p *Policy, cfg *tls.Config, port int) (*Verdict, error) {
	t.Helper()
	srv := &tlstest.Server{Config: cfg, After: func(c *tls.Conn) error {
		_,
			err := io.WriteString(c, "* OK\r\n")
		return err
	}}
	conn := srv.Pipe()
	defer srv.Wait()
	defer conn.Close()
	tc, v, err := p.Client(t.Context(), at{conn, port})
	if err != nil {
		return v, err
	}

	_, err = bufio.NewReader(tc).ReadString('\n')
	return v, err
}

func TestResumedSessionIsChecked(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	cert := ca.Leaf(tlstest.Leaf{DNS: []string{host}, SelfSigned: true, CN: "self"})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cfg := tlstest.ServerConfig(cert)
		cfg.MaxVersion = version
		lax := Options{Host: host, NoCheck: true, SessionCache: tls.NewLRUClientSessionCache(8)}
		p := policy(t, lax)
		if v, err := resume(t, p, p, cfg); err != nil || !v.Resumed {
			t.Errorf("%s: not resumed: %+v, %v", tls.VersionName(version), v, err)
		}
		strict := lax
		strict.NoCheck, strict.CAFile = false, ca.File(t)
		if v, err := resume(t, p, policy(t, strict), cfg); !chainReason(SelfSigned)(err) || v == nil ||
			!v.Resumed {
			t.Errorf("%s: a resumed session passed a stricter policy: %+v, %v", tls.VersionName(version), v,
				err)
		}
		if v, err := exchange(t, policy(t, strict), cfg); err == nil || v.Resumed {
			t.Errorf("%s: the refused session was kept: %+v, %v", tls.VersionName(version), v, err)
		}
		pinned := lax
		pinned.Pins = []Pin{{}}
		if _, err := resume(t, p, policy(t, pinned), cfg); !as[*PinError](err) {
			t.Errorf("%s: pin: %v", tls.VersionName(version), err)
		}
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	cert := ca.Leaf(good())
	cases := []struct {
		name, proto string
		min, max    uint16
		ok          bool
	}{
		{"default, server 1.3", "", 0, 0, true},
		{"default, server 1.2", "", 0, tls.VersionTLS12, true},
		{"default, server 1.1", "", tls.VersionTLS10, tls.VersionTLS11, false},
		{"default, server 1.0", "", tls.VersionTLS10, tls.VersionTLS10, false},
		{"opt-in, server 1.0", "tls1+", tls.VersionTLS10, tls.VersionTLS10, true},
		{"opt-in 1.1, server 1.0", "tls1.1+", tls.VersionTLS10, tls.VersionTLS10, false},
		{"opt-in 1.1, server 1.1", "tls1.1+", tls.VersionTLS10, tls.VersionTLS11, true},
		{"1.3, server 1.2", "tls1.3", 0, tls.VersionTLS12, false},
		{"1.2, server 1.3 only", "tls1.2", tls.VersionTLS13, 0, false},
		{"1.2, server both", "tls1.2", 0, 0, true},
	}

	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := tlstest.ServerConfig(cert)
			cfg.MinVersion, cfg.MaxVersion = c.min, c.max
			_, err := meetConfig(t, policy(t, Options{Host: host, CAFile: ca.File(t), Proto: c.proto}), cfg)
			if (err == nil) != c.ok || err != nil && !as[*VersionError](err) {
				t.Errorf("%T %v", err, err)
			}
		})
	}
}

// Old servers have RSA key exchange only; it is spoken where old versions are let in, and otherwise named.
func TestRSAKeyExchange(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	cert := ca.Leaf(tlstest.Leaf{DNS: []string{host}, RSA: 2048})
	for _, c := range []struct {
		proto string
		ok    bool
	}{{"", false}, {"tls1.2", false}, {"tls1.1+", true}, {"tls1+", true}} {
		for _, suite := range rsaKeyExchange {
			cfg := tlstest.ServerConfig(cert)
			cfg.MaxVersion, cfg.CipherSuites = tls.VersionTLS12, []uint16{suite}
			v, err := meetConfig(t, policy(t, Options{Host: host, CAFile: ca.File(t), Proto: c.proto}), cfg)
			if (err == nil) != c.ok || c.ok && v.Cipher != tls.CipherSuiteName(suite) {
				t.Errorf("sslproto %q, %s: %v", c.proto, tls.CipherSuiteName(suite), err)
			}
			if err != nil && !strings.Contains(err.Error(), "it may lack ECDHE key exchange; hint: ") {
				t.Errorf("sslproto %q: %v", c.proto, err)
			}
		}

		v, err := meetConfig(t, policy(t, Options{Host: host, CAFile: ca.File(t), Proto: c.proto}),
			tlstest.ServerConfig(cert))
		if err != nil || strings.HasPrefix(v.Cipher, "TLS_RSA") {
			t.Errorf("sslproto %q, a good server: %v, %v", c.proto, v, err)
		}
	}
}

// TestOldServerHello: a server that ignores what we offer and answers with an older version.
func TestOldServerHello(t *testing.T) {
	t.Parallel()
	hello := append([]byte{22, 3, 1, 0, 4 + 38, 2, 0, 0, 38, 3, 1}, make([]byte, 32+4)...)
	_, err := answer(t, string(hello))
	var ve *VersionError
	if !errors.As(err, &ve) || ve.Server != "TLS 1.0" {
		t.Errorf("%T %v", err, err)
	}
}

// answer lets a peer that isn't TLS say something.
func answer(t *testing.T, text string) (*Verdict, error) {
	t.Helper()
	return answerTo(t, Options{Host: host}, 993, text)
}

func answerTo(t *testing.T, o Options, port int, text string) (*Verdict, error) {
	t.Helper()
	client, server := tlstest.BufferedPipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer server.Close()
		buf := make([]byte, 4096)
		if _, err := server.Read(buf); err == nil {
			_, _ = io.WriteString(server, text)
		}
	}()
	defer func() { client.Close(); <-done }()
	_, v, err := policy(t, o).Client(t.Context(), at{client, port})
	return v, err
}

func TestNotTLS(t *testing.T) {
	t.Parallel()
	const wrapped = "no TLS on this port: the server "
	const broken = "; hint: tell the operator (docs/server-checklist.md#starttls); " +
		"until it is mended, try ssl with port "
	hello := "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\xaa", 300)
	imap, pop3 := Options{Protocol: "imap"}, Options{Protocol: "pop3"}
	startTLS, stls := Options{Protocol: "imap", StartTLS: true}, Options{Protocol: "pop3", StartTLS: true}
	found := Options{SRVDomain: "example.net", Service: "imaps", Protocol: "imap"}
	cases := []struct {
		name   string
		o      Options
		port   int
		banner string
		want   string
	}{
		{"IMAP", imap, 143, "* OK [CAPABILITY IMAP4rev1] ready\r\n",
			wrapped + `said "* OK [CAPABILITY IMAP4rev1] ready", which looks like plain IMAP; ` +
				`hint: leave ssl out to use STARTTLS, or use port 993`},
		{"IMAP where TLS should be", imap, 993, "* OK ready\r\n",
			wrapped + `said "* OK ready", which looks like plain IMAP; ` +
				`hint: port 993 is for TLS from the first byte: tell the operator ` +
				`(docs/server-checklist.md#reach), or leave ssl and the port out to use STARTTLS`},
		{"POP3", pop3, 110, "+OK ready <1@x>\r\nmore\r\n",
			wrapped + `said "+OK ready <1@x>", which looks like plain POP3; ` +
				`hint: leave ssl out to use STLS, or use port 995`},
		{"POP3 instead of IMAP", imap, 110, "+OK ready\r\n",
			wrapped + `said "+OK ready", which looks like plain POP3; hint: imap is configured: check proto and port`},
		{"any protocol", Options{}, 110, "+OK ready\r\n",
			wrapped + `said "+OK ready", which looks like plain POP3; ` +
				`hint: leave ssl out to use STLS, or use port 995`},
		{"found by SRV", found, 143, "* OK ready\r\n",
			wrapped + `said "* OK ready", which looks like plain IMAP; hint: the record _imaps._tcp.example.net ` +
				`names a port without TLS: tell the operator, or name the server without srv`},
		{"busy", imap, 993, "* BYE too many connections\r\n",
			wrapped + `said "* BYE too many connections", which looks like plain IMAP that turns us away; ` +
				`hint: try again later`},
		{"STARTTLS goes on in clear text", startTLS, 143, "* BAD unknown command " + hello + "\r\n",
			`no TLS after STARTTLS: the server agreed to it, and then said "* BAD unknown command", ` +
				`which is clear text` + broken + "993"},
		{"STLS goes on in clear text", stls, 110, "-ERR " + hello + "\r\n",
			`no TLS after STLS: the server agreed to it, and then said "-ERR", which is clear text` + broken +
				"995"},
		{"STLS echoes", stls, 110, "\x00\x01" + hello,
			`no TLS after STLS: the server agreed to it, and then sent what is neither TLS nor text` +
				broken + "995"},
		{"SMTP", Options{}, 25, "220 mail.example.org ESMTP\r\n",
			wrapped + `said "220 mail.example.org ESMTP", which looks like plain SMTP or LMTP; ` +
				`hint: leave ssl out to use STARTTLS, or use port 465`},
		{"HTTP", imap, 443, "HTTP/1.1 400 Bad Request\r\nServer: x\r\n",
			wrapped + `said "HTTP/1.1 400 Bad Request", which looks like a web server; hint: check host and port`},
		{"SSH", imap, 22, "SSH-2.0-OpenSSH_9\r\n",
			wrapped + `said "SSH-2.0-OpenSSH_9", which looks like an SSH server; hint: check host and port`},
		{"ManageSieve", Options{}, 4190, "\"IMPLEMENTATION\" \"x\"\r\n",
			wrapped + `said "\"IMPLEMENTATION\" \"x\"", which looks like ManageSieve; ` +
				`hint: leave ssl out to use STARTTLS`},
		{"escape sequences", imap, 993, "\x1b[2J\x00\xff" + strings.Repeat("x", 9000),
			wrapped + `sent what is neither TLS nor text; hint: check host and port`},
		{"text without end", imap, 993, "hello " + strings.Repeat("x", 9000),
			wrapped + `said "hello ` + strings.Repeat("x", 74) + `", which is of no protocol known here; ` +
				`hint: check host and port`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.o.Host = host
			v, err := answerTo(t, c.o, c.port, c.banner)
			if v != nil || !as[*NotTLSError](err) || err.Error() != c.want {
				t.Fatalf("%T\n%v\n%s", err, err, c.want)
			}
			checkMessage(t, err)
		})
	}
}

func TestClosedInTheHandshake(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "\x16\x03\x03", "\x15\x03\x03\x00\x02\x02\x28"} {
		if _, err := answer(t, text); !as[*HandshakeError](err) {
			t.Errorf("after %q: %T %v", text, err, err)
		}
	}
}

func TestClientObeysContext(t *testing.T) {
	t.Parallel()
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	go func() { _, _ = io.Copy(io.Discard, server) }()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := fmt.Errorf("shutting down")
	time.AfterFunc(10*time.Millisecond, func() { cancel(why) })
	_, _, err := policy(t, Options{Host: host}).Client(ctx, client)
	if !as[*HandshakeError](err) || !errors.Is(err, why) {
		t.Errorf("%T %v", err, err)
	}
}

func TestALPNAndSNI(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	cert := ca.Leaf(tlstest.Leaf{
		DNS: []string{host, "other.example.org", "*.example.org"}, IP: []string{"192.0.2.1"}})
	cases := []struct{ name, host, cn, want string }{
		{"host", host, "", host},
		{"sslcommonname", host, "other.example.org", "other.example.org"},
		{"address", "192.0.2.1", "", ""},
		{"address, sslcommonname", "192.0.2.1", host, host},
		{"sslcommonname is a wildcard", host, "*.example.org", host},
		{"address, sslcommonname is a wildcard", "192.0.2.1", "*.example.org", ""},
	}

	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := tlstest.ServerConfig(cert)
			cfg.NextProtos = []string{"imap"}
			seen := make(chan string, 1)
			cfg.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config,
				error) {
				seen <- h.ServerName
				return nil, nil
			}
			v, err := meetConfig(t, policy(t, Options{Host: c.host, CommonName: c.cn, CAFile: ca.File(t),
				ALPN: []string{"imap"}}), cfg)
			if err != nil || v.ALPN != "imap" {
				t.Fatalf("%+v, %v", v, err)
			}
			if got := <-seen; got != c.want {
				t.Errorf("SNI %q, want %q", got, c.want)
			}
		})
	}
}

// flights counts how often the client waits for the server.
type flights struct {
	net.Conn
	wrote bool
	n     int
}

func (f *flights) Write(b []byte) (int, error) { f.wrote = true; return f.Conn.Write(b) }

func (f *flights) Read(b []byte) (int, error) {
	if f.wrote {
		f.wrote = false
		f.n++
	}
	return f.Conn.Read(b)
}

// TestResumptionSavesARoundTrip up to TLS 1.2, as docs/tls.md says; TLS 1.3 needs one in any case.
func TestResumptionSavesARoundTrip(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	for version, want := range map[uint16][2]int{tls.VersionTLS12: {2, 1}, tls.VersionTLS13: {1, 1}} {
		cfg := tlstest.ServerConfig(ca.Leaf(good()))
		cfg.MaxVersion = version
		p := policy(t, Options{Host: host, CAFile: ca.File(t), SessionCache: tls.NewLRUClientSessionCache(1)})
		for i, w := range want {
			srv := &tlstest.Server{Config: cfg, After: func(c *tls.Conn) error {
				_,
					err := io.WriteString(c, "+OK\r\n")
				return err
			}}
			f := &flights{Conn: srv.Pipe()}
			tc, v, err := p.Client(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			if f.n != w || v.Resumed != (i == 1) {
				t.Errorf("%s, connection %d: %d round trips, resumed %v", tls.VersionName(version), i+1, f.n,
					v.Resumed)
			}
			if _, err := bufio.NewReader(tc).ReadString('\n'); err != nil {
				t.Error(err)
			}
			f.Close()
			_, _ = srv.Wait()
		}
	}
}

func TestNameConstraintNamesTheIssuer(t *testing.T) {
	t.Parallel()
	root := tlstest.NewCA(t)
	sub := root.Intermediate(tlstest.Authority{Name: "Elsewhere", PermittedDNS: []string{"example.com"}})
	for _, l := range []tlstest.Leaf{{DNS: []string{host}}, {CN: host}} {
		_, err := meetConfig(t, policy(t, Options{Host: host, CAFile: root.File(t)}),
			tlstest.ServerConfig(sub.Leaf(l)))
		if err == nil || !strings.HasPrefix(err.Error(), `issuer "CN=Elsewhere`) {
			t.Errorf("%+v: %v", l, err)
		}
	}
}

func TestRefusedChainLeavesTheIdentityMatched(t *testing.T) {
	t.Parallel()
	v, err := meetConfig(t, policy(t, Options{Host: host, CAFile: tlstest.NewCA(t).File(t)}),
		tlstest.ServerConfig(tlstest.NewCA(t).Leaf(good())))
	if err == nil || v.MatchedIdentity != "DNS-ID "+host || len(v.Chain) > 0 {
		t.Errorf("%+v, %v", v, err)
	}
}

// A good chain for another name, or one of nobody that is known, proves nothing; nor does a server that
// nobody checks.
func TestWhatIsProven(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	cert := ca.Leaf(good())
	self := ca.Leaf(tlstest.Leaf{DNS: []string{host}, SelfSigned: true})
	cases := []struct {
		name   string
		o      Options
		cert   tls.Certificate
		proven bool
	}{
		{"chain and name", Options{}, cert, true},
		{"another name", Options{CommonName: "else.example"}, cert, false},
		{"unknown chain", Options{}, self, false},
		{"nothing checked", Options{NoCheck: true}, cert, false},
		{"pin alone", Options{NoCheck: true, Pins: []Pin{PinOf(self.Leaf)}}, self, true},
		{"wrong pin alone", Options{NoCheck: true, Pins: []Pin{{}}}, self, false},
	}
	for _, c := range cases {
		c.o.Host, c.o.CAFile = host, ca.File(t)
		v, _ := meet(t, policy(t, c.o), c.cert)
		if v.Proven() != c.proven {
			t.Errorf("%s: proven %v", c.name, v.Proven())
		}
	}
	if (*Verdict)(nil).Proven() {
		t.Error("no verdict is proof")
	}
}

func TestNameWithoutCheckIsTheHost(t *testing.T) {
	t.Parallel()
	p := policy(t, Options{Host: host, CommonName: "no name", NoCheck: true})
	if w := strings.Join(p.Warnings(), "\n"); !strings.Contains(w, `believed to be "`+host+`"`) {
		t.Error(w)
	}
}
