package status

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestCheckAddress(t *testing.T) {
	t.Parallel()
	for address, ok := range map[string]bool{
		"127.0.0.1:9250": true, "[::1]:9250": true, "localhost:0": true, "127.8.9.1:1": true,
		"unix:/run/x.sock": true,
		"":                 false, ":9250": false, "0.0.0.0:9250": false,
		"[::]:9250": false, "192.0.2.1:9250": false,
		"mail.example.org:9250": false, "127.0.0.1": false, "unix:x.sock": false, "unix:": false,
		"9250": false,
	} {
		if err := CheckAddress(address); (err == nil) != ok {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// TestWeb asks at a socket, where any name will do, and as if by TCP, where only this machine's own does.
func TestWeb(t *testing.T) {
	t.Parallel()
	stalled := ""
	report := Report{PID: 7, Started: noon, At: later, Accounts: []Account{
		{Name: `ann"\@h`, State: "ok", Success: noon, Messages: 3, Bytes: 300},
		{Name: "bob@h", Mailboxes: []string{"A\nB"}, State: "login refused", Trouble: true,
			Failure: &Failure{"login", "no", noon, later, 4}},
		{Name: "eve@h", State: "watching"},
		{Name: "zoe@h", State: "ok", Success: later, Certificates: make([]Certificate, 1)},
	}}
	path := filepath.Join(t.TempDir(), "web")
	s, err := ServeWeb("unix:"+path, Source{
		Report: func(func(string) bool) Report { return report }, Stalled: func() string { return stalled },
		Interval: 10 * time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	client := clientAt(path)
	defer client.CloseIdleConnections()

	for _, tt := range []struct {
		path string
		code int
		want string
	}{
		{"/metrics", 200, "fetchd_accounts 4\n"},
		{"/metrics", 200, "fetchd_accounts_in_trouble 1\n"},
		{"/metrics", 200, `fetchd_account_up{account="ann\"\\@h"} 1` + "\n"},
		{"/metrics", 200, `fetchd_account_up{account="bob@h",mailbox="A\nB"} 0` + "\n"},
		{"/metrics", 200, `fetchd_account_failures{account="bob@h",mailbox="A\nB",kind="login"} 4` + "\n"},
		{"/metrics", 200, `fetchd_account_messages_total{account="ann\"\\@h"} 3` + "\n"},
		{"/metrics", 200, `fetchd_account_state{account="eve@h",state="watching"} 1` + "\n"},
		{"/metrics", 200, "# TYPE fetchd_account_messages_total counter\n"},
		{"/metrics", 200,
			`fetchd_account_certificate_not_after_timestamp_seconds{account="zoe@h",subject=""} `},
		{"/status.json", 200, `"pid": 7`},
		{"/healthz", 200, "ok\n"},
		{"/readyz", 200, "ok\n"},
		{"/readyz?accounts", 503, `no success lately: ann"\@h, bob@h` + "\n"},
		{"/other", 404, "not found"},
	} {
		code, body := get(t, client, "http://anything"+tt.path)
		if code != tt.code || !strings.Contains(body, tt.want) {
			t.Errorf("%s: %d\n%s", tt.path, code, body)
		}
	}
	stalled = "ann@h"
	if code, body := get(t, client, "http://anything/healthz"); code != 503 ||
		!strings.Contains(body, "ann@h") {
		t.Errorf("%d, %s", code, body)
	}
}

// clientAt is a client of the socket at path, whatever host it asks.
func clientAt(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _,
		_ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
}

// Those that can't be answered now are answered later.
func TestWebAnswersMany(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "web")
	s, err := ServeWeb("unix:"+path, Source{Report: func(func(string) bool) Report { return Report{} }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, ok := s.listener.(limited); !ok {
		t.Errorf("it listens by %T", s.listener)
	}

	var clients sync.WaitGroup
	for range 4 * maxClients {
		clients.Go(func() {
			client := clientAt(path)
			defer client.CloseIdleConnections()
			if code, _ := get(t, client, "http://any/status.json"); code != 200 {
				t.Errorf("answer %d", code)
			}
		})
	}
	clients.Wait()
}

// A socket at which another program listens is not taken from it, and one that others could exchange is not
// used.
func TestWebSocketOfOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	source := Source{Report: func(func(string) bool) Report { return Report{} }}
	first, err := ServeWeb("unix:"+dir+"/web", source)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if second, err := ServeWeb("unix:"+dir+"/web", source); err == nil {
		second.Close()
		t.Error("a live socket was replaced")
	}
	if code, _ := get(t, clientAt(dir+"/web"), "http://any/status.json"); code != 200 {
		t.Errorf("the first answers %d", code)
	}

	open := filepath.Join(dir, "open")
	if err := errors.Join(os.Mkdir(open, 0o700), os.Chmod(open, 0o777)); err != nil {
		t.Fatal(err)
	}
	if s, err := ServeWeb("unix:"+open+"/web", source); err == nil {
		s.Close()
		t.Error("the socket is where all can exchange it")
	}
}

func get(t *testing.T, client *http.Client, url string) (code int, body string) {
	t.Helper()
	res, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.Header.Get("Content-Security-Policy") == "" || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: headers %v", url, res.Header)
	}
	return res.StatusCode, string(text)
}

func TestWebByOtherNames(t *testing.T) {
	t.Parallel()
	h := handler(Source{Report: func(func(string) bool) Report { return Report{} }}, true)
	for host, want := range map[string]int{
		"127.0.0.1:9250": 200, "[::1]:9250": 200, "localhost": 200, "::1": 200,
		"evil.example": 421, "evil.example:9250": 421, "127.0.0.1.evil.example": 421, "": 421,
	} {
		w := recorder{head: http.Header{}}
		r, err := http.NewRequest("GET", "/status.json", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		h.ServeHTTP(&w, r)
		if w.code != want {
			t.Errorf("%q: %d, want %d", host, w.code, want)
		}
	}
}

// recorder notes the code of an answer.
type recorder struct {
	head http.Header
	code int
}

func (r *recorder) Header() http.Header { return r.head }
func (r *recorder) WriteHeader(c int)   { r.code = c }
func (r *recorder) Write(p []byte) (int, error) {
	if r.code == 0 {
		r.code = 200
	}
	return len(p), nil
}
