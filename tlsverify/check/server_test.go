package check

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/tlsverify"
	"fetchd/tlsverify/tlstest"
)

const host = "mail.example.org"

func good() tlstest.Leaf { return tlstest.Leaf{DNS: []string{host}} }

func modern(cert tls.Certificate) *tls.Config {
	cfg := tlstest.ServerConfig(cert)
	cfg.MinVersion = tls.VersionTLS12
	return cfg
}

func found(r *Report, check string, l Level) bool {
	for _, it := range r.Items {
		if it.Check == check && it.Level == l {
			return true
		}
	}
	return false
}

func text(t *testing.T, r *Report) string {
	t.Helper()
	var b strings.Builder
	if err := r.Text(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestCheckListGoodServer(t *testing.T) {
	t.Parallel()
	root := tlstest.NewCA(t)
	cert := root.Intermediate(tlstest.Authority{}).Leaf(good())
	for _, d := range dialects {
		for _, wrapped := range []bool{true, false} {
			m := mailServer{cfg: modern(cert), d: d, wrapped: wrapped}
			r := twins(m).check(t, Options{Proto: d.name, Wrapped: wrapped,
				Policy: tlsverify.Options{CAFile: root.File(t)}})
			if r.ExitStatus() != 0 {
				t.Errorf("%s wrapped=%v:\n%s", d.name, wrapped, text(t, r))
			}
			if r.Port != d.port(wrapped) || len(r.Addresses) != 2 || len(r.Pins) != 1 {
				t.Errorf("%+v", r)
			}
			out := text(t, r)
			for _, w := range []string{`ok   names     the certificate is for "` + host + `"`,
				"TLS 1.2, TLS 1.3",
				"2 addresses, one certificate", "md5:", "sha256:", "\nsslcertck\n",
				"\nsslpin \"" + tlsverify.PinOf(cert.Leaf).String() + "\"\n"} {
				if !strings.Contains(out, w) {
					t.Errorf("%s: output lacks %q:\n%s", d.name, w, out)
				}
			}
			if strings.Contains(out, "\nssl\n") != wrapped {
				t.Errorf("ssl line:\n%s", out)
			}
		}
	}
}

func TestCheckListCertificates(t *testing.T) {
	t.Parallel()
	root := tlstest.NewRoot(t, tlstest.Authority{RSA: 2048})
	sub := root.Intermediate(tlstest.Authority{})
	foreign := tlstest.NewRoot(t, tlstest.Authority{Name: "Foreign"})
	past, soon := time.Now().Add(-time.Hour), time.Now().Add(100*time.Hour)
	leaf := func(ca *tlstest.CA, change func(*tlstest.Leaf)) tls.Certificate {
		l := good()
		change(&l)
		return ca.Leaf(l)
	}

	rooted := sub.Leaf(good())
	rooted.Certificate = append(rooted.Certificate, root.Cert.Raw)
	lower := sub.Intermediate(tlstest.Authority{Name: "Lower"})
	swapped := lower.Leaf(good())
	swapped.Certificate[1], swapped.Certificate[2] = swapped.Certificate[2], swapped.Certificate[1]
	stranger := sub.Leaf(good())
	stranger.Certificate = append(stranger.Certificate,
		foreign.Intermediate(tlstest.Authority{Name: "Stranger"}).Cert.Raw)
	cases := []struct {
		name  string
		cert  tls.Certificate
		check string
		level Level
	}{
		{"other name", leaf(sub, func(l *tlstest.Leaf) { l.DNS = []string{"www.example.org"} }), Names, Fail},
		{"wildcard", leaf(sub, func(l *tlstest.Leaf) { l.DNS = []string{"*.example.org"} }), Names, Warn},
		{"common name", leaf(sub, func(l *tlstest.Leaf) { l.DNS, l.CN = nil, host }), Names, Warn},
		{"missing intermediate", leaf(sub, func(l *tlstest.Leaf) { l.Bare = true }), Chain, Fail},
		{"wrong order", swapped, Chain, Fail},
		{"root sent", rooted, Chain, Warn},
		{"stranger sent", stranger, Chain, Warn},
		{"unknown root", foreign.Intermediate(tlstest.Authority{Name: "F"}).Leaf(good()), Root, Fail},
		{"self-signed", leaf(sub, func(l *tlstest.Leaf) { l.SelfSigned, l.CN = true, host }), Root, Fail},
		{"weak key", leaf(sub, func(l *tlstest.Leaf) { l.RSA = 1024 }), Strength, Fail},
		{"weak signature", leaf(root, func(l *tlstest.Leaf) { l.Signature = x509.SHA1WithRSA }), Strength,
			Fail},
		{"expired", leaf(sub, func(l *tlstest.Leaf) { l.NotAfter = past }), Validity, Fail},
		{"not yet valid", leaf(sub, func(l *tlstest.Leaf) { l.NotBefore = soon }), Validity, Fail},
		{"ends soon", leaf(sub, func(l *tlstest.Leaf) { l.NotAfter = soon }), Validity, Warn},
		{"must-staple", leaf(sub, func(l *tlstest.Leaf) { l.MustStaple = true }), Revocation, Fail},
		{"revoked", sub.StapledLeaf(good(), tlstest.Staple{Revoked: true}), Revocation, Fail},
		{"stale staple", sub.StapledLeaf(good(), tlstest.Staple{ThisUpdate: past.Add(-time.Hour),
			NextUpdate: past}), Revocation, Warn},
	}

	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := mailServer{cfg: modern(c.cert), d: dialects[0], wrapped: true}
			r := twins(m).check(t, Options{Proto: "imap", Wrapped: true,
				Policy: tlsverify.Options{CAFile: root.File(t)}})
			if !found(r, c.check, c.level) || r.ExitStatus() != int(c.level) {
				t.Fatalf("no %s of %s:\n%s", c.level, c.check, text(t, r))
			}
			if c.level == Fail && strings.Contains(text(t, r), "\nno sslcertck") {
				t.Errorf("gives up the check:\n%s", text(t, r))
			}
			if trusted := strings.Contains(text(t, r), "\nsslpin"); trusted != r.Verified {
				t.Errorf("verified is %v:\n%s", r.Verified, text(t, r))
			}
			checkMessageToOperator(t, r, c.check)
		})
	}
}

