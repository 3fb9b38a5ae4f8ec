package tlsverify

import (
	"bufio"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

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
		{name: "authority for clients", cert: clientsOnly.Leaf(good()), want: chainReason(IssuerUsage)},
		{name: "below an authority for clients",
			cert: clientsOnly.Intermediate(tlstest.Authority{Name: "Lower"}).Leaf(good()),
			want: chainReason(IssuerUsage)},
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
