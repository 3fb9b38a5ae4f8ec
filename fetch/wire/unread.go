package wire

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Unread tells whether the peer has said something that was not read yet, or has left. It does not wait.
// Where the system can't be asked, as for a plugin over a pipe, only what was received already is known. Over
// TLS whatever comes counts.
func (c *Conn) Unread() bool {
	if c.r.Buffered() > 0 {
		return true
	}

	raw, ok := c.raw.(syscall.Conn)
	if !ok {
		return false
	}

	fd, err := raw.SyscallConn()
	if err != nil {
		return false
	}

	unread := false
	_ = fd.Control(func(fd uintptr) {
		_, _, err := unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		unread = err == nil // also at the end, where it gives no byte
	})

	return unread
}
