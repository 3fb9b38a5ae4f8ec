package imap

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/fetch"
)

func TestWatchScripted(t *testing.T) {
	t.Parallel()
	idle := "C: T3 IDLE\nS: + idling\n"
	tests := []struct {
		name    string
		script  string
		timeout time.Duration
		changed bool
		err     string
		after   time.Duration
	}{
		{"new mail", idle + "WAIT 5m\nS: * 10 EXISTS\nC: DONE\nS: T3 OK" + bye, time.Hour, true, "", 5 * time.Minute},
		{"new mail before IDLE is answered", "C: T3 IDLE\nS: * 10 EXISTS\nS: + idling\nC: DONE\nS: T3 OK" + bye, time.Hour, true, "", 0},
		{"keep-alive messages are no news", idle + "WAIT 2m\nS: * OK still here\nWAIT 2m\nS: * 3 FETCH (FLAGS (\\Seen))\nC: DONE\nS: T3 OK" + bye, 10 * time.Minute, false, "", 10 * time.Minute},
		{"kept alive for long", idle + strings.Repeat("WAIT 2m\nS: * OK still here\n", 12) + "S: * 10 EXISTS\nC: DONE\nS: T3 OK" + bye, time.Hour, true, "", 24 * time.Minute},
		{"our time is over", idle + "C: DONE\nS: T3 OK" + bye, 20 * time.Minute, false, "", 20 * time.Minute},
		{"renewed", idle + "C: DONE\nS: T3 OK\nC: T4 IDLE\nS: +\nWAIT 1m\nS: * 10 EXISTS\nC: DONE\nS: T4 OK" + bye, time.Hour, true, "", 29 * time.Minute},
		{"refused", "C: T3 IDLE\nS: T3 NO not today" + bye, time.Hour, false, "can't tell of new mail: idle: NO \"not today\"", 0},
		{"answered at once", "C: T3 IDLE\nS: T3 OK done\nSTALL", time.Hour, false, "can't tell of new mail", 0},
		{"ended by the server", idle + "WAIT 3m\nS: T3 OK enough\nSTALL", time.Hour, false, "can't tell of new mail", 3 * time.Minute},
		{"never begun", "C: T3 IDLE\nSTALL", time.Hour, false, "no answer", time.Minute},
		{"DONE is not answered", idle + "C: DONE\nSTALL", 5 * time.Minute, false, "no answer", 6 * time.Minute},
		{"dead while idle", idle + "C: DONE\nSTALL", time.Hour, false, "no answer", 29 * time.Minute},
		{"BYE", idle + "WAIT 3m\nS: * BYE autologout\nCLOSE", time.Hour, false, "autologout", 3 * time.Minute},
		{"closed", idle + "WAIT 3m\nCLOSE", time.Hour, false, "idle", 3 * time.Minute},
		{"garbage", idle + "WAIT 3m\nS: hello\nSTALL", time.Hour, false, "no IMAP response", 3 * time.Minute},
		{"renumbered", idle + "WAIT 3m\nS: * OK [UIDVALIDITY 2] x\nSTALL", time.Hour, false, "renumbered", 3 * time.Minute},
		{"woken", idle + "C: DONE\nS: T3 OK" + bye, time.Hour, false, "", time.Minute},
		{"woken, and the connection is dead", idle + "C: DONE\nSTALL", time.Hour, false, "no answer", time.Minute + wokenTimeout},
		{"cancelled", idle + "STALL", time.Hour, false, "context canceled", time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				r.Keep, r.MarkSeen, r.Idle = true, false, true
				p := r.play(selected("IDLE", 10, "")+tt.script, nil)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				ret := fetch.NewRetriever(r.Account)
				if _, err := ret.Retrieve(ctx); err != nil {
					t.Fatal(err)
				}
				wake := make(chan struct{}, 1)
				switch tt.name {
				case "woken", "woken, and the connection is dead":
					time.AfterFunc(time.Minute, func() { wake <- struct{}{} })
				case "cancelled":
					time.AfterFunc(time.Minute, cancel)
				}
				start := time.Now()
				changed, err := ret.Watch(ctx, wake, tt.timeout)
				if changed != tt.changed || (tt.err == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.err) {
					t.Errorf("changed %v, error %v", changed, err)
				}
				if d := time.Since(start); d != tt.after {
					t.Errorf("after %v, want %v", d, tt.after)
				}
				_ = ret.Close()
				if err := p.Done(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A kept connection that died without a word (a suspend, another network) is replaced soon.
func TestDeadKeptConnectionIsReplaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.Keep, r.MarkSeen, r.KeepAlive = true, false, true
		p := r.play(selected("", 10, "")+"C: T3 NOOP\nC: T4 UID SEARCH UID 10:*\nSTALL", nil)
		ret := fetch.NewRetriever(r.Account)
		if _, err := ret.Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := ret.Retrieve(t.Context()); err == nil || !strings.Contains(err.Error(), "a second connection") {
			t.Errorf("error %v", err)
		}
		if d := time.Since(start); d != aliveTimeout {
			t.Errorf("after %v, want %v", d, aliveTimeout)
		}
		_ = p.Done()
	})
}

// A kept connection may lie idle for long, and is used again without a new SELECT.
func TestKeptConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.Keep, r.MarkSeen, r.KeepAlive = true, false, true
		p := r.play(selected("", 10, "")+"C: T3 NOOP\nC: T4 UID SEARCH UID 10:*\nS< T3 OK\\r\\n* SEARCH\\r\\nT4 OK\\r\\n\n"+
			"C: T5 NOOP\nC: T6 UID SEARCH UID 10:*\nS: * 1 EXISTS\nS: T5 OK\nS: * SEARCH 10\nS: T6 OK\nC: ~^T7 UID FETCH 10 \n"+
			fetched(10, "ab")+"S: T7 OK"+bye, nil)
		ret := fetch.NewRetriever(r.Account)
		for range 2 {
			if _, err := ret.Retrieve(t.Context()); err != nil {
				t.Fatal(err)
			}
			<-time.After(20 * time.Minute)
		}
		if res, err := ret.Retrieve(t.Context()); err != nil || r.taker.take() != "10=ab" || res.Messages != 1 {
			t.Errorf("%+v, %v", res, err)
		}
		_ = ret.Close()
		if err := p.Done(); err != nil {
			t.Error(err)
		}
	})
}

// A server that lists mailboxes without end costs time for each of them, and not for each pair.
func TestManyMailboxes(t *testing.T) {
	t.Parallel()
	const n = 200_000
	var script strings.Builder
	script.WriteString("S: * PREAUTH [CAPABILITY IMAP4rev1] hello\nC: ~^T1 LIST\n")
	for i := range n {
		fmt.Fprintf(&script, "S: * LIST () \"/\" box%06d\n", i)
	}
	script.WriteString("S: T1 OK" + bye)
	r := newRig(t, nil)
	r.Patterns, r.Trace = []string{"*"}, nil
	r.play(script.String(), nil)
	s, err := r.Connect(t.Context(), r.Account)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // work that grows with the square needs longer
	defer cancel()
	names, err := s.Mailboxes(ctx)
	if err != nil || len(names) != n {
		t.Errorf("%d mailboxes, %v", len(names), err)
	}
	_ = s.Close()
}
