// Package web makes the only HTTP client of the program: bounded, over TLS by our own rules, and without
// proxies of its own accord.
package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"fetchd/delivery/ownfile"
	"fetchd/fetch"
	"fetchd/fetch/wire"
	"fetchd/tlsverify"
)

// Bounds of a request. An answer is a token or two, or a description of servers, of some kilobytes.
const (
	Timeout   = 20 * time.Second
	MaxAnswer = 64 << 10
)

// Options say whom a client trusts and how it connects.
type Options struct {
	CAFile  string                                                   // "" = the system's certificates
	Keyword string                                                   // that names CAFile, for errors
	Dial    func(ctx context.Context, addr string) (net.Conn, error) // nil = Connect
}

// NewClient makes a client. It follows no redirect, which would carry a refresh token elsewhere, uses no
// proxy, keeps no connection, and speaks TLS by our own rules.
func NewClient(o Options) *http.Client {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			// Checked here too, and not only where addresses are read: whatever address gets this far, a
			// token does not go there in clear text.
			if host, _, err := net.SplitHostPort(addr); err != nil || !wire.IsLoopback(host) {
				return nil, fmt.Errorf("%s: nothing is sent there without TLS", addr)
			}
			return Connect(ctx, addr)
		},
		DialTLSContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			return o.dialTLS(ctx, addr)
		},
		DisableKeepAlives:      true, // a request that meets a dead connection might be sent again
		DisableCompression:     true,
		MaxResponseHeaderBytes: MaxAnswer,
	}

	return &http.Client{
		Transport: bounded{transport}, Timeout: Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// dialTLS connects to a server, which must prove its name.
func (o Options) dialTLS(ctx context.Context, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if err := o.CheckCAFile(); err != nil {
		return nil, fetch.Fail(fetch.KindConfig, err)
	}
	policy, err := tlsverify.New(tlsverify.Options{
		Host: host, CAFile: o.CAFile, ALPN: []string{"http/1.1"},
	})
	if err != nil {
		return nil, fetch.Fail(fetch.KindConfig, fmt.Errorf("%s: %w", o.Keyword, err))
	}

	dial := o.Dial
	if dial == nil {
		dial = Connect
	}
	conn, err := dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	secure, _, err := policy.Client(ctx, conn)
	if err != nil {
		_ = conn.Close()
		return nil, fetch.Fail(kindOfHandshake(ctx, err), err)
	}
	return secure, nil
}

// Connect makes a connection over TCP, as one to a mail server is made. Its error is a *wire.DialError.
func Connect(ctx context.Context, addr string) (net.Conn, error) {
	host, digits, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, &wire.DialError{Err: err}
	}
	port, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return nil, &wire.DialError{Err: &net.AddrError{Err: "no such port", Addr: addr}}
	}

	return wire.Dial(ctx, host, int(port), "", Timeout)
}

// CheckCAFile returns an error if others could have written the file that says whom to trust.
func (o Options) CheckCAFile() error {
	if o.CAFile == "" {
		return nil
	}
	f, err := ownfile.Read(o.CAFile)
	if err != nil {
		return fmt.Errorf("%s: %w", o.Keyword, err)
	}
	return f.Close()
}

func kindOfHandshake(ctx context.Context, err error) fetch.Kind {
	if ctx.Err() != nil || wire.IsTimeout(err) || errors.Is(err, io.EOF) {
		return fetch.KindNetwork
	}
	return fetch.KindTLS
}

// bounded bounds the answers of a transport.
type bounded struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(req)
	if err == nil {
		// The library has a limit of its own, but not the document that discovery reads.
		resp.Body = &boundedBody{ReadCloser: resp.Body, left: MaxAnswer}
	}
	return resp, err
}

type boundedBody struct {
	io.ReadCloser
	left int
}

var errLongAnswer = fmt.Errorf("the answer is longer than %d bytes", MaxAnswer)

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLongAnswer
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
