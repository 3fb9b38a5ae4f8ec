package account

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"strings"
	"testing"

	"fetchd/fetch"
	"fetchd/rcfile"
	"fetchd/tlsverify/tlstest"
)

// records is a resolver that knows what it holds, by service.
type records map[string][]*net.SRV

func (r records) LookupSRV(_ context.Context, service, _, _ string) (string, []*net.SRV, error) {
	if len(r[service]) == 0 {
		return "", nil, &net.DNSError{Err: "no such host", IsNotFound: true}
	}
	return "", r[service], nil
}

func newDiscoverer(dns records) *Resolver {
	return New(Environment{Getenv: environment(), Log: slog.New(slog.DiscardHandler), DNS: dns})
}

// The server that DNS names must have a certificate for the domain; its own name counts for nothing.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	for _, tt := range []struct {
		name string
		leaf tlstest.Leaf
		want string
	}{
		{"certificate for the domain", tlstest.Leaf{DNS: []string{"example.net"}}, "not an IMAP greeting"},
		{"certificate for the host that DNS named",
			tlstest.Leaf{DNS: []string{"localhost"}}, `certificate is for "localhost"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			srv := &tlstest.Server{
				Config: tlstest.ServerConfig(ca.Leaf(tt.leaf)),
				After:  func(tc *tls.Conn) error { _, err := tc.Write([]byte("hello\r\n")); return err },
			}
			go func() {
				if conn, err := ln.Accept(); err == nil {
					srv.Start(conn)
				}
			}()

			r := newDiscoverer(records{
				"imaps": {{Target: "localhost.", Port: uint16(ln.Addr().(*net.TCPAddr).Port)}},
			})
			a := &fetch.Account{
				Name: "a", Log: r.env.Log, Server: fetch.Server{Protocol: fetch.IMAP, TLS: fetch.Wrapped},
			}
			u := &rcfile.User{SSLCertFile: rcfile.Some(ca.File(t))}
			if err := r.setDiscovery(a, &rcfile.Poll{Name: "example.net"}, u); err != nil {
				t.Fatal(err)
			}

			_, err = a.Connect(t.Context(), a) // the peer is no IMAP server
			if err == nil || !strings.Contains(err.Error(), tt.want) ||
				!strings.Contains(err.Error(), "_imaps._tcp.example.net: localhost:") {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestDiscoveryWithoutRecords(t *testing.T) {
	t.Parallel()
	r := newDiscoverer(records{})
	a := &fetch.Account{Log: r.env.Log, Server: fetch.Server{Protocol: fetch.IMAP}}
	if err := r.setDiscovery(a, &rcfile.Poll{Name: "example.net"}, &rcfile.User{}); err != nil {
		t.Fatal(err)
	}
	_, err := a.Connect(t.Context(), a)
	if err == nil || !strings.Contains(err.Error(), "no SRV records") {
		t.Errorf("error %v", err)
	}
}