// A root that is in no file of the server's has an end as well.
func TestRootEndsSoon(t *testing.T) {
	t.Parallel()
	root := tlstest.NewRoot(t, tlstest.Authority{NotAfter: time.Now().Add(100 * time.Hour)})
	m := mailServer{cfg: modern(root.Leaf(good())), d: dialects[0], wrapped: true}
	r := twins(m).check(t, Options{Proto: "imap", Wrapped: true,
		Policy: tlsverify.Options{CAFile: root.File(t)}})
	if !found(r, Validity, Warn) || !strings.Contains(text(t, r), "in sslcertfile ") {
		t.Error(text(t, r))
	}
}

func checkMessageToOperator(t *testing.T, r *Report, check string) {
	t.Helper()
	var b strings.Builder
	if err := r.OperatorMessage(&b, func(check string) (string, bool) {
		return "## section\n\nabout " + check + "\n", true
	}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "   about "+check+"\n") {
		t.Errorf("message to the operator does not name %s:\n%s", check, b.String())
	}

	b.Reset()
	if err := r.JSON(&b); err != nil {
		t.Fatal(err)
	}

	var back struct {
		Items []struct{ Check, Level string }
	}
	if err := json.Unmarshal([]byte(b.String()), &back); err != nil || len(back.Items) != len(r.Items) {
		t.Errorf("JSON: %v\n%s", err, b.String())
	}
}

