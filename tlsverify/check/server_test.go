package check

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/netip"
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

// mailServer answers as far as the check-list asks, in any protocol, and remembers what it was told.
type mailServer struct {
	cfg      *tls.Config
	d        dialect
	wrapped  bool
	greeting string // "" = a good one
	silent   bool   // STARTTLS not among the capabilities
	refuse   bool
	early    string // clear text after the answer to STARTTLS
	other    uint16 // the only cipher suite, one that crypto/tls does not have; 0 = cfg's
	leaky    bool   // what came in clear text after STARTTLS is carried out inside TLS
	told     chan string
}

func (m mailServer) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	if !m.wrapped && !m.clear(conn, r) {
		return
	}

	var left []byte
	if m.leaky {
		left, _ = r.Peek(r.Buffered())
	}

	if m.other != 0 {
		m.answerHello(conn, r)
		return
	}

	tc := tls.Server(conn, m.cfg)
	if tc.Handshake() != nil {
		return
	}

	defer tc.Close()
	if m.d.name == "sieve" {
		_, _ = io.WriteString(tc, "\"SASL\" \"PLAIN\"\r\nOK\r\n")
	}

	m.inside(tc, bufio.NewReader(io.MultiReader(bytes.NewReader(left), tc)))
}

// answerHello chooses m.other if it is offered.
func (m mailServer) answerHello(conn net.Conn, r io.Reader) {
	record := make([]byte, 5)
	if _, err := io.ReadFull(r, record); err != nil {
		return
	}
	hello := make([]byte, binary.BigEndian.Uint16(record[3:]))
	if _, err := io.ReadFull(r, hello); err != nil {
		return
	}

	const suites = 4 + 2 + 32 // handshake header, version, random
	at := suites + 1 + int(hello[suites])
	offered := hello[at+2:][:binary.BigEndian.Uint16(hello[at:])]
	for i := 0; i < len(offered); i += 2 {
		if binary.BigEndian.Uint16(offered[i:]) == m.other {
			body := append([]byte{2, 0, 0, 38, 3, 3}, make([]byte, 33)...) // ServerHello, no session
			body = append(binary.BigEndian.AppendUint16(body, m.other), 0)
			_, _ = conn.Write(append([]byte{22, 3, 3, 0, byte(len(body))}, body...))
			_, _ = io.Copy(io.Discard, r)
			return
		}
	}
	_, _ = conn.Write([]byte{21, 3, 3, 0, 2, 2, 40}) // handshake_failure
}

// clear is the dialogue before TLS.
func (m mailServer) clear(conn net.Conn, r *bufio.Reader) bool {
	greeting := map[string]string{"imap": "* OK hello\r\n", "pop3": "+OK hello\r\n",
		"smtp":       "220-first\r\n220 second\r\n",
		"submission": "220 hello\r\n", "lmtp": "220 hello\r\n",
		"sieve": "\"IMPLEMENTATION\" \"x\"\r\n\"STARTTLS\"\r\nOK\r\n"}[m.d.name]
	if m.greeting != "" {
		greeting = m.greeting
	}
	if m.silent {
		greeting = strings.ReplaceAll(greeting, "\"STARTTLS\"\r\n", "")
	}
	if _, err := io.WriteString(conn, greeting); err != nil {
		return false
	}

	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return false
		}
		m.told <- strings.TrimSpace(line)
		if !strings.Contains(line, m.d.start) {
			_, _ = io.WriteString(conn, m.offers())
			continue
		}
		if m.refuse {
			_, _ = io.WriteString(conn, map[string]string{"imap": "b NO not now\r\n",
				"pop3": "-ERR not now\r\n"}[m.d.name])
			return false
		}
		_, err = io.WriteString(conn, m.d.started+" go on\r\n"+m.early)
		return err == nil
	}
}

func (m mailServer) offers() string {
	offer := m.d.offer
	if m.silent {
		offer = "NOTHING"
	}
	switch m.d.name {
	case "imap":
		return "* CAPABILITY IMAP4rev1 " + offer + "\r\na OK done\r\n"
	case "pop3":
		return "+OK\r\n" + offer + "\r\n.\r\n"
	}
	return "250-localhost\r\n250-" + offer + "\r\n250 8BITMIME\r\n"
}

func (m mailServer) inside(w io.Writer, r *bufio.Reader) {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		m.told <- line
		answer := map[string]string{"imap": line[:1] + " OK done\r\n", "pop3": "-ERR what\r\n",
			"sieve": "OK\r\n"}[m.d.name]
		if answer == "" {
			answer = "250 fine\r\n"
		}
		if m.d.name == "sieve" && strings.HasPrefix(line, "NOOP") {
			answer = "OK (TAG {8}\r\n\"injected\") \"done\"\r\n"
		}
		_, _ = io.WriteString(w, answer)
		if line == m.d.quit {
			return
		}
	}
}

// fleet are servers by address.
type fleet map[string]mailServer

func (f fleet) options(t *testing.T, o Options) Options {
	o.Dial = func(_ context.Context, _, addr string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		m, ok := f[host]
		if !ok {
			return nil, errors.New("connection refused")
		}
		c, s := tlstest.BufferedPipe()
		go m.serve(s)
		return c, nil
	}

	o.Resolve = func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}, nil
	}

	o.Host = host
	o.Timeout = 10 * time.Second
	return o
}

func (f fleet) check(t *testing.T, o Options) *Report {
	t.Helper()
	r, err := Server(t.Context(), f.options(t, o))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range f {
		f.mute(t, m)
	}
	return r
}

// mute checks that nothing was said that needs an account.
func (f fleet) mute(t *testing.T, m mailServer) {
	t.Helper()
	harmless := regexp.MustCompile(`^([a-d] )?(CAPABILITY|CAPA|STARTTLS|STLS|NOOP|NOOP "injected"|` +
		`LOGOUT|QUIT|EHLO localhost|LHLO localhost)$`)
	for len(m.told) > 0 {
		if line := <-m.told; !harmless.MatchString(line) {
			t.Errorf("the check said %q", line)
		}
	}
}

// twins is a fleet of two addresses with the same server.
func twins(m mailServer) fleet {
	m.told = make(chan string, 1000)
	return fleet{"192.0.2.1": m, "2001:db8::1": m}
}

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
