package check

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fetchd/tlsverify"
	"fetchd/tlsverify/tlstest"
)

func TestCheckListFailsWhatIsRefused(t *testing.T) {
	t.Parallel()
	weak := tlstest.NewRoot(t, tlstest.Authority{RSA: 1024})
	old := tlstest.NewRoot(t, tlstest.Authority{NotAfter: time.Now().Add(-time.Hour)})
	for name, root := range map[string]*tlstest.CA{"weak root": weak, "expired root": old} {
		r := twins(mailServer{cfg: modern(root.Leaf(good())), d: dialects[0], wrapped: true}).check(t,
			Options{Proto: "imap", Wrapped: true, Policy: tlsverify.Options{CAFile: root.File(t)}})
		if r.Verified || !found(r, Root, Fail) {
			t.Errorf("%s: verified is %v:\n%s", name, r.Verified, text(t, r))
		}
	}
}

func TestCheckListFollowsTheAccountsOptions(t *testing.T) {
	t.Parallel()
	root := tlstest.NewCA(t)
	sub := root.Intermediate(tlstest.Authority{})
	cases := []struct {
		name  string
		o     tlsverify.Options
		check string
		level Level
	}{
		{"intermediate pinned", tlsverify.Options{Pins: []tlsverify.Pin{tlsverify.PinOf(sub.Cert)}}, Pins,
			OK},
		{"intermediate pinned, chain not verified",
			tlsverify.Options{Pins: []tlsverify.Pin{tlsverify.PinOf(sub.Cert)}, NoCheck: true}, Pins, Fail},
		{"version offered", tlsverify.Options{Proto: "tls1.2"}, Versions, OK},
		{"version not offered", tlsverify.Options{Proto: "tls1.3"}, Versions, Fail},
	}

	for _, c := range cases {
		cfg := modern(sub.Leaf(good()))
		cfg.MaxVersion = tls.VersionTLS12
		c.o.CAFile = root.File(t)
		r := twins(mailServer{cfg: cfg, d: dialects[0], wrapped: true}).check(t,
			Options{Proto: "imap", Wrapped: true, Policy: c.o})
		if !found(r, c.check, c.level) || r.ExitStatus() != int(c.level) {
			t.Errorf("%s:\n%s", c.name, text(t, r))
		}
	}
}

func TestCheckListFindsWhatTurnsClientsAway(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	cases := []struct {
		name   string
		change func(*tls.Config)
		want   string
	}{
		{"client certificate demanded, TLS 1.2",
			func(c *tls.Config) { ca.ClientCAs(c).MaxVersion = tls.VersionTLS12 },
			"asked for a client certificate"},
		{"client certificate demanded, TLS 1.3",
			func(c *tls.Config) { ca.ClientCAs(c).MinVersion = tls.VersionTLS13 },
			"asked for a client certificate"},
		{"client certificate wished for",
			func(c *tls.Config) { ca.ClientCAs(c).ClientAuth = tls.RequestClientCert }, ""},
	}

	for _, c := range cases {
		for _, wrapped := range []bool{true, false} {
			cfg := modern(ca.Leaf(good()))
			c.change(cfg)
			r := overTCP(t, mailServer{cfg: cfg, d: dialects[0], wrapped: wrapped,
				told: make(chan string, 1000)},
				Options{Proto: "imap", Wrapped: wrapped,
					Policy: tlsverify.Options{CAFile: ca.File(t), ALPN: []string{"imap"}}})
			if (c.want == "") != (r.ExitStatus() == 0) || !strings.Contains(text(t, r), c.want) ||
				c.want != "" && found(r, Addresses, OK) {
				t.Errorf("%s, wrapped %v:\n%s", c.name, wrapped, text(t, r))
			}
		}
	}
}

// Some programs insist on the name of their protocol: that the server turns them away is a remark for its
// operator.
func TestCheckListSaysThatNamesAreTurnedAway(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	cfg := modern(ca.Leaf(good()))
	cfg.NextProtos = []string{"http/1.1"}
	for _, wrapped := range []bool{true, false} {
		r := overTCP(t, mailServer{cfg: cfg, d: dialects[0], wrapped: wrapped, told: make(chan string, 1000)},
			Options{Proto: "imap", Wrapped: wrapped,
				Policy: tlsverify.Options{CAFile: ca.File(t), ALPN: []string{"imap"}}})
		said := text(t, r)
		if !found(r, Reach, Warn) || !found(r, Chain, OK) || r.ExitStatus() != int(Warn) ||
			!strings.Contains(said, "no application protocol") {
			t.Errorf("wrapped %v:\n%s", wrapped, said)
		}
	}
}

