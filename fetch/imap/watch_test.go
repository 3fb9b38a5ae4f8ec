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
	idle := "C: TIDLE IDLE\nS: + idling\n"
	// quiet is n spells without news, the last of which is not over.
	quiet := func(n int) string {
		script := idle
		for ; n > 1; n-- {
			script += "C: DONE\nS: TIDLE OK\nC: T1 NOOP\nC: T2 UID SEARCH UID 10:*\nS: T1 OK\nS: * SEARCH\n" +
				"S: T2 OK\nC: TIDLE IDLE\nS: +\n"
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
		{"new mail", idle + "WAIT 4m\nS: * 10 EXISTS\nC: DONE\nS: TIDLE OK" + bye, time.Hour, true, "",
			4 * time.Minute},
		{"new mail before IDLE is answered",
			"C: TIDLE IDLE\nS: * 10 EXISTS\nS: + idling\nC: DONE\nS: TIDLE OK" + bye, time.Hour, true, "", 0},
		{"keep-alive messages are no news",
			idle +
				"WAIT 2m\nS: * OK still here\nWAIT 2m\nS: * 3 FETCH (FLAGS (\\Seen))\nC: DONE\nS: TIDLE OK" +
				bye, 5 * time.Minute, false, "", 5 * time.Minute},
		{"as many as before, at the beginning", idle + "S: * 0 EXISTS\nC: DONE\nS: TIDLE OK" + bye,
			time.Hour, true, "", time.Second},
		{"as many as before, later", idle + "WAIT 4m\nS: * 0 EXISTS\nC: DONE\nS: TIDLE OK" + bye,
			time.Hour, true, "", 4 * time.Minute},
		{"as many as before, and IDLE ends", idle + "S: * 0 EXISTS\nS: TIDLE OK" + bye, time.Hour, true, "",
			time.Second},
		{"as many as before, and nothing more", idle + "S: * 0 EXISTS\nCLOSE", time.Hour, false, "idle", 0},
		{"as many as before, then one more",
			idle + "S: * 0 EXISTS\nWAIT 500ms\nS: * 1 EXISTS\nC: DONE\nS: TIDLE OK" + bye, time.Hour, true,
			"", 500 * time.Millisecond},
		{"one goes, and one comes",
			idle + "S: * 1 EXPUNGE\nS: * 1 EXISTS\nC: DONE\nS: TIDLE OK" + bye, time.Hour, true, "", 0},
		{"kept alive for long",
			quiet(5) + strings.Repeat("WAIT 2m\nS: * OK still here\n", 2) +
				"S: * 10 EXISTS\nC: DONE\nS: TIDLE OK" + bye, time.Hour, true, "", 24 * time.Minute},
		{"our time is over", quiet(4) + "C: DONE\nS: TIDLE OK" + bye, 20 * time.Minute, false, "",
			20 * time.Minute},
		{"renewed", quiet(2) + "WAIT 1m\nS: * 10 EXISTS\nC: DONE\nS: TIDLE OK" + bye, time.Hour, true, "",
			6 * time.Minute},
		{"never announced, found by a search",
			idle + "C: DONE\nS: TIDLE OK\nC: T1 NOOP\nC: T2 UID SEARCH UID 10:*\nS: T1 OK\n" +
				"S: * SEARCH 10\nS: T2 OK" + bye,
			time.Hour, true, "", 5 * time.Minute},
		{"announced by NOOP",
			idle + "C: DONE\nS: TIDLE OK\nC: T1 NOOP\nC: T2 UID SEARCH UID 10:*\nS: * 1 EXISTS\nS: T1 OK\n" +
				"S: * SEARCH\nS: T2 OK" + bye,
			time.Hour, true, "", 5 * time.Minute},
		{"refused", "C: TIDLE IDLE\nS: TIDLE NO not today" + bye, time.Hour, false,
			"can't tell of new mail: idle: NO \"not today\"", 0},
		{"answered at once", "C: TIDLE IDLE\nS: TIDLE OK done\nSTALL", time.Hour, false,
			"can't tell of new mail", 0},
		{"ended by the server at once, behind the acknowledgement", idle + "S: TIDLE OK done\nSTALL",
			time.Hour, false, "can't tell of new mail", 0},
		{"ended by the server, time and again", quiet(1) +
			strings.Repeat("WAIT 3m\nS: TIDLE OK enough\nC: T1 NOOP\nC: T2 UID SEARCH UID 10:*\nS: T1 OK\n"+
				"S: * SEARCH\nS: T2 OK\n"+idle, 3) + "S: * 10 EXISTS\nC: DONE\nS: TIDLE OK" + bye, time.Hour,
			true, "", 9 * time.Minute},
		{"ended by the server while DONE is on its way",
			idle + "C: DONE\nS< TIDLE OK enough\\r\\nDONE BAD no such command\\r\\n\n" +
				"C: T1 NOOP\nC: T2 UID SEARCH UID 10:*\nS: T1 OK\nS: * SEARCH 10\nS: T2 OK" + bye,
			time.Hour, true, "", 5 * time.Minute},
		{"never begun", "C: TIDLE IDLE\nSTALL", time.Hour, false, "no answer", time.Minute},
		{"DONE is not answered", idle + "C: DONE\nSTALL", 5 * time.Minute, false, "no answer",
			6 * time.Minute},
		{"dead while idle", quiet(3) + "C: DONE\nSTALL", time.Hour, false, "no answer", 16 * time.Minute},
		{"BYE", idle + "WAIT 3m\nS: * BYE autologout\nCLOSE", time.Hour, false, "autologout",
			3 * time.Minute},
		{"closed", idle + "WAIT 3m\nCLOSE", time.Hour, false, "idle", 3 * time.Minute},
		{"a message that nobody asked for", idle + "S: * 1 FETCH (UID 9 BODY[] {11}\nS< TIDLE OK \\r\\n\n" +
			"S:  FLAGS ())\nWAIT 1m\nS: * 10 EXISTS\nC: DONE\nS: TIDLE OK" + bye,
			time.Hour, true, "", time.Minute},
		{"begun twice", idle + "WAIT 1m\nS: + idling\nSTALL", time.Hour, false, "nobody waits for",
			time.Minute},
		{"refused later", idle + "WAIT 1m\nS: TIDLE NO enough" + bye, time.Hour, false, "NO \"enough\"",
			time.Minute},
		{"garbage", idle + "WAIT 3m\nS: hello\nSTALL", time.Hour, false, "no IMAP response", 3 * time.Minute},
		{"renumbered", idle + "WAIT 3m\nS: * OK [UIDVALIDITY 2] x\nSTALL", time.Hour, false, "renumbered",
			3 * time.Minute},
		{"woken", idle + "C: DONE\nS: TIDLE OK" + bye, time.Hour, false, "", time.Minute},
		{"woken, and the connection is dead", idle + "C: DONE\nSTALL", time.Hour, false, "no answer",
			time.Minute + wokenTimeout},
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
				if changed != tt.changed || (tt.err == "") != (err == nil) ||
					err != nil && !strings.Contains(err.Error(), tt.err) {
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
		_, err := ret.Retrieve(t.Context())
		if err == nil || !strings.Contains(err.Error(), "a second connection") {
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
		p := r.play(selected("", 10, "")+"C: T3 NOOP\n"+
			"C: T4 UID SEARCH UID 10:*\nS< T3 OK\\r\\n* SEARCH\\r\\nT4 OK\\r\\n\n"+
			"C: T5 NOOP\nC: T6 UID SEARCH UID 10:*\nS: * 1 EXISTS\n"+
			"S: T5 OK\nS: * SEARCH 10\nS: T6 OK\nC: ~^T7 UID FETCH 10 \n"+
			fetched(10, "ab")+"S: T7 OK"+bye, nil)

		ret := fetch.NewRetriever(r.Account)
		for range 2 {
			if _, err := ret.Retrieve(t.Context()); err != nil {
				t.Fatal(err)
			}
			<-time.After(20 * time.Minute)
		}

		if res, err := ret.Retrieve(t.Context()); err != nil ||
			r.taker.take() != "10=ab" || res.Messages != 1 {
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

	// Work that grows with the square needs longer.
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	names, err := s.Mailboxes(ctx)
	if err != nil || len(names) != n {
		t.Errorf("%d mailboxes, %v", len(names), err)
	}
	_ = s.Close()
}

// A server that says in each IDLE how many messages there are is not asked without a pause what is new, and
// another number is news at once.
func TestSaysTheSameInEachIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.Keep, r.MarkSeen, r.Idle = true, false, true
		idle := func(told string) string {
			return "C: TIDLE IDLE\nS: +\n" + told + "C: DONE\nS: TIDLE OK\n"
		}
		// The answer to NOOP has it, too.
		look := func(exists, uids string) string {
			return step(1, "NOOP", exists) + step(2, "UID SEARCH", names(uids))
		}

		const one, two = "S: * 1 EXISTS\n", "S: * 2 EXISTS\n"
		script := strings.Replace(holds(1, "1"), "IMAP4rev1", "IMAP4rev1 IDLE", 1) +
			step(3, "UID FETCH 1 ", fetched(1, "a"))
		for range 4 {
			script += idle(one) + look(one, "")
		}
		script += idle(one+"WAIT 2s\n"+two) + look(two, "10") + step(3, "UID FETCH 10 ", fetched(10, "b")) +
			idle("") + look("", "") + idle(two)
		p := r.play(script+bye, nil)

		ret := fetch.NewRetriever(r.Account)
		for i, want := range []time.Duration{0, 1, 5, 30, 2, 1, 5} {
			if _, err := ret.Retrieve(t.Context()); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			changed, err := ret.Watch(t.Context(), nil, 4*time.Minute)
			if d := time.Since(start); !changed || err != nil || d != want*time.Second {
				t.Errorf("%d: changed %v, %v after %v, want %vs", i, changed, err, d, int(want))
			}
		}

		_ = ret.Close()
		if err := p.Done(); err != nil {
			t.Error(err)
		}
	})
}

// While the server counts a message that it does not show, it is asked again soon.
func TestAnnouncedBeforeItIsFound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.Keep, r.MarkSeen, r.Idle = true, false, true
		script := strings.Replace(selected("IDLE", 10, ""), "0 EXISTS", "1 EXISTS", 1) +
			step(3, "UID SEARCH SEEN", names("")) + step(4, "FETCH 1:. ", "")

		for range 3 {
			script += "C: TIDLE IDLE\nS: +\nC: DONE\nS: TIDLE OK\n"
			script += step(1, "NOOP", "") + step(2, "UID SEARCH ALL", names("")) + step(3, "FETCH 1", "")
		}

		script += "C: TIDLE IDLE\nS: +\nWAIT 2m\nS: * 2 EXISTS\nC: DONE\nS: TIDLE OK\n"
		p := r.play(script+bye, nil)
		ret := fetch.NewRetriever(r.Account)
		for _, want := range append(recheckDelays(), 2*time.Minute) {
			if _, err := ret.Retrieve(t.Context()); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			changed, err := ret.Watch(t.Context(), nil, time.Hour)
			if !changed || err != nil || time.Since(start) != want {
				t.Errorf("changed %v, %v after %v, want %v", changed, err, time.Since(start), want)
			}
		}

		_ = ret.Close()
		if err := p.Done(); err != nil {
			t.Error(err)
		}
	})
}
