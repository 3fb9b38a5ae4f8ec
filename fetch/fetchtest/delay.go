package fetchtest

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Proxy is a TCP proxy on loopback that makes the way to a server long, cuts it or makes it go dead. It ends
// with the test. Its settings may be changed at any time and apply to what is read from then on.
type Proxy struct {
	Addr string // what to dial
	Port int

	target string
	rtt    time.Duration
	count  atomic.Int64
	turns  atomic.Int64
	cut    atomic.Int64
	hang   atomic.Bool
	wg     sync.WaitGroup
}

// Delay starts a proxy to target that adds rtt/2 each way; 0 adds nothing. There is no limit on bandwidth.
// Opening a connection costs one rtt: the first byte of either side arrives no sooner than it would after a
// real handshake.
func Delay(tb testing.TB, target string, rtt time.Duration) *Proxy {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(tb, err)
	ctx, cancel := context.WithCancel(context.Background())
	p := &Proxy{Addr: ln.Addr().String(), Port: ln.Addr().(*net.TCPAddr).Port, target: target, rtt: rtt}
	p.cut.Store(-1)
	p.wg.Go(func() { p.accept(ctx, ln) })
	tb.Cleanup(func() {
		cancel()
		ln.Close()
		p.wg.Wait()
	})
	return p
}

// Connections is how many connections have been opened so far.
func (p *Proxy) Connections() int { return int(p.count.Load()) }

// Turns is how many round trips clients have begun so far: one for opening each connection, and one each time
// that a client sent something after data from the server had reached it. Commands that travel together count
// as one if the client needs less than rtt to send them. A greeting to a client that has sent nothing yet is
// not counted.
func (p *Proxy) Turns() int { return int(p.count.Load() + p.turns.Load()) }

// Cut closes both sides of a connection after n more bytes from the server, counted over all connections:
// with n above 0 as soon as they have passed, with 0 when the next byte comes. Later connections go through.
// A negative n never cuts.
func (p *Proxy) Cut(n int64) { p.cut.Store(n) }

// Hang with true discards what either side sends from now on, while the connections stay open; bytes that are
// already on their way still arrive.
func (p *Proxy) Hang(on bool) { p.hang.Store(on) }

func (p *Proxy) accept(ctx context.Context, ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		p.count.Add(1)
		p.wg.Go(func() { p.serve(ctx, conn.(*net.TCPConn)) })
	}
}

// serve carries one connection. The kernel has answered the client's SYN at once. On a real path the client
// may send one rtt after its SYN, and the server learns of the connection half an rtt later: that is when we
// dial, and the first bytes of either side do not set out before.
func (p *Proxy) serve(ctx context.Context, client *net.TCPConn) {
	defer client.Close()
	opens := time.Now().Add(p.rtt + p.rtt/2)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	context.AfterFunc(ctx, func() { client.Close() })
	var wg sync.WaitGroup
	defer wg.Wait()
	up := make(chan parcel, queued)
	var answered atomic.Bool
	answered.Store(true)
	wg.Go(func() { p.read(ctx, client, opens, up, func(int) int { return p.countTurn(&answered) }) })
	if !until(ctx, opens) {
		return
	}

	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.target)
	if err != nil {
		cancel()
		return
	}

	server := conn.(*net.TCPConn)
	defer server.Close()
	context.AfterFunc(ctx, func() { server.Close() })
	down := make(chan parcel, queued)
	wg.Go(func() { p.read(ctx, server, opens, down, p.takeUncut) })
	sent := make(chan struct{})

	go func() {
		defer close(sent)
		p.write(ctx, cancel, server, up)
	}()

	p.write(ctx, cancel, &answeredClient{client, &answered}, down)
	<-sent
	cancel()
}

// countTurn counts a turn if the server has answered since the last one. All bytes pass.
func (p *Proxy) countTurn(answered *atomic.Bool) int {
	if answered.Swap(false) {
		p.turns.Add(1)
	}
	return all
}

// answeredClient is a client's connection that notes that it was answered.
type answeredClient struct {
	*net.TCPConn
	answered *atomic.Bool
}

func (t *answeredClient) Write(b []byte) (int, error) {
	t.answered.Store(true)
	return t.TCPConn.Write(b)
}

// half is the end of a connection that parcels are written to.
type half interface {
	Write([]byte) (int, error)
	CloseWrite() error
}

// parcel is some bytes and the time at which they arrive. After the last one the connection breaks.
type parcel struct {
	due  time.Time
	data []byte
	last bool
}

// queued is how many parcels of up to parcelSize may be on their way: a window larger than any test needs.
const (
	queued     = 1 << 12
	parcelSize = 32 << 10
	all        = -1
)

// takeUncut subtracts n from the bytes that may pass before the cut, and returns how many of the n bytes
// pass, or all.
func (p *Proxy) takeUncut(n int) int {
	for {
		left := p.cut.Load()
		if left < 0 {
			return all
		}
		rest := left - int64(n)
		if rest <= 0 {
			rest = -1
		}
		if !p.cut.CompareAndSwap(left, rest) {
			continue
		}
		if left <= int64(n) {
			return int(left)
		}
		return all
	}
}

// read stamps what arrives, until the sender has ended, with the time at which it is due, not before opens.
// pass says how many bytes of a piece arrive before the connection breaks, or all.
func (p *Proxy) read(ctx context.Context, from *net.TCPConn, opens time.Time, out chan<- parcel,
	pass func(int) int) {
	defer close(out)
	for {
		b := make([]byte, parcelSize)
		n, err := from.Read(b)

		passing := all
		if n > 0 && !p.hang.Load() {
			passing = pass(n)
			next := parcel{due: time.Now().Add(p.rtt / 2), data: b[:n], last: passing != all}
			if next.last {
				next.data = b[:passing]
			}
			if next.due.Before(opens) {
				next.due = opens
			}
			select {
			case out <- next:
			case <-ctx.Done():
				return
			}
		}

		// What comes after a cut is not counted: the next cut is another connection's.
		if err != nil || passing != all {
			return
		}
	}
}

// write delivers each parcel when it is due. The sender's end arrives as late as its bytes; when hanging,
// never.
func (p *Proxy) write(ctx context.Context, cancel context.CancelFunc, to half, in <-chan parcel) {
	for next := range in {
		if !until(ctx, next.due) {
			return
		}
		if _, err := to.Write(next.data); err != nil || next.last {
			cancel()
			return
		}
	}

	if !until(ctx, time.Now().Add(p.rtt/2)) {
		return
	}
	if p.hang.Load() {
		<-ctx.Done()
		return
	}

	_ = to.CloseWrite() // its error is that the other side is gone already
}

// until waits for a moment. It returns false if ctx ends first.
func until(ctx context.Context, moment time.Time) bool {
	d := time.Until(moment)
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
