package web

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"fetchd/fetch/wire"
)

const twoAddresses = "two-addresses.test"

func TestMain(m *testing.M) {
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: dialNameServer}
	os.Exit(m.Run())
}

// dialNameServer connects to a name server that gives every name two addresses, 127.0.0.1 first.
func dialNameServer(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	go func() {
		defer theirs.Close()
		var size uint16 // as over TCP
		for binary.Read(theirs, binary.BigEndian, &size) == nil {
			query := make([]byte, size)
			if _, err := io.ReadFull(theirs, query); err != nil {
				return
			}
			answer, err := answerTo(query)
			if err != nil {
				return
			}
			framed := binary.BigEndian.AppendUint16(nil, uint16(len(answer)))
			if _, err := theirs.Write(append(framed, answer...)); err != nil {
				return
			}
		}
	}()
	return ours, nil
}

func answerTo(query []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil {
		return nil, err
	}

	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
		for _, a := range [][4]byte{{127, 0, 0, 1}, {127, 0, 0, 2}} {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 60},
				Body:   &dnsmessage.AResource{A: a},
			})
		}
	}
	return m.Pack()
}

// listenHanging is a port of 127.0.0.1 at which no further connection comes about, and none is refused.
func listenHanging(t *testing.T) (port int) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	here := &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	if err := errors.Join(syscall.Bind(fd, here), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	bound, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	port = bound.(*syscall.SockaddrInet4).Port

	// Its line is full when a connection does not come about.
	for range 16 {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), time.Second)
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			return port
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	t.Fatal("the port takes every connection")
	return 0
}

// TestHangingAddress: of two addresses of one family the first does not answer. The library waits for half of
// the time-out before it tries the other one.
func TestHangingAddress(t *testing.T) {
	t.Parallel()
	port := listenHanging(t)
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.2", strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()

	ctx, cancel := context.WithCancel(t.Context())
	patience := time.AfterFunc(Timeout/3, cancel) // no deadline: it would be shared among the addresses
	defer patience.Stop()
	conn, err := Connect(ctx, net.JoinHostPort(twoAddresses, strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

func TestConnectRefusesPorts(t *testing.T) {
	t.Parallel()
	for _, port := range []string{":65536", ":131515", ":", ":x", ""} {
		addr := "127.0.0.1" + port
		conn, err := Connect(t.Context(), addr)
		if err == nil {
			_ = conn.Close()
		}
		if _, ok := errors.AsType[*wire.DialError](err); !ok {
			t.Errorf("%s: %v, want a DialError", addr, err)
		}
	}
}
