package wire

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// attemptDelay is how long an attempt to connect has before one at the host's next address begins beside it,
// of whichever family (RFC 8305, sections 5 and 8).
const attemptDelay = 250 * time.Millisecond

// preferFor is how long an address that answered in place of an earlier one is tried first.
const preferFor = 10 * time.Minute

// system connects to what this machine's resolver finds.
var system = &reacher{
	lookUp: func(ctx context.Context, host string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	},
	connect: func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
		d := net.Dialer{KeepAliveConfig: keepAlive}
		return d.DialContext(ctx, "tcp", to.String())
	},
}

// reacher connects to whichever address of a host answers.
type reacher struct {
	lookUp  func(ctx context.Context, host string) ([]netip.Addr, error)
	connect func(ctx context.Context, to netip.AddrPort) (net.Conn, error)

	mu       sync.Mutex
	answered map[string]preferred // by host
}

// preferred is the address that answered last, and until when it comes first.
type preferred struct {
	addr  netip.Addr
	until time.Time
}

// reach connects to host:port before ctx ends.
func (r *reacher) reach(ctx context.Context, host string, port int) (net.Conn, error) {
	found, err := r.lookUp(ctx, host)
	if err != nil {
		return nil, err
	}

	addrs := r.order(host, found)
	if len(addrs) == 1 {
		return r.connect(ctx, netip.AddrPortFrom(addrs[0], uint16(port)))
	}

	conn, winner, err := r.race(ctx, addrs, port)
	if err == nil && winner > 0 {
		r.prefer(host, addrs[winner])
	}
	return conn, err
}

// order returns each address once: the preferred one first, then the families in turn, as the resolver put
// them (RFC 8305, section 4).
func (r *reacher) order(host string, found []netip.Addr) []netip.Addr {
	var first, second []netip.Addr
	for _, addr := range found {
		addr = addr.Unmap()
		if len(first) == 0 || addr.Is4() == first[0].Is4() {
			first = append(first, addr)
		} else {
			second = append(second, addr)
		}
	}

	all := make([]netip.Addr, 0, len(found)+1)
	if best := r.preferredOf(host); slices.Contains(first, best) || slices.Contains(second, best) {
		all = append(all, best)
	}
	for i := range max(len(first), len(second)) {
		for _, family := range [][]netip.Addr{first, second} {
			if i < len(family) && !slices.Contains(all, family[i]) {
				all = append(all, family[i])
			}
		}
	}

	return all
}

// race tries one address after the other, the next one when the last has failed or has had its time, until
// one answers. The error is that of the first.
func (r *reacher) race(ctx context.Context, to []netip.Addr, port int) (net.Conn, int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan attempt, len(to))
	errs := make([]error, len(to))
	next := time.NewTimer(0)
	defer next.Stop()

	for begun, ended := 0, 0; ended < len(to); {
		select {
		case <-next.C:
			if begun == len(to) {
				continue // all are under way
			}
			go func(n int) {
				conn, err := r.connect(ctx, netip.AddrPortFrom(to[n], uint16(port)))
				results <- attempt{n, conn, err}
			}(begun)
			begun++
			next.Reset(attemptDelay)

		case a := <-results:
			ended++
			if a.err == nil {
				cancel() // so that the others end at once
				closeRest(results, begun-ended)
				return a.conn, a.n, nil
			}
			errs[a.n] = a.err
			next.Reset(0)
		}
	}

	return nil, 0, errs[0]
}

// attempt is how an attempt to connect to address n has ended.
type attempt struct {
	n    int
	conn net.Conn
	err  error
}

// closeRest waits for n attempts that are still under way, and closes what they bring.
func closeRest(results <-chan attempt, n int) {
	for range n {
		if a := <-results; a.err == nil {
			_ = a.conn.Close()
		}
	}
}

func (r *reacher) preferredOf(host string) netip.Addr {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.answered[host]; time.Now().Before(p.until) {
		return p.addr
	}
	return netip.Addr{}
}

// prefer makes an address the first, for a while.
func (r *reacher) prefer(host string, addr netip.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.answered == nil {
		r.answered = make(map[string]preferred)
	}

	now := time.Now()
	for h, p := range r.answered { // so that no more are kept than are in use
		if !now.Before(p.until) {
			delete(r.answered, h)
		}
	}
	r.answered[host] = preferred{addr, now.Add(preferFor)}
}
