package tlsverify

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"fetchd/tlsverify/hints"
	"fetchd/tlsverify/tlstest"
)

func enter(t *testing.T, conn net.Conn, ask, until string) {
	t.Helper()
	if ask == "" {
		return
	}

	r := bufio.NewReader(conn)
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, ask); err != nil {
		t.Fatal(err)
	}

	line, err := r.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, until) || r.Buffered() > 0 {
		t.Fatalf("STARTTLS answered %q, %v", line, err)
	}
}

const secret = "LOGIN ann open-sesame\r\n"

func login(t *testing.T, p *Policy, conn net.Conn) (*Verdict, error) {
	t.Helper()
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tc, v, err := p.Client(ctx, conn)
	if err != nil {
		return v, err
	}

	defer tc.Close()
	if _, err := io.WriteString(tc, secret); err != nil {
		t.Error(err)
	}

	return v, nil
}

// checkMessage: one bounded line that ends in a next step.
func checkMessage(t *testing.T, err error) {
	t.Helper()
	text := err.Error()
	if strings.ContainsAny(text, "\x00\r\n\x1b") || len(text) > 4000 || strings.Count(text, "; hint: ") != 1 {
		t.Errorf("message: %q", text)
	}
	if hint := hints.Of(err); hint == "" || !strings.HasSuffix(text, "; hint: "+hint) {
		t.Errorf("the hint %q does not end %q", hint, text)
	}

	for _, d := range Details(err) {
		if strings.ContainsAny(d, "\x00\r\n\x1b") {
			t.Errorf("detail: %q", d)
		}
	}
}

func policy(t *testing.T, o Options) *Policy {
	t.Helper()
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// meet connects p to a server with cert.
func meet(t *testing.T, p *Policy, cert tls.Certificate) (*Verdict, error) {
	t.Helper()
	return meetConfig(t, p, tlstest.ServerConfig(cert))
}

func meetConfig(t *testing.T, p *Policy, cfg *tls.Config) (*Verdict, error) {
	t.Helper()
	srv := &tlstest.Server{Config: cfg}
	v, err := login(t, p, srv.Pipe())
	if got, _ := srv.Wait(); err != nil && len(got) > 0 {
		t.Errorf("refused server saw %q", got)
	}
	return v, err
}
