package oauth

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"fetchd/cmd/fetchd/internal/web"
	"fetchd/fetch"
	"fetchd/tlsverify/hints"
)

// proxyEnvironment is the word for the proxy that HTTPS_PROXY and NO_PROXY name.
const proxyEnvironment = "environment"

// maxProxyAnswer bounds what a proxy says before the connection is there.
const maxProxyAnswer = 8 << 10

// CheckProxy returns an error for what is neither "environment" nor the address of an HTTP proxy.
func CheckProxy(text string) error {
	if text == proxyEnvironment {
		return nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" || u.Host == "" || u.Path != "" && u.Path != "/":
		return hints.Errorf(`write oauthproxy environment, or "http://host:port"`,
			"oauthproxy is no address of an HTTP proxy")
	case u.User != nil: // the address is shown; the environment's is not
		return hints.Errorf("write oauthproxy environment, and set HTTPS_PROXY",
			"oauthproxy holds a user or a password")
	}
	return nil
}

// proxy is where to ask for a connection to addr; nil = the way is direct.
func (c Client) proxy(addr string) (*url.URL, error) {
	switch c.Proxy {
	case "":
		return nil, nil
	case proxyEnvironment:
		u, err := http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: "https", Host: addr}})
		// Without the error, which may repeat a password.
		if err != nil || u != nil && u.Scheme != "http" {
			return nil, fetch.Fail(fetch.KindConfig, hints.Errorf(`set it to "http://HOST:PORT"`,
				"HTTPS_PROXY is no address of an HTTP proxy"))
		}
		return u, nil
	}
	return url.Parse(c.Proxy)
}

// dial connects to addr, through the client's proxy if there is one. A proxy gets nothing but the provider's
// name: TLS goes through it.
func (c Client) dial(ctx context.Context, addr string) (net.Conn, error) {
	proxy, err := c.proxy(addr)
	if err != nil {
		return nil, err
	}
	if proxy == nil {
		return web.Connect(ctx, addr)
	}

	port := proxy.Port()
	if port == "" {
		port = "80"
	}
	conn, err := web.Connect(ctx, net.JoinHostPort(proxy.Hostname(), port))
	if err == nil {
		if err = askProxy(ctx, conn, proxy.User, addr); err == nil {
			return conn, nil
		}
		_ = conn.Close()
	}
	return nil, fetch.Fail(fetch.KindNetwork, fmt.Errorf("oauthproxy %s: %w", proxy.Host, err))
}

// askProxy has the proxy connect conn to addr (RFC 9110 section 9.3.6).
func askProxy(ctx context.Context, conn net.Conn, user *url.Userinfo, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, web.Timeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })

	login := ""
	if user != nil {
		password, _ := user.Password()
		login = "Proxy-Authorization: Basic " +
			base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)) + "\r\n"
	}
	_, err := fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", addr, addr, login)
	if err != nil {
		return err
	}

	from := bufio.NewReader(io.LimitReader(conn, maxProxyAnswer))
	resp, err := http.ReadResponse(from, &http.Request{Method: http.MethodConnect})
	switch {
	case err != nil:
		return fmt.Errorf("it gives no answer: %w", err)
	case resp.StatusCode == http.StatusProxyAuthRequired:
		return hints.Errorf("write oauthproxy environment, and set HTTPS_PROXY to "+
			`"http://USER:PASSWORD@HOST:PORT"`, "it wants a login")
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("it answers %d", resp.StatusCode)
	// A provider is silent until we speak, so this would be from the proxy, and before TLS.
	case from.Buffered() > 0:
		return errors.New("it says more than its answer")
	case !stop():
		return ctx.Err()
	}
	return nil
}

// web says how the provider is asked: through no proxy but c's.
func (c Client) web() web.Options {
	return web.Options{CAFile: c.CertFile, Keyword: "oauthcertfile", Dial: c.dial}
}

// newHTTPClient makes the client for all requests to the provider.
func (c Client) newHTTPClient() *http.Client {
	client := web.NewClient(c.web())
	client.Transport = answers{client.Transport}
	return client
}
