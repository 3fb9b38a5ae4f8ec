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
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"fetchd/tlsverify/hints"
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

// keyUsage lets the key of a certificate be used for what these bits of a byte say (RFC 5280 §4.2.1.3).
func keyUsage(bits byte) func(*tlstest.Leaf) {
	value := []byte{asn1.TagBitString, 2, 0, bits}
	return func(l *tlstest.Leaf) {
		usage := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 15}, Critical: true, Value: value}
		l.Extensions = append(l.Extensions, usage)
	}
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
		{name: "key for certificates", cert: leaf(a.sub, keyUsage(0x06)), want: chainReason(KeyUsage)},
		{name: "key for non-repudiation", cert: leaf(a.sub, keyUsage(0x40)), want: chainReason(KeyUsage)},
		{name: "key for encipherment", cert: leaf(a.sub, keyUsage(0x20))},
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
	if hint := hints.Of(err); hint == "" || !strings.HasSuffix(text, "; hint: "+hint) {
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

// An authority with constraints of a kind that is not understood is the one that is named, not the server.
func TestCriticalExtensionNamesItsCertificate(t *testing.T) {
	t.Parallel()
	root := tlstest.NewCA(t)
	// excluded: the directory name without parts
	directories := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 30}, Critical: true,
		Value: []byte{0x30, 8, 0xa1, 6, 0x30, 4, 0xa4, 2, 0x30, 0}}
	sub := root.Intermediate(tlstest.Authority{Name: "Odd", Extensions: []pkix.Extension{directories}})

	_, err := meet(t, policy(t, Options{Host: host, CAFile: root.File(t)}), sub.Leaf(good()))
	if !chainReason(Malformed)(err) || !strings.HasPrefix(err.Error(), `certificate "CN=Odd`) ||
		!strings.Contains(err.Error(), "name constraints") {
		t.Error(err)
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
