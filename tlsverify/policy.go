// Package tlsverify answers one question: is this server the one the user meant?
//
// Policy says what must hold; it is the only maker of a tls.Config in the program. Package tlstest mints certificates
// for tests. There is no network code here but that of the server check-list.
package tlsverify

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
)

// Policy is what a server must prove before it is trusted. Use New. It is safe for concurrent use.
type Policy struct{ opt Options }

// Options describe a Policy. The zero value but for Host is safe: system roots, TLS 1.2 or newer, chain and identity
// checked.
type Options struct {
	Host string
}

// Verdict is what was found out about a server.
type Verdict struct{}

// New loads what the options name.
func New(o Options) (*Policy, error) { return &Policy{o}, nil }

// Client does the TLS handshake on conn.
func (p *Policy) Client(ctx context.Context, conn net.Conn) (*tls.Conn, *Verdict, error) {
	return nil, nil, errors.New("replaced")
}
