package oauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"fetchd/delivery/ownfile"
	"fetchd/fetch"
	"fetchd/fetch/wire"
	"fetchd/tlsverify"
)

// Bounds of a request. An answer is a token or two of some kilobytes.
const (
	requestTimeout = 20 * time.Second
	maxAnswer      = 64 << 10
)

// newHTTPClient makes the client for all requests to the provider. It follows no redirect, which would carry
// a refresh token elsewhere, uses no proxy but c's, keeps no connection, and speaks TLS by our own rules.
func (c Client) newHTTPClient() *http.Client {
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
			return c.dialTLS(ctx, dialer, addr)
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
func (c Client) dialTLS(ctx context.Context, dialer *net.Dialer, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if err := c.checkCertFile(); err != nil {
		return nil, fetch.Fail(fetch.KindConfig, err)
	}
	policy, err := tlsverify.New(tlsverify.Options{
		Host: host, CAFile: c.CertFile, ALPN: []string{"http/1.1"},
	})
	if err != nil {
		return nil, fetch.Fail(fetch.KindConfig, fmt.Errorf("oauthcertfile: %w", err))
	}

	conn, err := c.dial(ctx, dialer, addr)
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

// checkCertFile returns an error if others could have written the file that says whom to trust.
func (c Client) checkCertFile() error {
	if c.CertFile == "" {
		return nil
	}
	f, err := ownfile.Read(c.CertFile)
	if err != nil {
		return fmt.Errorf("oauthcertfile: %w", err)
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
