package fetch_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
	"fetchd/fetch/imap"
	"fetchd/fetch/journal"
	"fetchd/fetch/pop3"
	"fetchd/tlsverify"
)

// accountOn is an account of user on d, reached at port, that delivers into a new Maildir.
func accountOn(tb testing.TB, d *fetchtest.Dovecot, p fetch.Protocol, user string, port int) *fetch.Account {
	tb.Helper()
	policy, err := tlsverify.New(tlsverify.Options{Host: d.Host, CAFile: d.CAFile})
	if err != nil {
		tb.Fatal(err)
	}

	dir := tb.TempDir()
	j, err := journal.Open(context.Background(), filepath.Join(dir, "journal.db"))
	if err != nil {
		tb.Fatal(err)
	}

	tb.Cleanup(func() {
		if err := j.Close(); err != nil {
			tb.Error(err)
		}
	})

	return &fetch.Account{
		Name: user, Key: user, Journal: j, Log: slog.New(slog.DiscardHandler),
		Server: fetch.Server{
			Protocol: p,
			Connect: map[fetch.Protocol]fetch.Connector{
				fetch.IMAP: imap.Connect, fetch.POP3: pop3.Connect,
			}[p],
			Host:    "127.0.0.1",
			Port:    port,
			TLS:     fetch.Wrapped,
			Policy:  policy,
			Timeout: time.Minute,
		},
		Credentials: fetch.Credentials{
			Auth:     "password",
			User:     user,
			Password: func(context.Context) (string, error) { return d.Password, nil },
		},
		Disposal: fetch.Disposal{Keep: true},
		Delivery: fetch.Delivery{
			Deliverer:  delivery.NewMaildir(delivery.MaildirOptions{Dir: filepath.Join(dir, "Maildir")}),
			Recipients: []string{"ann"},
			SpoolDir:   dir,
		},
	}
}

// looks tells at each look of a retrieval how many round trips it took since the look before it, or since the
// beginning.
type looks struct {
	slog.Handler
	proxy *fetchtest.Proxy
	last  int
	took  chan int
}

func (l *looks) Enabled(context.Context, slog.Level) bool { return true }

func (l *looks) Handle(_ context.Context, r slog.Record) error {
	if r.Message == fetch.EventMailbox || r.Message == fetch.EventNoMail {
		now := l.proxy.Turns()
		l.took <- now - l.last
		l.last = now
	}
	return nil
}

// TestRoundTrips counts the round trips of a retrieval that finds nothing new, from opening the connection
// until that is known.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	d := fetchtest.StartDovecot(t)
	for _, tt := range []struct {
		protocol   fetch.Protocol
		port       int
		most, kept int // on a fresh connection and on a kept one
	}{
		{fetch.IMAP, d.IMAPS, 5, 1},
		{fetch.POP3, d.POP3S, 6, 0},
	} {
		for _, messages := range []int{0, 1, 300} {
			t.Run(fmt.Sprintf("%v with %d messages", tt.protocol, messages), func(t *testing.T) {
				t.Parallel()
				user := d.User()
				if messages > 0 {
					d.Append(t, user, "INBOX", fetchtest.Messages(messages, 1))
				}
				a := accountOn(t, d, tt.protocol, user, tt.port)
				if res, err := fetch.Retrieve(t.Context(), a); err != nil || res.Delivered != messages {
					t.Fatalf("%+v, %v", res, err)
				}
				testRoundTrips(t, a, tt.most, tt.kept)
			})
		}
	}
}

func testRoundTrips(t *testing.T, a *fetch.Account, most, kept int) {
	proxy := fetchtest.Delay(t, fmt.Sprintf("127.0.0.1:%d", a.Port), turnsRTT)
	l := &looks{proxy: proxy, took: make(chan int, 1)}
	a.Port, a.Log, a.KeepAlive = proxy.Port, slog.New(l), kept > 0
	r := fetch.NewRetriever(a)
	defer r.Close()
	for round := range 3 {
		res, err := r.Retrieve(t.Context())
		if err != nil || res.New != 0 {
			t.Fatalf("%+v, %v", res, err)
		}
		if n := <-l.took; n > most {
			t.Errorf("round %d: %d round trips, want at most %d", round, n, most)
		}
		if most = kept; kept == 0 {
			return
		}
	}
}

// turnsRTT is long against the time that a client needs between commands for whose answers it does not wait.
const turnsRTT = 100 * time.Millisecond
