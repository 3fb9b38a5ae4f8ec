package wire

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"
)

// DialTimeout bounds name look-up and connecting, over all of a host's addresses.
const DialTimeout = 60 * time.Second

// keepAlive finds a peer that is gone without a word, also while nothing is read for long (IDLE).
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 60 * time.Second, Interval: 15 * time.Second, Count: 4}

// Dial connects to host:port over TCP, or runs plugin (with %h and %p replaced) and speaks to it instead. The time
// limit is the smaller of timeout and DialTimeout.
func Dial(ctx context.Context, host string, port int, plugin string, timeout time.Duration) (net.Conn, error) {
	if plugin != "" {
		return dialPlugin(plugin, host, port)
	}
	limit := DialTimeout
	if timeout > 0 {
		limit = min(limit, timeout)
	}
	d := net.Dialer{Timeout: limit, KeepAliveConfig: keepAlive}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return conn, nil
}
