package schedule

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
	"fetchd/fetch/imap"
	"fetchd/fetch/journal"
	"fetchd/tlsverify"
	"fetchd/tlsverify/tlstest"
)

// subjects is a Deliverer that keeps the first lines of what it gets.
type subjects struct {
	mu    sync.Mutex
	got   map[string]int
	after func()
}

func (s *subjects) String() string { return "subjects" }

func (s *subjects) Deliver(_ context.Context, m *delivery.Message) error {
	text, err := io.ReadAll(m.Body.Open())
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	s.mu.Lock()
	s.got[first]++
	s.mu.Unlock()
	s.after()
	return nil
}

func (s *subjects) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.got)
}

// idleAccounts is how many accounts TestManyIdle has; FETCHD_IDLE_ACCOUNTS is for more by hand.
func idleAccounts(tb testing.TB) int {
	text := os.Getenv("FETCHD_IDLE_ACCOUNTS")
	if text == "" {
		return 2000
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// TestManyIdle has thousands of accounts wait for mail in one process, each on its own connection: every
// hundredth gets some, and all end when they are told to.
func TestManyIdle(t *testing.T) {
	t.Run("clear text", func(t *testing.T) { testManyIdle(t, idleAccounts(t), nil) })
	t.Run("TLS", func(t *testing.T) { testManyIdle(t, idleAccounts(t)/10, tlstest.NewCA(t)) })
}

func testManyIdle(t *testing.T, n int, ca *tlstest.CA) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var policy *tlsverify.Policy
	if ca != nil {
		ln = tls.NewListener(ln, &tls.Config{
			Certificates: []tls.Certificate{ca.Leaf(tlstest.Leaf{IP: []string{"127.0.0.1"}})},
		})
		if policy, err = tlsverify.New(tlsverify.Options{Host: "127.0.0.1", CAFile: ca.File(t)}); err != nil {
			t.Fatal(err)
		}
	}
	srv := fetchtest.StartIdleServer(t, ln)
	server := priceOfServer(t, srv, n, policy)
	box := &subjects{got: map[string]int{}, after: func() { srv.Update(func() {}) }}
	accounts := idleAccountsOn(t, srv, n, policy, box)

	before := measureMemory()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	// The interval bounds the time over which the starts are spread.
	s := New(Options{
		Interval: 2 * time.Second, MaxPolls: 64, MaxPerHost: 64, Log: slog.New(slog.DiscardHandler),
	})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Run(ctx, accounts)
	}()
	allIdle := func() bool { _, idle := srv.Counts(); return idle == n }
	waitFor(t, srv, "all are idle", allIdle)
	used := measureMemory().minus(before).minus(server).per(n)
	t.Logf("%d accounts: %v for each", n, used)
	if used.goroutines > 8 || used.bytes > 256<<10 {
		t.Errorf("%v for each account", used)
	}

	want := 0
	for i := 0; i < n; i += 100 {
		srv.Deliver(accounts[i].User)
		want++
	}
	waitFor(t, srv, "new mail is delivered", func() bool { return box.count() == want && allIdle() })
	for subject, times := range box.got {
		if times != 1 {
			t.Errorf("%q came %d times", subject, times)
		}
	}
	cancel()
	<-ended
	waitFor(t, srv, "all are gone", func() bool { open, _ := srv.Counts(); return open == 0 })
}

// idleAccountsOn are n accounts that watch their INBOX on srv.
func idleAccountsOn(t *testing.T, srv *fetchtest.IdleServer, n int,
	policy *tlsverify.Policy, box delivery.Deliverer) []*fetch.Account {
	t.Helper()
	dir := t.TempDir()
	j, err := journal.Open(t.Context(), filepath.Join(dir, "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	accounts := make([]*fetch.Account, n)
	for i := range accounts {
		user := fmt.Sprintf("user%d", i)
		accounts[i] = &fetch.Account{
			Name: user, Key: user, Journal: j, Log: slog.New(slog.DiscardHandler),
			Server: fetch.Server{
				Protocol: fetch.IMAP,
				Connect:  imap.Connect,
				Host:     "127.0.0.1",
				Port:     srv.Port,
				TLS:      fetch.ClearText,
				Policy:   policy,
				Timeout:  time.Minute,
			},
			Credentials: fetch.Credentials{
				User:     user,
				Auth:     "password",
				Password: func(context.Context) (string, error) { return "sesam", nil },
			},
			Disposal: fetch.Disposal{Keep: true},
			Delivery: fetch.Delivery{Deliverer: box, Recipients: []string{"ann"}, SpoolDir: dir},
			Timing:   fetch.Timing{Idle: true},
		}
		if policy != nil {
			accounts[i].TLS = fetch.Wrapped
		}
	}
	return accounts
}

// waitFor waits until ok, which may only depend on what Update and deliveries change.
func waitFor(t *testing.T, s *fetchtest.IdleServer, what string, ok func() bool) {
	t.Helper()
	late := time.After(2 * time.Minute)
	for !ok() {
		select {
		case <-s.Changed:
		case <-late:
			open, idle := s.Counts()
			t.Fatalf("not within 2 minutes: %s (%d connections, %d idle)", what, open, idle)
		}
	}
}

// footprint is what something holds.
type footprint struct {
	goroutines, bytes int // bytes of heap and stacks in use
}

func (f footprint) String() string {
	return fmt.Sprintf("%d goroutines, %d bytes", f.goroutines, f.bytes)
}

func (f footprint) minus(g footprint) footprint {
	return footprint{f.goroutines - g.goroutines, f.bytes - g.bytes}
}

func (f footprint) per(n int) footprint { return footprint{(f.goroutines + n/2) / n, f.bytes / n} }

func measureMemory() footprint {
	runtime.GC()
	runtime.GC() // what sync.Pools hold goes with the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{runtime.NumGoroutine(), int(m.HeapInuse + m.StackInuse)}
}

// priceOfServer is what srv itself holds for n connections in IDLE, and the least that a client can.
func priceOfServer(t *testing.T, srv *fetchtest.IdleServer, n int, policy *tlsverify.Policy) footprint {
	t.Helper()
	before := measureMemory()
	conns := make([]net.Conn, n)
	for i := range conns {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", srv.Port))
		if err == nil && policy != nil {
			conn, _, err = policy.Client(t.Context(), conn)
		}
		if err == nil {
			_, err = fmt.Fprintf(conn, "a LOGIN probe%d x\r\nb IDLE\r\n", i)
		}
		if err != nil {
			t.Fatal(err)
		}
		conns[i] = conn
	}
	waitFor(t, srv, "the probes are idle", func() bool { _, idle := srv.Counts(); return idle == n })
	price := measureMemory().minus(before)
	for _, conn := range conns {
		conn.Close()
	}
	waitFor(t, srv, "the probes are gone", func() bool { open, _ := srv.Counts(); return open == 0 })
	t.Logf("the server: %v for each connection", price.per(n))
	return price
}
