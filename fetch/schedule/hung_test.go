package schedule

import (
	"context"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"

	"fetchd/fetch/fetchtest"
)

// silentServer accepts connections, says nothing and gives its port.
func silentServer(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln.Addr().(*net.TCPAddr).Port
}

// TestOneServerOfTwentyHangs has 20 accounts in one pass, with less places than accounts. One server accepts
// and never answers: by the time that the other 19 accounts are done, nothing has come of it and nothing has
// ended it.
func TestOneServerOfTwentyHangs(t *testing.T) {
	t.Parallel()
	const n, dead = 20, 9
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := fetchtest.StartIdleServer(t, ln)
	box := &subjects{got: map[string]int{}, after: func() {}}
	accounts := idleAccountsOn(t, srv, n, nil, box)
	for i, a := range accounts {
		a.Idle = false
		if i == dead {
			a.Port = silentServer(t)
			continue
		}
		srv.Deliver(a.User)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var done atomic.Int32
	s := New(Options{MaxPolls: 3, Log: slog.New(slog.DiscardHandler), Done: func(o Outcome) {
		a, res, err := o.Account, o.Result, o.Err
		if a == accounts[dead] {
			if got := done.Load(); got != n-1 {
				t.Errorf("the hung account ended (%v) when %d others had", err, got)
			}
			return
		}
		if err != nil || res.Delivered != 1 {
			t.Errorf("%s: %+v, %v", a.Name, res, err)
		}
		if done.Add(1) == n-1 {
			cancel() // and only this ends the hung one
		}
	}})
	outcomes := s.Once(ctx, accounts)
	if len(outcomes) != n || outcomes[dead].Err == nil || box.count() != n-1 {
		t.Errorf("%d delivered, the hung account: %v", box.count(), outcomes[dead].Err)
	}
}