func TestCheckListSeveralFaultsAtOnce(t *testing.T) {
	t.Parallel()
	root := tlstest.NewCA(t)
	broken := root.Intermediate(tlstest.Authority{}).Leaf(tlstest.Leaf{DNS: []string{"www.example.org"},
		RSA:      1024,
		NotAfter: time.Now().Add(-time.Hour), Bare: true})
	m := mailServer{cfg: tlstest.ServerConfig(broken), d: dialects[1]}
	m.cfg.MaxVersion = tls.VersionTLS11
	r := twins(m).check(t, Options{Proto: "pop3", Policy: tlsverify.Options{CAFile: root.File(t),
		Pins: []tlsverify.Pin{{}}}})
	for _, check := range []string{Names, Chain, Strength, Validity, Versions, Pins} {
		if !found(r, check, Fail) {
			t.Errorf("no FAIL of %s:\n%s", check, text(t, r))
		}
	}
	if !strings.Contains(text(t, r), "no setting makes this server safe") {
		t.Errorf("%s", text(t, r))
	}
}

func TestCheckListSTARTTLS(t *testing.T) {
	t.Parallel()
	root := tlstest.NewCA(t)
	cfg := modern(root.Leaf(good()))
	cases := []struct {
		name  string
		proto int
		m     mailServer
		check string
		level Level
	}{
		{"not advertised", 0, mailServer{silent: true}, STARTTLS, Warn},
		{"not advertised, POP3", 1, mailServer{silent: true}, STARTTLS, Warn},
		{"refused", 0, mailServer{refuse: true}, STARTTLS, Fail},
		{"refused, POP3", 1, mailServer{refuse: true}, STARTTLS, Fail},
		{"clear text after the answer", 0, mailServer{early: "* OK injected\r\n"}, STARTTLS, Fail},
		{"PREAUTH", 0, mailServer{greeting: "* PREAUTH hello\r\n"}, STARTTLS, Fail},
		{"injected command carried out, IMAP", 0, mailServer{leaky: true}, STARTTLS, Fail},
		{"injected command carried out, POP3", 1, mailServer{leaky: true}, STARTTLS, Fail},
		{"injected command carried out, SMTP", 2, mailServer{leaky: true}, STARTTLS, Fail},
		{"injected command carried out, ManageSieve", 5, mailServer{leaky: true}, STARTTLS, Fail},
		{"turned away", 0, mailServer{greeting: "* BYE too busy\r\n"}, Reach, Fail},
		{"another protocol", 0, mailServer{greeting: "SSH-2.0-x\r\n"}, Reach, Fail},
		{"endless line", 0, mailServer{greeting: "* OK " + strings.Repeat("x", 10000) + "\r\n"}, Reach, Fail},
	}

	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.m.cfg, c.m.d = cfg, dialects[c.proto]
			r := twins(c.m).check(t, Options{Proto: c.m.d.name,
				Policy: tlsverify.Options{CAFile: root.File(t)}})
			if !found(r, c.check, c.level) {
				t.Errorf("no %s of %s:\n%s", c.level, c.check, text(t, r))
			}
		})
	}
}

func TestCheckListComparesAddresses(t *testing.T) {
	t.Parallel()
	root := tlstest.NewCA(t)
	server := func(cert tls.Certificate) mailServer {
		return mailServer{cfg: modern(cert), d: dialects[0], wrapped: true, told: make(chan string, 1000)}
	}

	o := Options{Proto: "imap", Wrapped: true, Policy: tlsverify.Options{CAFile: root.File(t)}}
	r := fleet{"192.0.2.1": server(root.Leaf(good())), "2001:db8::1": server(root.Leaf(good()))}.check(t, o)
	if !found(r, Addresses, Warn) || len(r.Pins) != 2 ||
		!strings.Contains(text(t, r), "sslpin \""+r.Pins[0]+"\" \""+r.Pins[1]+"\"") {
		t.Errorf("two certificates:\n%s", text(t, r))
	}

	r = fleet{"192.0.2.1": server(root.Leaf(good()))}.check(t, o)
	if !found(r, Addresses, Fail) || !found(r, Reach, Fail) ||
		!strings.Contains(text(t, r), "2001:db8::1: no TLS") {
		t.Errorf("one address down:\n%s", text(t, r))
	}

	bad := root.Leaf(tlstest.Leaf{DNS: []string{"www.example.org"}})
	r = fleet{"192.0.2.1": server(root.Leaf(good())), "2001:db8::1": server(bad)}.check(t, o)
	if !strings.Contains(text(t, r), "FAIL names     2001:db8::1: the certificate is for") {
		t.Errorf("one address with another name:\n%s", text(t, r))
	}
	for _, f := range []fleet{
		{"192.0.2.1": server(root.Leaf(good())), "2001:db8::1": server(bad)},
		{"192.0.2.1": server(bad), "2001:db8::1": server(root.Leaf(good()))},
	} {
		if r := f.check(t, o); r.Verified {
			t.Errorf("verified although one address is not:\n%s", text(t, r))
		}
	}
}

