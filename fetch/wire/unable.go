package wire

import (
	"sync"
	"time"
)

// Unable remembers servers that do not do what they offer. It forgets them after a day: the network may
// have been at fault. The zero value is ready. It is safe for concurrent use.
type Unable struct {
	mu    sync.Mutex
	since map[string]time.Time
}

// Has tells whether the server, a host and port, was added within a day.
func (u *Unable) Has(server string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	since, found := u.since[server]
	return found && time.Since(since) < 24*time.Hour
}

// Add remembers the server from now on.
func (u *Unable) Add(server string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.since == nil {
		u.since = make(map[string]time.Time)
	}
	u.since[server] = time.Now()
}
