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
	// quiet is n spells without news, the last of which is not over.
	quiet := func(n int) string {
		script := idle
		for tag := 3; n > 1; n, tag = n-1, tag+3 {
			script += fmt.Sprintf("C: DONE\nS: T%d OK\nC: T%d NOOP\nC: T%d UID SEARCH UID 10:*\nS: T%d OK\nS: * SEARCH\nS: T%d OK\nC: T%d IDLE\nS: +\n",
				tag, tag+1, tag+2, tag+1, tag+2, tag+3)
		}
		return script
	}
	tests := []struct {
		name    string
		script  string
		timeout time.Duration
		changed bool
		err     string
		after   time.Duration
	}{
		{"new mail", idle + "WAIT 4m\nS: * 10 EXISTS\nC: DONE\nS: T3 OK" + bye, time.Hour, true, "", 4 * time.Minute},
		{"new mail before IDLE is answered", "C: T3 IDLE\nS: * 10 EXISTS\nS: + idling\nC: DONE\nS: T3 OK" + bye, time.Hour, true, "", 0},
		{"keep-alive messages are no news", idle + "WAIT 2m\nS: * OK still here\nWAIT 2m\nS: * 3 FETCH (FLAGS (\\Seen))\nC: DONE\nS: T3 OK" + bye, 5 * time.Minute, false, "", 5 * time.Minute},
		{"kept alive for long", quiet(5) + strings.Repeat("WAIT 2m\nS: * OK still here\n", 2) + "S: * 10 EXISTS\nC: DONE\nS: T15 OK" + bye, time.Hour, true, "", 24 * time.Minute},
		{"our time is over", quiet(4) + "C: DONE\nS: T12 OK" + bye, 20 * time.Minute, false, "", 20 * time.Minute},
		{"renewed", quiet(2) + "WAIT 1m\nS: * 10 EXISTS\nC: DONE\nS: T6 OK" + bye, time.Hour, true, "", 6 * time.Minute},
		{"never announced, found by a search", idle + "C: DONE\nS: T3 OK\nC: T4 NOOP\nC: T5 UID SEARCH UID 10:*\nS: T4 OK\nS: * SEARCH 10\nS: T5 OK" + bye,
			time.Hour, true, "", 5 * time.Minute},
		{"announced by NOOP", idle + "C: DONE\nS: T3 OK\nC: T4 NOOP\nC: T5 UID SEARCH UID 10:*\nS: * 1 EXISTS\nS: T4 OK\nS: * SEARCH\nS: T5 OK" + bye,
			time.Hour, true, "", 5 * time.Minute},
		{"refused", "C: T3 IDLE\nS: T3 NO not today" + bye, time.Hour, false, "can't tell of new mail: idle: NO \"not today\"", 0},
		{"answered at once", "C: T3 IDLE\nS: T3 OK done\nSTALL", time.Hour, false, "can't tell of new mail", 0},
		{"ended by the server", idle + "WAIT 3m\nS: T3 OK enough\nSTALL", time.Hour, false, "can't tell of new mail", 3 * time.Minute},
		{"never begun", "C: T3 IDLE\nSTALL", time.Hour, false, "no answer", time.Minute},
		{"DONE is not answered", idle + "C: DONE\nSTALL", 5 * time.Minute, false, "no answer", 6 * time.Minute},
		{"dead while idle", quiet(3) + "C: DONE\nSTALL", time.Hour, false, "no answer", 16 * time.Minute},
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

// While the server counts a message that it does not show, it is asked again soon.
func TestAnnouncedBeforeItIsFound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.Keep, r.MarkSeen, r.Idle = true, false, true
		script := strings.Replace(selected("IDLE", 10, ""), "0 EXISTS", "1 EXISTS", 1) +
			step(3, "UID SEARCH SEEN", names("")) + step(4, "FETCH 1:. ", "")
		tag := 5
		for range 3 {
			script += fmt.Sprintf("C: T%d IDLE\nS: +\nC: DONE\nS: T%d OK\n", tag, tag)
			script += step(tag+1, "NOOP", "") + step(tag+2, "UID SEARCH ALL", names("")) + step(tag+3, "FETCH 1", "")
			tag += 4
		}
		script += fmt.Sprintf("C: T%d IDLE\nS: +\nWAIT 2m\nS: * 2 EXISTS\nC: DONE\nS: T%d OK\n", tag, tag)
		p := r.play(script+bye, nil)
		ret := fetch.NewRetriever(r.Account)
		for _, want := range append(recheckDelays(), 2*time.Minute) {
			if _, err := ret.Retrieve(t.Context()); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			if changed, err := ret.Watch(t.Context(), nil, time.Hour); !changed || err != nil || time.Since(start) != want {
				t.Errorf("changed %v, %v after %v, want %v", changed, err, time.Since(start), want)
			}
		}
		_ = ret.Close()
		if err := p.Done(); err != nil {
			t.Error(err)
		}
	})
}
