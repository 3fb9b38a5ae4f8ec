package tlsverify

import (
	"crypto/tls"
	"testing"
	"time"

	"fetchd/tlsverify/tlstest"
)

// A chain of resumed sessions must not hold on to an OCSP response for ever that the server renews (RFC 8446 §4.6.1).
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
		p := policy(t, Options{Host: host, CAFile: ca.File(t), SessionCache: tls.NewLRUClientSessionCache(1), Now: func() time.Time { return now }})
		for h := range 60 {
			now = start.Add(time.Duration(h) * time.Hour)
			staple, err := issuer.OCSP(leaf.Leaf, tlstest.Staple{ThisUpdate: now, NextUpdate: now.Add(30 * time.Hour)})
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
