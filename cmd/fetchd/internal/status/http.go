package status

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"fetchd/fetch/schedule"
	"fetchd/tlsverify/hints"
)

// WebServer answers monitoring programs by HTTP. Close ends it.
type WebServer struct {
	listener net.Listener
	server   *http.Server
	serving  sync.WaitGroup
}

// Source is what a WebServer tells.
type Source struct {
	// Report tells the whole of those accounts for which whole is true; nil = of none.
	Report func(whole func(account string) bool) Report
	// Stalled names the account at which the daemon is stuck; "" = none.
	Stalled func() string
	// Interval is the time between two retrievals of an account.
	Interval time.Duration
	// Hours are the last ones of all accounts together; nil = there is no page for people.
	Hours func() []schedule.Hour
}

// CheckAddress returns why a WebServer can't listen at address: "unix:PATH", or a port of this machine
// itself, which nobody elsewhere can reach.
func CheckAddress(address string) error {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		if !strings.HasPrefix(path, "/") {
			return hints.Errorf("write unix:/PATH", "metrics %q has no full path", address)
		}
		return nil
	}

	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return hints.Errorf("write 127.0.0.1:9250 or unix:/PATH",
			"metrics %q is no address with a port", address)
	}
	if !isLoopback(host) {
		return hints.Errorf("write 127.0.0.1 or unix:/PATH, and put a web server with a password before it",
			"metrics %q can be reached from other machines", address)
	}
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// ServeWeb listens at an address that CheckAddress lets pass. The group of a unix socket may connect too, so
// that a web server can be let in.
func ServeWeb(address string, source Source) (*WebServer, error) {
	if err := CheckAddress(address); err != nil {
		return nil, err
	}

	var l net.Listener
	var err error
	path, isUnix := strings.CutPrefix(address, "unix:")
	if isUnix {
		// For the group too: the program that collects metrics is another user's, and has the group for this.
		l, err = listenUnix(path, 0o660)
	} else {
		l, err = net.Listen("tcp", address)
	}
	if err != nil {
		return nil, fmt.Errorf("serve metrics: %w", err)
	}

	s := &WebServer{listener: limited{l, make(chan struct{}, maxClients)}, server: &http.Server{
		Handler:           handler(source, !isUnix),
		ReadHeaderTimeout: patience, ReadTimeout: patience, WriteTimeout: 6 * patience,
		MaxHeaderBytes: 16 << 10,
		ErrorLog:       log.New(io.Discard, "", 0), // of clients' mistakes, and without our form
	}}
	// A connection that waits for its next request would have a place that others need.
	s.server.SetKeepAlivesEnabled(false)
	s.serving.Go(func() { _ = s.server.Serve(s.listener) })
	return s, nil
}

// maxClients is how many are answered at once: any user of this machine can connect to a port.
const maxClients = 8

// Close ends the server, and what it is answering.
func (s *WebServer) Close() {
	if s != nil {
		_ = s.server.Close()
		s.serving.Wait()
	}
}

// handler answers. With checkHost, only those that call this machine by its own name: a page of the web could
// otherwise make a browser on this machine read the answers, by a name that leads here (DNS rebinding).
func handler(source Source, checkHost bool) http.Handler {
	mux := http.NewServeMux()
	if source.Hours != nil {
		p := newPage(source)
		mux.HandleFunc("GET /{$}", p.overview)
		mux.HandleFunc("GET /account", p.account)
	}
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		report := source.Report(nil)
		answer(w, "text/plain; version=0.0.4; charset=utf-8", report.WriteMetrics)
	})
	mux.HandleFunc("GET /status.json", func(w http.ResponseWriter, _ *http.Request) {
		report := source.Report(nil)
		answer(w, "application/json", report.JSON)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if account := source.Stalled(); account != "" {
			http.Error(w, "stands still at "+account, http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", source.ready)

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if checkHost && !isLoopback(strings.Trim(host, "[]")) {
			http.Error(w, "not by this name", http.StatusMisdirectedRequest)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// headers are those of each answer: no page of another place may read, show or keep it, or learn of it.
var headers = map[string]string{
	"Content-Security-Policy":      "default-src 'none'; frame-ancestors 'none'",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Cache-Control":                "no-store",
	"Referrer-Policy":              "no-referrer",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Cross-Origin-Opener-Policy":   "same-origin",
}

// answer sends what write writes.
func answer(w http.ResponseWriter, kind string, write func(io.Writer) error) {
	w.Header().Set("Content-Type", kind)
	_ = write(w) // an error is of the connection, and there is nobody to tell
}

// overdue is how many intervals may pass without a success.
const overdue = 3

// ready says that the daemon runs; with ?accounts, only if every account has had a success lately.
func (s Source) ready(w http.ResponseWriter, r *http.Request) {
	var late []string
	if r.URL.Query().Has("accounts") {
		report := s.Report(nil)
		for _, a := range report.Accounts {
			last := a.Success
			// A new daemon gets the same time for its first success.
			if last.IsZero() {
				last = report.Started
			}

			if report.At.Sub(last) > overdue*s.Interval &&
				(a.Trouble || a.State != schedule.Watched.String()) {
				late = append(late, a.Name)
			}
		}
	}

	if len(late) > 0 {
		http.Error(w, "no success lately: "+strings.Join(late, ", "), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}
