package tlsverify

import (
	"crypto/tls"
	"crypto/x509"
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
