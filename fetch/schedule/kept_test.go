package schedule

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/fetch"
)

// Where not all connections may stay open as many accounts as may are watched, and the others polled; that is
// said once. A place that is given up is another's.
func TestKeptConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n, most = 5, 2
		servers, accounts := make([]*server, n), make([]*fetch.Account, n)
		for i := range n {
			servers[i] = &server{watches: true, mail: make(chan struct{})}
			accounts[i] = servers[i].account(fmt.Sprint("a", i))
			accounts[i].Idle = true
		}
		open := func() (indices []int) {
			for i, s := range servers {
				s.mu.Lock()
				if s.open > 0 {
					indices = append(indices, i)
				}
				s.mu.Unlock()
			}
			return indices
		}

		var log bytes.Buffer
		ctx, cancel := context.WithCancel(t.Context())
		s := New(Options{Interval: time.Minute, MaxKept: most, Log: slog.New(slog.NewTextHandler(&log, nil))})
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			s.Run(ctx, accounts)
		}()
		time.Sleep(10 * time.Minute)
		before := open()
		if len(before) != most {
			t.Errorf("connections of %v are open, want %d", before, most)
		}
		for i, s := range servers {
			watched := s.open > 0
			if looks := len(s.looks); watched && looks > 2 || !watched && looks < 8 {
				t.Errorf("account %d, watched %v, was looked at %d times", i, watched, looks)
			}
		}

		left := before[0]
		var others []*fetch.Account
		for i, a := range accounts {
			if i != left {
				others = append(others, a)
			}
		}
		s.Replace(others)
		time.Sleep(2 * time.Minute)
		if after := open(); len(after) != most || after[0] == left || after[1] == left {
			t.Errorf("connections of %v are open when account %d is gone, want %d", after, left, most)
		}
		cancel()
		<-ended
		if len(s.kept) != 0 {
			t.Errorf("%d connections are taken after the end", len(s.kept))
		}
		if times := strings.Count(log.String(), "2 are watched, the others polled"); times != 1 {
			t.Errorf("said %d times:\n%s", times, log.String())
		}
	})
}
