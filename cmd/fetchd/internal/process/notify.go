package process

import (
	"net"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"fetchd/tlsverify/hints"
)

// Notifier tells the service manager how the daemon is (sd_notify(3)). The nil Notifier, for when there is no
// manager, does nothing.
type Notifier struct {
	conn  *net.UnixConn
	every time.Duration // between two signs of life
}

// sendTimeout is how long a manager that does not read is waited for. Our end must not hang with it.
const sendTimeout = 100 * time.Millisecond

// statusInterval is how often the status line is renewed unless the watchdog wants a sign of life more often.
const statusInterval = 30 * time.Second

// NewNotifier connects to the socket that NOTIFY_SOCKET names; WATCHDOG_USEC says how often the manager wants
// a sign of life, and it gets one in half that time.
func NewNotifier(env func(string) string) (*Notifier, error) {
	name := env("NOTIFY_SOCKET")
	if name == "" {
		return nil, nil
	}
	// An abstract socket of Linux: systemd writes @ for the NUL with which its name begins (sd_notify(3)).
	if name[0] == '@' {
		name = "\x00" + name[1:]
	}

	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return nil, hints.Errorf("NOTIFY_SOCKET names its socket; unset it where there is none",
			"connect to the service manager: %w", err)
	}

	n := &Notifier{conn: conn, every: statusInterval}
	if us, err := strconv.ParseInt(env("WATCHDOG_USEC"), 10, 64); err == nil && us > 0 {
		n.every = min(n.every, time.Duration(us)*time.Microsecond/2)
	}

	return n, nil
}

// send sends one or more assignments, each on a line. It ignores errors: the daemon works without a manager
// too.
func (n *Notifier) send(state string) {
	if n != nil {
		_ = n.conn.SetWriteDeadline(time.Now().Add(sendTimeout))
		_, _ = n.conn.Write([]byte(state))
	}
}

// Tick returns the channel of a ticker for signs of life, nil for the nil Notifier, and a function that stops
// it.
func (n *Notifier) Tick() (<-chan time.Time, func()) {
	if n == nil {
		return nil, func() {}
	}
	t := time.NewTicker(n.every)
	return t.C, t.Stop
}

// Alive is a sign of life with a line about how the daemon is. stalled is an account at which it stands
// still: then the manager is told that, and ends us.
func (n *Notifier) Alive(stalled, line string) { n.send(signOfLife(stalled, line)) }

func signOfLife(stalled, line string) string {
	if stalled != "" {
		// Without WATCHDOG=1, which would tell the manager that all is well.
		return "STATUS=stands still at " + stalled
	}
	return "WATCHDOG=1\nSTATUS=" + line
}

// Reloading announces a reload; Ready ends it.
func (n *Notifier) Reloading() {
	if n == nil {
		return
	}
	var now unix.Timespec
	// systemd wants the time of the system's monotonic clock with RELOADING=1; Go's own can't be read.
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	n.send("RELOADING=1\nMONOTONIC_USEC=" + strconv.FormatInt(now.Nano()/1000, 10))
}

func (n *Notifier) Ready()    { n.send("READY=1") }
func (n *Notifier) Stopping() { n.send("STOPPING=1") }

func (n *Notifier) Close() {
	if n != nil {
		_ = n.conn.Close()
	}
}
