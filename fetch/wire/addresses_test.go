package wire

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// places is a world in which each address takes its time: to answer, or to refuse.
type places struct {
	found   string                   // addresses of the host, as the resolver gives them
	answers map[string]time.Duration // those that are missing never answer
	refuses map[string]time.Duration

	mu    sync.Mutex
	tried []string // in the order of the attempts
	conns []net.Conn
}

func (p *places) lookUp(context.Context, string) (found []netip.Addr, err error) {
	for text := range strings.FieldsSeq(p.found) {
		found = append(found, netip.MustParseAddr(text))
	}
	return found, nil
}

func (p *places) connect(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	addr := to.Addr().String()
	p.mu.Lock()
	p.tried = append(p.tried, addr)
	p.mu.Unlock()
	wait := 24 * time.Hour
	for _, known := range []map[string]time.Duration{p.answers, p.refuses} {
		if d, ok := known[addr]; ok {
			wait = d
		}
	}

	select {
	case <-time.After(wait):
	case <-ctx.Done():
		return nil, ctx.Err()
	}

	if _, ok := p.refuses[addr]; ok {
		return nil, errors.New(addr + " refuses")
	}
	ours, theirs := net.Pipe()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, theirs)
	return addressed{ours, addr}, nil
}

type addressed struct {
	net.Conn
	addr string
}

// isClosed tells whether our end is.
func isClosed(theirs net.Conn) bool {
	_ = theirs.SetReadDeadline(time.Now().Add(time.Second))
	_, err := theirs.Read(make([]byte, 1))
	return !IsTimeout(err)
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	const ms, limit = time.Millisecond, 10 * time.Second
	type times = map[string]time.Duration
	for _, tt := range []struct {
		name string
		*places
		to    string // the address that is reached, or the error
		after time.Duration
		again string // what the next attempts are, where they are others
	}{
		{"one", &places{found: "192.0.2.1", answers: times{"192.0.2.1": 900 * ms}},
			"192.0.2.1", 900 * ms, ""},
		{"one that hangs", &places{found: "192.0.2.1"}, "context deadline exceeded", limit, ""},
		{"the first answers", &places{found: "192.0.2.1 192.0.2.2", answers: times{"192.0.2.1": 200 * ms}},
			"192.0.2.1", 200 * ms, ""},
		{"the first hangs", &places{found: "192.0.2.1 192.0.2.2", answers: times{"192.0.2.2": 10 * ms}},
			"192.0.2.2", 260 * ms, "192.0.2.2"},
		{"two hang", &places{found: "2001:db8::1 2001:db8::2 2001:db8::3", answers: times{"2001:db8::3": 0}},
			"2001:db8::3", 500 * ms, "2001:db8::3"},
		{"the first refuses", &places{found: "192.0.2.1 192.0.2.2", answers: times{"192.0.2.2": 10 * ms},
			refuses: times{"192.0.2.1": 5 * ms}}, "192.0.2.2", 15 * ms, "192.0.2.2"},
		{"a family hangs", &places{
			found: "2001:db8::1 2001:db8::2 192.0.2.1", answers: times{"192.0.2.1": 0},
		},
			"192.0.2.1", 250 * ms, "192.0.2.1"},
		{"slow, but first", &places{found: "192.0.2.1 192.0.2.2",
			answers: times{"192.0.2.1": 600 * ms, "192.0.2.2": 400 * ms}}, "192.0.2.1", 600 * ms,
			"192.0.2.1 192.0.2.2"},
		{"both answer at once", &places{found: "192.0.2.1 192.0.2.2",
			answers: times{"192.0.2.1": 350 * ms, "192.0.2.2": 99 * ms}}, "192.0.2.2", 349 * ms, "192.0.2.2"},
		{"all refuse", &places{found: "192.0.2.1 192.0.2.2",
			refuses: times{"192.0.2.1": 300 * ms, "192.0.2.2": 0}}, "192.0.2.1 refuses", 300 * ms, ""},
		{"all hang", &places{found: "192.0.2.1 192.0.2.2"}, "context deadline exceeded", limit, ""},
		{"one twice", &places{found: "192.0.2.1 ::ffff:192.0.2.1", answers: times{"192.0.2.1": 900 * ms}},
			"192.0.2.1", 900 * ms, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := &reacher{lookUp: tt.lookUp, connect: tt.connect}
				begin := time.Now()
				got := reachOnce(t, r, limit)
				if took := time.Since(begin); got != tt.to || took != tt.after {
					t.Errorf("%s after %v, want %s after %v", got, took, tt.to, tt.after)
				}
				synctest.Wait()
				for _, theirs := range tt.conns {
					if !isClosed(theirs) {
						t.Error("a connection is left open")
					}
				}

				if tt.again == "" {
					return
				}
				tt.tried = nil
				again := reachOnce(t, r, limit)
				if again != tt.to || strings.Join(tt.tried, " ") != tt.again {
					t.Errorf("%s again, by way of %q", again, tt.tried)
				}
			})
		})
	}
}

// reachOnce is the address that is reached, or the error. It closes the connection.
func reachOnce(t *testing.T, r *reacher, limit time.Duration) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	conn, err := r.reach(ctx, "mail.example.org", 993)
	if err != nil {
		return err.Error()
	}
	_ = conn.Close()
	return conn.(addressed).addr
}

// An address is preferred for a while, as long as it answers and the name still leads there.
func TestPreferredAddress(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		p := &places{found: "192.0.2.1 192.0.2.2", answers: map[string]time.Duration{"192.0.2.2": 0}}
		r := &reacher{lookUp: p.lookUp, connect: p.connect}

		for _, tt := range []struct {
			name  string
			then  func()
			tries string
		}{
			{"at first", func() {}, "192.0.2.1 192.0.2.2"},
			{"then", func() {}, "192.0.2.2"},
			{"it moved", func() {
				p.found, p.answers["192.0.2.3"] = "192.0.2.1 192.0.2.3", 0
			}, "192.0.2.1 192.0.2.3"},
			{"it died", func() {
				delete(p.answers, "192.0.2.3")
				p.answers["192.0.2.1"] = 0
			}, "192.0.2.3 192.0.2.1"},
			{"later", func() {
				<-time.After(preferFor)
				delete(p.answers, "192.0.2.1")
				p.answers["192.0.2.3"] = 0
			},
				"192.0.2.1 192.0.2.3"},
		} {
			tt.then()
			p.tried = nil
			reachOnce(t, r, time.Minute)
			if tried := strings.Join(p.tried, " "); tried != tt.tries {
				t.Errorf("%s: tried %s, want %s", tt.name, tried, tt.tries)
			}
		}
	})
}
