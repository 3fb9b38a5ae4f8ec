package fetchtest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// echo answers with what it hears, after a greeting; it closes when the other side does.
func echo(t *testing.T, greeting string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.WriteString(conn, greeting)
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	return ln.Addr().String()
}

func dialProxy(t *testing.T, p *Proxy) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr)
	check(t, err)
	t.Cleanup(func() { conn.Close() })
	check(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	return conn
}

func TestDelayTimes(t *testing.T) {
	t.Parallel()
	const rtt = 60 * time.Millisecond
	p := Delay(t, echo(t, "hi"), rtt)
	start := time.Now()
	took := func(what string, rtts float64) {
		t.Helper()
		least, most := time.Duration(rtts*float64(rtt)), 5*time.Second
		if d := time.Since(start); d < least || d > most {
			t.Errorf("%s after %v, want %v to %v", what, d, least, most)
		}
		start = time.Now()
	}
	conn := dialProxy(t, p)
	_, err := io.ReadFull(conn, make([]byte, 2))
	check(t, err)
	took("greeting", 2) // SYN, SYN-ACK, ACK, greeting
	data := bytes.Repeat([]byte("x"), 1<<20)
	go func() { _, _ = conn.Write(data) }()
	got := make([]byte, len(data))
	_, err = io.ReadFull(conn, got)
	check(t, err)
	if !bytes.Equal(got, data) {
		t.Error("bytes changed on the way")
	}
	took("1 MiB there and back", 1)
	check(t, conn.(*net.TCPConn).CloseWrite())
	if rest, err := io.ReadAll(conn); len(rest) > 0 || err != nil {
		t.Errorf("at the end: %q, %v", rest, err)
	}
	took("end", 1)
	if n := p.Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestDelayOfNothing(t *testing.T) {
	t.Parallel()
	p := Delay(t, echo(t, "hello"), 0)
	for range 3 {
		_, err := io.ReadFull(dialProxy(t, p), make([]byte, 5))
		check(t, err)
	}
	if n := p.Connections(); n != 3 {
		t.Errorf("%d connections", n)
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	p := Delay(t, echo(t, strings.Repeat("0123456789", 10000)), 2*time.Millisecond)
	for _, n := range []int{0, 1, 32<<10 - 1, 32 << 10, 99999} {
		p.Cut(int64(n))
		got, _ := io.ReadAll(dialProxy(t, p))
		if len(got) != n {
			t.Errorf("cut after %d: got %d bytes", n, len(got))
		}
	}
	if _, err := io.ReadFull(dialProxy(t, p), make([]byte, 100000)); err != nil {
		t.Errorf("after the cut: %v", err)
	}
}

// TestCutOnce: what a server sends after the cut, while the last bytes are on their way, is not counted for
// the cut of the next connection.
func TestCutOnce(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer ln.Close()
	p := Delay(t, ln.Addr().String(), 100*time.Millisecond)
	p.Cut(1)
	client := dialProxy(t, p)
	server, err := ln.Accept()
	check(t, err)
	defer server.Close()

	_, err = io.WriteString(server, "a")
	check(t, err)
	for p.cut.Load() >= 0 {
		runtime.Gosched()
	}
	p.Cut(1)
	_, _ = io.WriteString(server, "b")

	if got, _ := io.ReadAll(client); string(got) != "a" {
		t.Errorf("got %q", got)
	}
	if left := p.cut.Load(); left != 1 {
		t.Errorf("the cut was spent: %d", left)
	}
}

func TestHang(t *testing.T) {
	t.Parallel()
	p := Delay(t, echo(t, "hi"), 0)
	conn := dialProxy(t, p)
	_, err := io.ReadFull(conn, make([]byte, 2))
	check(t, err)
	p.Hang(true)
	_, err = conn.Write([]byte("x"))
	check(t, err)
	check(t, conn.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	if n, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %d bytes, %v", n, err)
	}
	p.Hang(false)
	check(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = conn.Write([]byte("y"))
	check(t, err)
	got := make([]byte, 1)
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "y" {
		t.Errorf("after the hang: %q, %v", got, err)
	}
}

func TestDelayWithoutServer(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	ln.Close()
	if b, _ := io.ReadAll(dialProxy(t, Delay(t, ln.Addr().String(), time.Millisecond))); len(b) > 0 {
		t.Errorf("got %q", b)
	}
}

func TestTurns(t *testing.T) {
	t.Parallel()
	p := Delay(t, echo(t, ""), 60*time.Millisecond)
	conn := dialProxy(t, p)
	for round := range 3 {
		for range 5 { // together
			_, err := conn.Write([]byte("ab"))
			check(t, err)
		}
		_, err := io.ReadFull(conn, make([]byte, 10))
		check(t, err)
		if want := 2 + round; p.Turns() != want { // the connection, and one for each round
			t.Errorf("%d turns, want %d", p.Turns(), want)
		}
	}
}
