package fetchtest

import (
	"bufio"
	"io"
	"net"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
)

// Tripwire is a proxy on loopback to a clear-text server. It goes dead at the first line of a client that
// matches a pattern; later connections pass untouched. It ends with the test.
type Tripwire struct {
	Port   int
	Sprung <-chan struct{} // closed when the line has arrived
	Over   <-chan struct{} // closed when the server has seen the end of that connection too

	target  string
	pattern *regexp.Regexp
	pass    bool
	rests   atomic.Bool
	once    sync.Once
	sprung  chan struct{}
	over    chan struct{}
}

// Trip starts a tripwire. With pass the server gets the line and what follows, but its answers no longer come
// back; without pass the server gets nothing from this line on.
func Trip(tb testing.TB, target, pattern string, pass bool) *Tripwire {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(tb, err)
	w := &Tripwire{
		Port: ln.Addr().(*net.TCPAddr).Port, target: target, pattern: regexp.MustCompile(pattern), pass: pass,
		sprung: make(chan struct{}), over: make(chan struct{}),
	}

	w.Sprung, w.Over = w.sprung, w.over
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { w.serve(client) })
		}
	})

	tb.Cleanup(func() {
		_ = ln.Close()
		wg.Wait()
	})

	return w
}

// Rest says whether everything passes, whatever the lines are.
func (w *Tripwire) Rest(on bool) { w.rests.Store(on) }

// serve carries one connection until both sides have ended it.
func (w *Tripwire) serve(client net.Conn) {
	defer client.Close()
	conn, err := net.Dial("tcp", w.target)
	if err != nil {
		return
	}

	server := conn.(*net.TCPConn)
	defer server.Close()
	dead := make(chan struct{}) // once closed, nothing reaches the client
	var wg sync.WaitGroup

	wg.Go(func() {
		_, _ = io.Copy(&untilDead{client, dead}, server)
		select {
		case <-dead:
		default:
			_ = client.(*net.TCPConn).CloseWrite()
		}
	})

	tripped := w.lines(client, server, dead)
	_ = server.CloseWrite()
	wg.Wait()
	if tripped {
		close(w.over)
	}
}

// lines carries the client's lines until it leaves, and returns whether one of them sprang the wire.
func (w *Tripwire) lines(client net.Conn, server io.Writer, dead chan struct{}) (tripped bool) {
	in := bufio.NewReader(client)
	for {
		line, err := in.ReadBytes('\n')
		if !tripped && !w.rests.Load() && w.pattern.Match(line) {
			w.once.Do(func() {
				tripped = true
				close(dead)
			})
		}
		if !tripped || w.pass {
			_, _ = server.Write(line)
		}
		if tripped {
			w.spring()
		}
		if err != nil {
			return tripped
		}
	}
}

func (w *Tripwire) spring() {
	select {
	case <-w.sprung:
	default:
		close(w.sprung)
	}
}

// untilDead discards what is written once dead is closed.
type untilDead struct {
	io.Writer
	dead <-chan struct{}
}

func (u *untilDead) Write(p []byte) (int, error) {
	select {
	case <-u.dead:
		return len(p), nil
	default:
		return u.Writer.Write(p)
	}
}
