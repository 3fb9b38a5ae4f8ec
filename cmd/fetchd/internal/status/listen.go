package status

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"fetchd/delivery/ownfile"
	"fetchd/tlsverify/hints"

	"golang.org/x/sys/unix"
)

// listenUnix listens at a socket with that mode, which replaces one that nobody listens at any more.
func listenUnix(path string, mode fs.FileMode) (net.Listener, error) {
	// Before anything is removed or made: another user could lead us elsewhere by a link.
	if err := ownfile.CheckWay(path); err != nil {
		return nil, err
	}
	if err := removeDead(path); err != nil {
		return nil, err
	}

	// Linux takes the mode from before the bind, so that there is no moment in which others can connect.
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = unix.Fchmod(int(fd), uint32(mode)) })
	}}
	l, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	// Elsewhere than on Linux the mode is set only now.
	if err := os.Chmod(path, mode); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// removeDead removes a socket that a process has left behind.
func removeDead(path string) error {
	switch info, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is no socket", path)
	}

	conn, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		_ = conn.Close()
		return hints.Errorf("name another, or end that program", "a program listens at %s", path)
	case errors.Is(err, unix.ECONNREFUSED): // nobody does
		return os.Remove(path)
	}
	return err
}

// limited is a listener with so many connections at a time as room has places; others wait in the system's
// queue. The descriptors that connections take are those that mail needs.
type limited struct {
	net.Listener
	room chan struct{}
}

func (l limited) Accept() (net.Conn, error) {
	l.room <- struct{}{}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.room
		return nil, err
	}
	return &placed{Conn: conn, leave: sync.OnceFunc(func() { <-l.room })}, nil
}

// placed is a connection with a place.
type placed struct {
	net.Conn
	leave func()
}

func (c *placed) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