// The account's certificate tells who we are: a server that is not trusted does not get it, and is judged all
// the same.
func TestCheckListShowsNoClientCertificateToStrangers(t *testing.T) {
	t.Parallel()
	ca, other := tlstest.NewCA(t), tlstest.NewCA(t)
	client := ca.Leaf(tlstest.Leaf{CN: "ann", Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	key, err := tlstest.KeyPEM(client)
	if err != nil {
		t.Fatal(err)
	}

	o := tlsverify.Options{CAFile: ca.File(t), ALPN: []string{"imap"},
		CertFile: tlstest.WriteFile(t, "both.pem", append(tlstest.CertPEM(client), key...))}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, trusted := range []bool{true, false} {
			var shown atomic.Int32
			cert := other.Leaf(good())
			if trusted {
				cert = ca.Leaf(good())
			}
			cfg := ca.ClientCAs(modern(cert))
			cfg.MaxVersion = version
			cfg.VerifyPeerCertificate = func(raw [][]byte, _ [][]*x509.Certificate) error {
				shown.Add(int32(len(raw)))
				return nil
			}
			r := overTCP(t, mailServer{cfg: cfg, d: dialects[0], wrapped: true,
				told: make(chan string, 1000)}, Options{Proto: "imap", Wrapped: true, Policy: o})
			if (shown.Load() > 0) != trusted || trusted == found(r, Chain, Fail) {
				t.Errorf("%s, trusted %v: shown %d times\n%s", tls.VersionName(version), trusted,
					shown.Load(), text(t, r))
			}
		}
	}
}

// overTCP checks over a socket, where, unlike in a pipe, a client can write to a server that doesn't read any
// more.
func overTCP(t *testing.T, m mailServer, o Options) *Report {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	defer l.Close()
	go func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			go m.serve(c)
		}
	}()
	o = fleet{}.options(t, o)
	o.Dial = func(context.Context, string, string) (net.Conn,
		error) {
		return net.Dial("tcp", l.Addr().String())
	}

	r, err := Server(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}

	return r
}

func TestCheckListOrder(t *testing.T) {
	t.Parallel()
	root := tlstest.NewCA(t)
	other := tlstest.NewRoot(t, tlstest.Authority{Name: "Other Root"})
	key, err := tlstest.NewKey()
	if err != nil {
		t.Fatal(err)
	}

	sub := root.Intermediate(tlstest.Authority{Key: key})
	cross := other.Intermediate(tlstest.Authority{Key: key})
	leaf := sub.Leaf(tlstest.Leaf{DNS: []string{host}, Bare: true})
	for name, c := range map[string]struct {
		sent  []*tlstest.CA
		level Level
	}{
		"in order":                  {[]*tlstest.CA{sub}, OK},
		"intermediate twice":        {[]*tlstest.CA{sub, sub}, Warn},
		"cross-signed intermediate": {[]*tlstest.CA{cross, sub}, Warn},
		"strange root in between":   {[]*tlstest.CA{other, sub}, Fail},
		"root in between":           {[]*tlstest.CA{root, sub}, Fail},
		"root at the end":           {[]*tlstest.CA{sub, root}, Warn},
	} {
		cert := leaf
		cert.Certificate = slices.Clone(leaf.Certificate)
		for _, ca := range c.sent {
			cert.Certificate = append(cert.Certificate, ca.Cert.Raw)
		}
		r := twins(mailServer{cfg: modern(cert), d: dialects[0], wrapped: true}).check(t,
			Options{Proto: "imap", Wrapped: true, Policy: tlsverify.Options{CAFile: root.File(t)}})
		if !r.Verified || !found(r, Chain, c.level) || r.ExitStatus() != int(c.level) {
			t.Errorf("%s:\n%s", name, text(t, r))
		}
	}
}

func TestCheckListSaysWhyThereIsNoTLS(t *testing.T) {
	t.Parallel()
	m := mailServer{cfg: &tls.Config{}, d: dialects[0],
		told: make(chan string, 1000)} // without a certificate, an alert ends the handshake
	for _, c := range []struct {
		server  mailServer
		wrapped bool
		want    string
	}{
		{m, true, `no TLS: no TLS on this port: the server said "* OK hello`},
		{m, false, "FAIL starttls  STARTTLS does not work: TLS handshake: remote error: "},
		{mailServer{d: dialects[0], refuse: true, told: m.told}, false,
			`FAIL starttls  STARTTLS does not work: STARTTLS refused: "b NO not now"`},
	} {
		r := overTCP(t, c.server, Options{Proto: "imap", Wrapped: c.wrapped})
		if out := text(t, r); !strings.Contains(out, c.want) || strings.Contains(out, `\"`) ||
			strings.Contains(out, "check-tls") {
			t.Errorf("not %s:\n%s", c.want, out)
		}
	}
}
