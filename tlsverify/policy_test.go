package tlsverify

import (
	"crypto/tls"
	"strings"
	"testing"

	"fetchd/tlsverify/tlstest"
)

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
