package tlsverify

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"fetchd/tlsverify/tlstest"
)

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

// TestRareKey: what a server lacks it does not say. Where ECDHE can't be it, that is not named.
func TestRareKey(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{host}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}

	for proto, ecdhe := range map[string]bool{"": true, "tls1.3": false, "tls1+": false} {
		_, err := meetConfig(t, policy(t, Options{Host: host, Proto: proto}), tlstest.ServerConfig(cert))
		if err == nil || !strings.Contains(err.Error(), "P-224") ||
			strings.Contains(err.Error(), "ECDHE") != ecdhe {
			t.Errorf("sslproto %q: %v", proto, err)
		}
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
			if err != nil && !strings.Contains(err.Error(), "it may lack ECDHE key exchange, or ") {
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
