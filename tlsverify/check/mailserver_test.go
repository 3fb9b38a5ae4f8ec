package check

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"fetchd/tlsverify/tlstest"
)

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
		if conn = m.answerHello(conn, r); conn == nil {
			return
		}
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

// answerHello chooses m.other if it is offered. If not, and there is m.cfg, it returns conn as it was.
func (m mailServer) answerHello(conn net.Conn, r io.Reader) net.Conn {
	record := make([]byte, 5)
	if _, err := io.ReadFull(r, record); err != nil {
		return nil
	}
	hello := make([]byte, binary.BigEndian.Uint16(record[3:]))
	if _, err := io.ReadFull(r, hello); err != nil {
		return nil
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
			return nil
		}
	}
	if m.cfg != nil {
		return replayed{conn, io.MultiReader(bytes.NewReader(record), bytes.NewReader(hello), r)}
	}
	_, _ = conn.Write([]byte{21, 3, 3, 0, 2, 2, 40}) // handshake_failure
	return nil
}

// replayed is a connection of which some bytes were read already.
type replayed struct {
	net.Conn
	from io.Reader
}

func (r replayed) Read(p []byte) (int, error) { return r.from.Read(p) }

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
