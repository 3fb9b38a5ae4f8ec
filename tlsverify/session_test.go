package tlsverify

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"fetchd/tlsverify/tlstest"
)

// A chain of resumed sessions must not hold on to an OCSP response for ever that the server renews (RFC 8446
// §4.6.1).
func TestStapleIsSeenAnew(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	start := time.Now()
	issuer := ca.Intermediate(tlstest.Authority{})
	leaf := issuer.Leaf(tlstest.Leaf{DNS: []string{host}, MustStaple: true})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cfg := tlstest.ServerConfig(leaf)
		cfg.MaxVersion = version
		now := start
		p := policy(t, Options{Host: host, CAFile: ca.File(t), SessionCache: tls.NewLRUClientSessionCache(1),
			Now: func() time.Time { return now }})
		for h := range 60 {
			now = start.Add(time.Duration(h) * time.Hour)
			staple, err := issuer.OCSP(leaf.Leaf, tlstest.Staple{ThisUpdate: now,
				NextUpdate: now.Add(30 * time.Hour)})
			if err != nil {
				t.Fatal(err)
			}
			cfg.Certificates[0].OCSPStaple = staple
			v, err := exchange(t, p, cfg)
			if err != nil || v.Resumed != (h%24 != 0) {
				t.Fatalf("%s, hour %d: resumed %v, %v", tls.VersionName(version), h, v.Resumed, err)
			}
		}
	}
}

// What was revoked since a session began must not be resumed: the lists are today's, and not those of the
// session.
func TestRevokedSinceTheSessionBegan(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	leaf := ca.Leaf(good())
	from, until := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "1.crl"), crl(t, ca, from, until))
		cfg := tlstest.ServerConfig(leaf)
		cfg.MaxVersion = version
		p := policy(t, Options{Host: host, CAFile: ca.File(t), CRL: dir,
			SessionCache: tls.NewLRUClientSessionCache(1)})

		if v, err := resume(t, p, p, cfg); err != nil || !v.Resumed || v.Revocation == "" {
			t.Fatalf("%s, not revoked: %+v, %v", tls.VersionName(version), v, err)
		}
		write(t, filepath.Join(dir, "2.crl"), crl(t, ca, from, until, leaf.Leaf))
		if v, err := exchange(t, p, cfg); !as[*RevokedError](err) || !v.Resumed {
			t.Errorf("%s, revoked: resumed %v, %v", tls.VersionName(version), v.Resumed, err)
		}
	}
}

// A server may tell from a resumed session who we are: each client certificate, and each port, has sessions
// of its own.
func TestSessionsAreNotShared(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	client := func(name string) string {
		c := ca.Leaf(tlstest.Leaf{CN: name, Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		key, err := tlstest.KeyPEM(c)
		if err != nil {
			t.Fatal(err)
		}
		return tlstest.WriteFile(t, name+".pem", append(tlstest.CertPEM(c), key...))
	}
	ann, bob := client("ann"), client("bob")
	type side struct {
		client string
		port   int
	}
	cases := []struct {
		name          string
		first, second side
		resumed       bool
	}{
		{"same certificate", side{ann, 993}, side{ann, 993}, true},
		{"another certificate", side{ann, 993}, side{bob, 993}, false},
		{"certificate, then none", side{ann, 993}, side{"", 993}, false},
		{"none, then a certificate", side{"", 993}, side{ann, 993}, false},
		{"no certificate", side{"", 993}, side{"", 993}, true},
		{"another port", side{"", 993}, side{"", 995}, false},
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, c := range cases {
			t.Run(tls.VersionName(version)+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				cfg := ca.ClientCAs(tlstest.ServerConfig(ca.Leaf(good())))
				cfg.ClientAuth, cfg.MaxVersion = tls.VerifyClientCertIfGiven, version
				o := Options{Host: host, CAFile: ca.File(t), SessionCache: tls.NewLRUClientSessionCache(8)}
				connect := func(s side) *Verdict {
					o.CertFile = s.client
					v, err := exchangeAt(t, policy(t, o), cfg, s.port)
					if err != nil {
						t.Fatal(err)
					}
					return v
				}

				connect(c.first)
				if v := connect(c.second); v.Resumed != c.resumed {
					t.Errorf("resumed %v", v.Resumed)
				}
			})
		}
	}
}

// at is a connection to a port.
type at struct {
	net.Conn
	port int
}

func (c at) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: c.port} }

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
	if kept := tc.NetConn().(*head).first; kept != nil {
		t.Errorf("%d bytes of the handshake are kept behind it", len(kept))
	}
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
