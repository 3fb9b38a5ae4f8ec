package tlsverify

import (
	"crypto/tls"
	"errors"
	"testing"

	"fetchd/tlsverify/tlstest"
)

// A web server's proxy that knows none of our names turns the first handshake away, and only that.
func TestServerWithoutOurProtocolName(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			t.Parallel()
			cfg := tlstest.ServerConfig(ca.Leaf(good()))
			cfg.MaxVersion, cfg.NextProtos = version, []string{"h2", "http/1.1"}
			p := policy(t, Options{Host: host, CAFile: ca.File(t), ALPN: []string{"imap"}})

			_, err := meetConfig(t, p, cfg)
			if !errors.Is(err, ErrProtocolName) || !as[*HandshakeError](err) {
				t.Errorf("first: %T %v", err, err)
			}
			if v, err := meetConfig(t, p, cfg); err != nil || !v.Proven() {
				t.Errorf("second: %v, %v", v, err)
			}

			// Without a name it proves no less.
			cfg.Certificates = []tls.Certificate{ca.Leaf(tlstest.Leaf{DNS: []string{"other.example.org"}})}
			if _, err := meetConfig(t, p, cfg); !as[*IdentityError](err) {
				t.Errorf("another server: %T %v", err, err)
			}
		})
	}
}
