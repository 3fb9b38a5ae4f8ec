package oauth

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"fetchd/fetch"
	"fetchd/tlsverify/tlstest"
)

// startProxy is a proxy that makes a tunnel, or gives the answer instead. asked gets the target of each
// request.
func startProxy(t *testing.T, answer string) (address string, asked <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	targets := make(chan string, 8)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go tunnel(conn, answer, targets)
		}
	}()
	return "http://" + l.Addr().String(), targets
}

func tunnel(conn net.Conn, answer string, asked chan<- string) {
	defer conn.Close()
	from := bufio.NewReader(conn)
	req, err := http.ReadRequest(from)
	if err != nil {
		return
	}
	asked <- req.Method + " " + req.Host
	if answer != "" {
		_, _ = io.WriteString(conn, answer)
		return
	}

	to, err := net.Dial("tcp", req.Host)
	if err != nil {
		return
	}
	defer to.Close()
	_, _ = io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() { _, _ = io.Copy(to, from) }()
	_, _ = io.Copy(conn, to)
}

// A proxy makes a tunnel through which the provider proves its name, or its answer is the error.
func TestProxy(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"x","token_type":"Bearer","expires_in":3600}`)
	}))
	s.TLS = tlstest.ServerConfig(ca.Leaf(tlstest.Leaf{IP: []string{"127.0.0.1"}}))
	s.Config.ErrorLog = discardedLog()
	s.StartTLS()
	t.Cleanup(s.Close)

	for _, tt := range []struct{ name, answer, says string }{
		{"a tunnel", "", ""},
		{"wants a login", "HTTP/1.1 407 No\r\n\r\n", "it wants a login; hint: write oauthproxy environment"},
		{"refuses", "HTTP/1.1 403 No\r\n\r\n", "it answers 403"},
		{"speaks for the provider", "HTTP/1.1 200 OK\r\n\r\n\x16\x03\x03", "it says more than its answer"},
		{"is no proxy", "220 mail ESMTP\r\n", "it gives no answer"},
		{"never ends", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxProxyAnswer), "it gives no answer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			proxy, asked := startProxy(t, tt.answer)
			k := &Keeper{Dir: t.TempDir() + "/oauth", Providers: map[string]provider{"x": {Token: s.URL}}}
			c := Client{Account: "ann@mail", Provider: "x", ID: "mail", Flow: FlowApp, Secret: secretOf("s"),
				CertFile: ca.File(t), Proxy: proxy}
			_, err := k.Token(t.Context(), c)
			if tt.says == "" && err != nil || tt.says != "" && (fetch.KindOf(err) != fetch.KindNetwork ||
				!strings.Contains(err.Error(), tt.says)) {
				t.Error(err)
			}
			if got, want := <-asked, "CONNECT "+strings.TrimPrefix(s.URL, "https://"); got != want {
				t.Errorf("it was asked to %s, want %s", got, want)
			}
		})
	}
}

func TestCheckProxy(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"environment": true, "http://proxy.example.org:3128": true, "http://proxy.example.org/": true,
		"": false, "proxy:3128": false, "https://proxy:3128": false, "socks5://proxy": false,
		"http://ann:sesame@proxy": false, "http://proxy/x": false, "http://": false,
	} {
		err := CheckProxy(text)
		if (err == nil) != ok || err != nil && strings.Contains(err.Error(), "sesame") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A file that says whom to trust is refused if others can write it, and named if it is missing.
func TestCertFile(t *testing.T) {
	t.Parallel()
	k := &Keeper{Dir: t.TempDir() + "/oauth",
		Providers: map[string]provider{"x": {Token: "https://127.0.0.1:1"}}}
	c := Client{Account: "ann@mail", Provider: "x", ID: "mail", Flow: FlowApp, Secret: secretOf("s"),
		CertFile: t.TempDir() + "/none"}
	for _, err := range []error{k.Check(c), second(k.Token(t.Context(), c))} {
		if err == nil || !strings.Contains(err.Error(), "oauthcertfile: open") {
			t.Error(err)
		}
	}
}

func second(_ string, err error) error { return err }
