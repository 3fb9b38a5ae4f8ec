package fetchtest

import (
	"bufio"
	"io"
	"net"
	"regexp"
	"sync"
	"testing"
)

// Tripwire is a proxy on loopback to a server that is spoken to in clear text. It goes dead at the first line of a client
// that matches a pattern; connections that come later pass untouched. It ends with the test.
type Tripwire struct {
	Port   int
	Sprung <-chan struct{} // closed when the line has come
	Over   <-chan struct{} // closed when the server, too, has seen the end of that connection

	target  string
	pattern *regexp.Regexp
	pass    bool
	once    sync.Once
	sprung  chan struct{}
	over    chan struct{}
}

// Trip starts a tripwire. With pass the server gets the line and what follows, but no answer comes back any more; without
// it the server gets nothing from this line on.
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

// serve carries one connection until both sides have ended it.
func (w *Tripwire) serve(client net.Conn) {
	defer client.Close()
	conn, err := net.Dial("tcp", w.target)
	if err != nil {
		return
	}
	server := conn.(*net.TCPConn)
	defer server.Close()
	dead := make(chan struct{}) // nothing goes to the client any more
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

// lines carries the client's lines until it leaves, and tells whether the wire was sprung by it.
func (w *Tripwire) lines(client net.Conn, server io.Writer, dead chan struct{}) (tripped bool) {
	in := bufio.NewReader(client)
	for {
		line, err := in.ReadBytes('\n')
		if !tripped && w.pattern.Match(line) {
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

// untilDead swallows what is written once dead is closed.
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
