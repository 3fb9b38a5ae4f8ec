package oauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/wire"
	"fetchd/tlsverify"
)

// Bounds of a request. An answer is a token or two of some kilobytes.
const (
	requestTimeout = 20 * time.Second
	maxAnswer      = 64 << 10
)

// newHTTPClient makes the client for all requests. It follows no redirect, which would carry a refresh token
// elsewhere, uses no proxy, keeps no connection, and speaks TLS by our own rules. Providers must prove their
// names by the certificates in caFile; "" = the system's.
func newHTTPClient(caFile string) *http.Client {
	dialer := &net.Dialer{Timeout: requestTimeout}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			// Checked here too, and not only in CheckURL: whatever address gets this far, a token does not go
			// there in clear text.
			if host, _, err := net.SplitHostPort(addr); err != nil || !wire.IsLoopback(host) {
				return nil, fmt.Errorf("%s: nothing is sent there without TLS", addr)
			}
			return dialer.DialContext(ctx, network, addr)
		},
		DialTLSContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			return dialTLS(ctx, dialer, addr, caFile)
		},
		DisableKeepAlives:      true, // a request that meets a dead connection might be sent again
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxAnswer,
	}

	return &http.Client{
		Transport: bounded{transport}, Timeout: requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// dialTLS connects to a provider, which must prove its name.
func dialTLS(ctx context.Context, dialer *net.Dialer, addr, caFile string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	policy, err := tlsverify.New(tlsverify.Options{Host: host, CAFile: caFile, ALPN: []string{"http/1.1"}})
	if err != nil {
		return nil, err
	}

	conn, err := dialer.DialContext(ctx, "tcp", addr)
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
		resp.Body = &boundedBody{ReadCloser: resp.Body, left: maxAnswer}
	}
	return resp, err
}

type boundedBody struct {
	io.ReadCloser
	left int
}

var errLongAnswer = fmt.Errorf("the answer is longer than %d bytes", maxAnswer)

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLongAnswer
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
