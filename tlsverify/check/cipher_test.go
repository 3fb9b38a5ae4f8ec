package check

import (
	"bytes"
	"crypto/tls"
	"strings"
	"testing"

	"fetchd/tlsverify"
	"fetchd/tlsverify/tlstest"
)

// A server whose ciphers crypto/tls does not have is described too.
func TestCheckListOtherCiphers(t *testing.T) {
	t.Parallel()
	root := tlstest.NewCA(t)
	const dhe, unknown = 0x009e, 0x1234
	for _, tt := range []struct {
		name    string
		other   uint16
		wrapped bool
		want    []string
	}{
		{"DHE alone", dhe, true, []string{"FAIL versions  no cipher in common: nothing that fetchd has; " +
			"of other ciphers the server chose TLS 1.2, DHE_RSA_WITH_AES_128_GCM_SHA256",
			"hint: ask the operator"}},
		{"DHE alone behind STARTTLS", dhe, false, []string{"FAIL versions  no cipher in common",
			"ok   starttls  STARTTLS is offered and works"}},
		{"none that anybody knows", unknown, true, []string{"FAIL reach", "no cipher or certificate"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := mailServer{d: dialects[0], wrapped: tt.wrapped, other: tt.other}
			r := twins(m).check(t, Options{Proto: "imap", Wrapped: tt.wrapped,
				Policy: tlsverify.Options{CAFile: root.File(t)}})

			said := text(t, r)
			for _, want := range tt.want {
				if !strings.Contains(said, want) {
					t.Errorf("no %q in\n%s", want, said)
				}
			}
			if r.ExitStatus() != int(Fail) || found(r, Reach, Fail) == (tt.other == dhe) {
				t.Errorf("status %d\n%s", r.ExitStatus(), said)
			}
		})
	}
}

// Where this program ends the handshake, that is said, whatever other ciphers the server has.
func TestCheckListMalformedCertificate(t *testing.T) {
	t.Parallel()
	root := tlstest.NewCA(t)
	cert := root.Leaf(tlstest.Leaf{DNS: []string{"xyz"}})
	name, address := []byte("\x82\x03xyz"), []byte("\x87\x03xyz")
	cert.Certificate[0] = bytes.Replace(cert.Certificate[0], name, address, 1)

	m := mailServer{d: dialects[0], wrapped: true, other: 0x009e, cfg: tlstest.ServerConfig(cert)}
	r := twins(m).check(t, Options{Proto: "imap", Wrapped: true,
		Policy: tlsverify.Options{CAFile: root.File(t)}})
	if said := text(t, r); !strings.Contains(said, "IP address of length 3") || !found(r, Reach, Fail) {
		t.Error(said)
	}
}

// A server of old is described, not only called unreachable.
func TestCheckListKeyExchange(t *testing.T) {
	t.Parallel()
	root := tlstest.NewCA(t)
	cert := root.Leaf(tlstest.Leaf{DNS: []string{host}, RSA: 2048})
	const rsa, ecdhe = tls.TLS_RSA_WITH_AES_256_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
	cases := []struct {
		name   string
		suites []uint16
		level  Level
		want   string
	}{
		{"ECDHE", []uint16{ecdhe}, OK, "ok   versions  TLS 1.2"},
		{"both", []uint16{ecdhe, rsa}, OK, "ok   versions  TLS 1.2"},
		{"RSA", []uint16{rsa}, Fail, "FAIL versions  only RSA key exchange"},
	}
	for _, c := range cases {
		for _, proto := range []string{"", "tls1+"} {
			cfg := modern(cert)
			cfg.MaxVersion, cfg.CipherSuites = tls.VersionTLS12, c.suites
			r := twins(mailServer{cfg: cfg, d: dialects[0], wrapped: true}).check(t, Options{Proto: "imap",
				Wrapped: true, Policy: tlsverify.Options{CAFile: root.File(t), Proto: proto}})

			if r.ExitStatus() != int(c.level) || !strings.Contains(text(t, r), c.want) ||
				found(r, Reach, Fail) {
				t.Errorf("%s, sslproto %q:\n%s", c.name, proto, text(t, r))
			}
		}
	}

	preferring := sight{state: &tls.ConnectionState{CipherSuite: rsa}}
	j := &judge{}
	if j.keyExchange(preferring); len(j.items) != 1 || j.items[0].Level != Warn {
		t.Errorf("RSA preferred: %+v", j.items)
	}
}
