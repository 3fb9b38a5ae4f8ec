package tlsverify

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"fetchd/tlsverify/tlstest"
)

// FuzzHead: whatever a peer says first, the guess at its version stays within what it said.
func FuzzHead(f *testing.F) {
	f.Add([]byte("* OK ready\r\n"))
	f.Add([]byte{21, 3, 1, 0, 2, 2, 70})
	f.Add(append([]byte{22, 3, 3, 0, 50, 2, 0, 0, 46, 3, 3}, make([]byte, 60)...))
	f.Fuzz(func(t *testing.T, first []byte) {
		h := &head{first: first[:min(len(first), headSize)]}
		v, old := h.tooOld(ProtoRange{Min: tls.VersionTLS12})
		if old && v >= tls.VersionTLS12 {
			t.Fatalf("version %x is too old", v)
		}
		if e := (&NotTLSError{Said: printableBeginning(h.first)}).Error(); strings.ContainsAny(e,
			"\r\n\x00\x1b") || len(e) > 700 {
			t.Fatalf("message %q", e)
		}
	})
}

// FuzzServerHello: what a server chooses is one of what was offered, or no choice.
func FuzzServerHello(f *testing.F) {
	hello := append([]byte{2, 0, 0, 38, 3, 3}, make([]byte, 36)...)
	f.Add(hello)
	hello[40], hello[39] = 0x9e, 0
	f.Add(hello)
	f.Add(hello[:20])
	f.Fuzz(func(t *testing.T, hello []byte) {
		err := parseServerHello(hello)
		if err == nil || strings.ContainsAny(err.Error(), "\r\x00\x1b") {
			t.Fatalf("%q", err)
		}
		var suite *SuiteError
		if errors.As(err, &suite) && suite.Suite == "" {
			t.Fatalf("%+v", suite)
		}
	})
}

// FuzzCertificate: whatever crypto/x509 takes for a certificate can be described in printable, bounded text.
func FuzzCertificate(f *testing.F) {
	ca, err := tlstest.MakeRoot(tlstest.Authority{})
	if err != nil {
		f.Fatal(err)
	}

	leaf, err := ca.MakeLeaf(tlstest.Leaf{DNS: []string{host}, SRV: []string{"_imaps.example.net"},
		MustStaple: true, CN: "x\x1b\x00"})
	if err != nil {
		f.Fatal(err)
	}

	f.Add(ca.Cert.Raw)
	f.Add(leaf.Certificate[0])
	f.Fuzz(func(t *testing.T, der []byte) {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return
		}
		var b bytes.Buffer
		v := &Verdict{Presented: []*x509.Certificate{c}}
		if err := v.Describe(&b); err != nil {
			t.Fatal(err)
		}
		_ = mustStaple(c)
		if b.Len() > 60000 || !utf8.Valid(b.Bytes()) ||
			bytes.IndexFunc(b.Bytes(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) >= 0 {
			t.Fatalf("%d bytes: %q", b.Len(), b.String())
		}
	})
}
