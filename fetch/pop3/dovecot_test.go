package pop3

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
	"fetchd/fetch/journal"
	"fetchd/tlsverify"
)

// bag is a delivery that keeps the hashes of what it got.
type bag struct {
	mu   sync.Mutex
	got  map[[32]byte]int
	size int64
}

func (b *bag) Deliver(_ context.Context, m *delivery.Message) error {
	hash := sha256.New()
	if _, err := io.Copy(hash, m.Body.Open()); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.got == nil {
		b.got = map[[32]byte]int{}
	}
	b.got[[32]byte(hash.Sum(nil))]++
	b.size += m.Body.Size()
	return nil
}

func (b *bag) String() string { return "bag" }

// accountOn is an account of user on d, with a journal of its own.
func accountOn(tb testing.TB, d *fetchtest.Dovecot, user string, wrapped bool) *fetch.Account {
	tb.Helper()
	policy, err := tlsverify.New(tlsverify.Options{Host: d.Host, CAFile: d.CAFile})
	if err != nil {
		tb.Fatal(err)
	}
	j, err := journal.Open(context.Background(), filepath.Join(tb.TempDir(), "journal.db"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = j.Close() })
	a := &fetch.Account{
		Name: user, Key: user, Journal: j, Log: slog.New(slog.DiscardHandler),
		Server: fetch.Server{
			Host:     d.Host,
			Port:     d.POP3,
			Protocol: fetch.POP3,
			Policy:   policy,
			Timeout:  30 * time.Second,
			Connect:  Connect,
		},
		Credentials: fetch.Credentials{
			Auth:     "any",
			User:     user,
			Password: func(context.Context) (string, error) { return d.Password, nil },
		},
		Delivery: fetch.Delivery{Recipients: []string{"ann"}, SpoolDir: tb.TempDir()},
	}
	if wrapped {
		a.TLS, a.Port = fetch.Wrapped, d.POP3S
	}
	return a
}

func TestAgainstDovecot(t *testing.T) {
	t.Parallel()
	d := fetchtest.StartDovecot(t)
	messages := fetchtest.Messages(40, 7)
	want := map[[32]byte]int{}
	for _, m := range messages {
		want[sha256.Sum256(fetchtest.Canon(m))]++
	}

	t.Run("logins", func(t *testing.T) {
		for i, auth := range []string{
			"any", "any", "any", "any", "password", "plain", "login", "cram-md5", "scram-sha-1",
			"scram-sha-256",
		} {
			wrapped, keep := i%2 == 0, i/2%2 == 0
			t.Run(fmt.Sprintf("%s wrapped=%v keep=%v", auth, wrapped, keep), func(t *testing.T) {
				t.Parallel()
				user := d.User()
				d.Append(t, user, "INBOX", messages)
				a := accountOn(t, d, user, wrapped)
				a.Auth, a.Keep = auth, keep
				retrieveTwice(t, d, a, want)
			})
		}

		t.Run("wrong name", func(t *testing.T) {
			t.Parallel()
			a := accountOn(t, d, d.User(), false)
			a.Policy, _ = tlsverify.New(tlsverify.Options{Host: "other.example.org", CAFile: d.CAFile})
			if _, err := fetch.Retrieve(t.Context(), a); fetch.KindOf(err) != fetch.KindTLS {
				t.Errorf("%v", err)
			}
		})

		t.Run("wrong password", func(t *testing.T) {
			t.Parallel()
			a := accountOn(t, d, d.User(), true)
			a.Password = func(context.Context) (string, error) { return "wrong", nil }
			if _, err := fetch.Retrieve(t.Context(), a); fetch.KindOf(err) != fetch.KindAuth {
				t.Errorf("%v", err)
			}
		})
	})
}

// retrieveTwice checks that all arrives once, and nothing the second time.
func retrieveTwice(t *testing.T, d *fetchtest.Dovecot, a *fetch.Account, want map[[32]byte]int) {
	t.Helper()
	var got bag
	a.Deliverer = &got
	total := 0
	result, err := fetch.Retrieve(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}

	for hash, n := range want {
		total += n
		if got.got[hash] != n {
			t.Errorf("%x: %d copies, want %d", hash[:4], got.got[hash], n)
		}
	}

	left := 0
	if a.Keep {
		left = total
	}

	n := d.Count(t, a.User, "INBOX")
	if n != left || result.Delivered != total || result.Deleted != total-left {
		t.Errorf("%d messages are left, %+v", n, result)
	}

	again, err := fetch.Retrieve(t.Context(), a)
	if err != nil || again.New != 0 || again.Seen != left {
		t.Errorf("again: %+v, %v", again, err)
	}
}

// rawRead is the limit: PASS, and a window of RETRs whose answers are read as blocks and thrown away.
func rawRead(tb testing.TB, d *fetchtest.Dovecot, user string, n int) {
	tb.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(d.CA.Root().Cert)
	conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", d.POP3S),
		&tls.Config{RootCAs: roots, ServerName: d.Host})
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close()
	r := bufio.NewReaderSize(conn, 64<<10)
	say := func(format string, args ...any) {
		if _, err := fmt.Fprintf(conn, format, args...); err != nil {
			tb.Fatal(err)
		}
	}

	line := func() []byte {
		l, err := r.ReadSlice('\n')
		if err != nil {
			tb.Fatal(err)
		}
		return l
	}

	say("USER %s\r\nPASS %s\r\n", user, d.Password)
	for range 3 {
		line()
	}

	const window = 256
	var commands bytes.Buffer
	for sent, read := 0, 0; read < n; read++ {
		commands.Reset()
		for read == sent-window/2 && sent < n || sent < min(n, window) {
			sent++
			fmt.Fprintf(&commands, "RETR %d\r\n", sent)
			if sent > window && sent%(window/2) == 0 {
				break
			}
		}

		if commands.Len() > 0 {
			say("%s", commands.Bytes())
		}
		for line(); ; {
			if l := line(); len(l) == 3 && l[0] == '.' {
				break
			}
		}
	}

	say("QUIT\r\n")
	line()
}

// sink is a delivery that takes groups and costs nothing.
type sink struct{}

func (sink) Deliver(context.Context, *delivery.Message) error { return nil }
func (sink) DeliverGroup(_ context.Context, ms []*delivery.Message) []error {
	return make([]error, len(ms))
}
func (sink) String() string { return "nothing" }

// BenchmarkRetrieve is a keep retrieval of 5,000 messages of 4 KB from Dovecot over TLS, next to a raw
// reader.
func BenchmarkRetrieve(b *testing.B) {
	d := fetchtest.StartDovecot(b)
	const n = 5000
	message := append([]byte("Subject: x\r\n\r\n"), bytes.Repeat(
		[]byte("0123456789012345678901234567890123456789012345678901234567890123456789\r\n"), 56)...)
	messages := make([][]byte, n)
	for i := range messages {
		messages[i] = message
	}

	user := d.User()
	d.Append(b, user, "INBOX", messages)
	b.Run("raw", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			rawRead(b, d, user, n)
		}
	})

	b.Run("fetchd", func(b *testing.B) {
		a := accountOn(b, d, user, true)
		a.Keep, a.FetchAll, a.Deliverer = true, true, sink{}
		b.ReportAllocs()
		for b.Loop() {
			if r, err := fetch.Retrieve(b.Context(), a); err != nil || r.Delivered != n {
				b.Fatalf("%+v, %v", r, err)
			}
		}
	})
}