func selfSigned(judgement error) bool {
	e, ok := errors.AsType[*tlsverify.ChainError](judgement)
	return ok && e.Reason == tlsverify.SelfSigned
}

func TestLook(t *testing.T) {
	t.Parallel()
	root := tlstest.NewCA(t)
	self := root.Leaf(tlstest.Leaf{DNS: []string{host}, CN: host, SelfSigned: true})
	f := twins(mailServer{cfg: modern(self), d: dialects[0]})
	v, judgement, err := ShowServer(t.Context(), f.options(t, Options{Proto: "imap"}))
	if err != nil || !selfSigned(judgement) || v.Presented[0].Subject.CommonName != host {
		t.Fatalf("%+v, %v, %v", v, judgement, err)
	}
	if lines := strings.Join(PinLines(v.Presented[0]), "\n"); !strings.Contains(lines,
		`sslpin "`+tlsverify.PinOf(self.Leaf).String()+`"`) {
		t.Errorf("%s", lines)
	}
	if _, _, err := ShowServer(t.Context(), fleet{}.options(t, Options{Proto: "imap"})); err == nil {
		t.Error("saw something where nobody is")
	}
}

func TestServerRefusesNonsense(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{Host: host, Proto: "gopher"}, {Host: "a b", Proto: "imap"},
		{Proto: "imap"}} {
		if _, err := Server(t.Context(), o); err == nil {
			t.Errorf("checked %+v", o)
		}
	}
}

// TestCheckListAnchors: each check, and each link in a message, leads to a section that exists.
func TestCheckListAnchors(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../docs/server-checklist.md")
	if err != nil {
		t.Fatal(err)
	}

	for _, q := range requirements {
		if !bytes.Contains(doc, []byte("\n<a id=\""+q.check+"\"></a>\n")) {
			t.Errorf("docs/server-checklist.md has no section %q", q.check)
		}
	}

	for _, dir := range []string{"..", "."} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, f := range files {
			source, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`fetchd help ([a-z]+)`).FindAllSubmatch(source,
				-1) {
				if !bytes.Contains(doc, []byte("<a id=\""+string(m[1])+"\"></a>")) {
					t.Errorf("%s links to #%s, which does not exist", f, m[1])
				}
			}
		}
	}
}

// A peer that says nothing is told from one that can't be reached.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	for _, wrapped := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			r, err := Server(t.Context(), Options{Host: "127.0.0.1", Proto: "imap", Wrapped: wrapped,
				Dial: func(context.Context, string, string) (net.Conn, error) {
					ours, theirs := net.Pipe()
					go func() { _, _ = io.Copy(io.Discard, theirs) }()
					return ours, nil
				}})
			if err != nil {
				t.Fatal(err)
			}
			if got := text(t, r); !strings.Contains(got, "no answer within 15s\n") ||
				!strings.Contains(got, "hint: check host") {
				t.Errorf("wrapped %v:\n%s", wrapped, got)
			}
		})
	}
}
