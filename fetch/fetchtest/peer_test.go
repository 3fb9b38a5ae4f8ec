package fetchtest

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func selfSigned(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1)},
		&x509.Certificate{SerialNumber: big.NewInt(1)}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// talk is a client that reads a line, or sends what it is given, as the steps say.
func talk(t *testing.T, conn net.Conn, steps ...string) {
	t.Helper()
	r := bufio.NewReader(conn)
	for _, s := range steps {
		want, reads := strings.CutPrefix(s, "<")
		if !reads {
			if _, err := io.WriteString(conn, s); err != nil {
				t.Errorf("write %q: %v", s, err)
			}
			continue
		}
		if got, err := r.ReadString('\n'); got != want+"\r\n" {
			t.Errorf("read %q, %v; want %q", got, err, want)
		}
	}
}

const greeting = `
# a comment
S: +OK hello
C: CAPA
C: ~^A[0-9]+$
C*
C<3
S< a\x41\r\nb
S*3 x"
S: .
`

func TestPeerPlays(t *testing.T) {
	t.Parallel()
	for _, over := range []string{"pipe", "tcp"} {
		t.Run(over, func(t *testing.T) {
			t.Parallel()
			p := NewPeer(t, greeting, nil)
			var conn net.Conn
			if over == "pipe" {
				conn = p.Pipe()
			} else {
				var err error
				if conn, err = net.Dial("tcp", p.Listen().String()); err != nil {
					t.Fatal(err)
				}
			}
			talk(t, conn, "<+OK hello", "CAPA\r\nA12\r\nwhat", "ever\r\nxyz", "<aA", `<bx"x"x".`)
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
			if err := p.Done(); err != nil {
				t.Error(err)
			}
			if want := "CAPA\r\nA12\r\nwhatever\r\nxyz"; p.Clear() != want || p.Heard() != want {
				t.Errorf("heard %q and %q", p.Clear(), p.Heard())
			}
		})
	}
}

func TestPeerOverTLS(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := NewPeer(t, "S: hello\nC: STLS\nS: +OK\nTLS\nS: secret\nC: quit", selfSigned(t))
		conn := p.Pipe()
		talk(t, conn, "<hello", "STLS\r\n", "<+OK")
		secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
		talk(t, secure, "<secret", "quit\r\n")
		_ = conn.Close()
		if err := p.Done(); err != nil {
			t.Error(err)
		}
		if !strings.HasPrefix(p.Clear(), "STLS\r\n") || strings.Contains(p.Clear(), "quit") {
			t.Errorf("in clear text: %q", p.Clear())
		}
		if p.Heard() != "STLS\r\nquit\r\n" {
			t.Errorf("heard %q", p.Heard())
		}
	})
}

func TestPeerRefusedHandshake(t *testing.T) {
	t.Parallel()
	p := NewPeer(t, "TLS refused", selfSigned(t))
	conn := p.Pipe()
	if err := tls.Client(conn, &tls.Config{ServerName: "other"}).Handshake(); err == nil {
		t.Error("handshake succeeded")
	}
	_ = conn.Close()
}

func TestPeerFindsMismatches(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, script, client, want string }{
		{"another line", "\nC: CAPA", "STLS\r\n", `line 2 (C: CAPA): the client says "STLS"`},
		{"no match", "C: ~^a", "b\r\n", "line 1"},
		{"bare LF", "C: a", "a\n", "CRLF"},
		{"too much", "C: a", "a\r\nb\r\n", `at its end: the client says "b`},
		{"left early", "C: a\nC: b", "a\r\n", "line 2 (C: b): the client left"},
		{"too early for TLS", "C: a\nTLS", "a\r\nb\r\n", "before the handshake"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := &Peer{t: t}
			var err error
			if p.steps, err = parseDialogue(tt.script); err != nil {
				t.Fatal(err)
			}
			conn := p.Pipe()
			_, _ = io.WriteString(conn, tt.client)
			_ = conn.Close()
			if err := p.Done(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestPeerNeverEnds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		script  string
		bytes   int
		atMost  time.Duration
		atLeast time.Duration
	}{
		{"ENDLESS a", 100_000, 0, 0},
		{"ENDLESS 1 2\\r\\n", 100_000, 0, 0},
		{"DRIP 1m ab", 3, 3 * time.Minute, 3 * time.Minute},
		{"WAIT 90s\nS: a", 3, 90 * time.Second, 90 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.script, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				conn := NewPeer(t, tt.script, nil).Pipe()
				if _, err := io.ReadFull(conn, make([]byte, tt.bytes)); err != nil {
					t.Error(err)
				}
				if d := time.Since(start); d < tt.atLeast || d > tt.atMost {
					t.Errorf("took %v", d)
				}
				_ = conn.Close()
			})
		})
	}
}

func TestPeerStalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		conn := NewPeer(t, "STALL", nil).Pipe()
		_ = conn.SetReadDeadline(time.Now().Add(time.Hour))
		if n, err := conn.Read(make([]byte, 1)); err == nil {
			t.Errorf("read %d bytes", n)
		}
		_ = conn.Close()
	})
}

func TestMalformedDialogues(t *testing.T) {
	t.Parallel()
	for i, script := range []string{
		"X", "S*x a", "C: ~(", "C<y", "WAIT soon", "DRIP x", "DRIP 1s", "ENDLESS", `S< \q`,
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			if steps, err := parseDialogue(script); err == nil {
				t.Errorf("%q gives %v", script, steps)
			}
		})
	}
}
