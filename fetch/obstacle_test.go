package fetch_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
	"fetchd/fetch/imap"
	"fetchd/fetch/pop3"
)

// blocked is an account on a POP3 server that reacts to the retrieval of some messages.
func blocked(t *testing.T, react func(uidl string) fetchtest.Reaction) (*rig, *events) {
	t.Helper()
	return rigOn(t, fetchtest.StartPOPServer(t, fetchtest.POPOptions{Retr: react}))
}

// popVariant retrieves by POP3, and remembers nothing of other servers.
func popVariant(mode fetch.TLSMode) variant {
	return variant{server: &server{protocol: fetch.POP3, connect: new(pop3.Quirks).Connect}, mode: mode}
}

// rigOn is an account on s.
func rigOn(t *testing.T, s *fetchtest.POPServer) (*rig, *events) {
	t.Helper()
	r := newRig(t, popVariant(fetch.ClearText), popMailbox(s))
	e := &events{Handler: slog.DiscardHandler, seen: map[string]int{}}
	r.a.Log, r.settle = slog.New(e), s.AwaitSessions
	return r, e
}

// A message at which the server ends the session keeps no other one from coming, in single passes and in a
// daemon. It is named, and tried once a day.
func TestOneMessageThatCannotBeHad(t *testing.T) {
	t.Parallel()
	for _, reaction := range []fetchtest.Reaction{{Drop: true}, {Within: true}} {
		for _, keep := range []bool{false, true} {
			t.Run(fmt.Sprintf("%+v, keep %v", reaction, keep), func(t *testing.T) {
				t.Parallel()
				tries, mended := 0, false
				r, e := blocked(t, func(uidl string) (none fetchtest.Reaction) {
					if uidl != "uidl-4" || mended {
						return none
					}
					tries++
					return reaction
				})
				now := time.Now()
				r.a.Keep, r.a.Now = keep, func() time.Time { return now }
				messages := numbered(7)
				r.append(t, "INBOX", messages...)

				r.fails(t, fetch.KindNetwork) // it may have been the network
				if n := len(r.delivered(t)); n != 3 {
					t.Errorf("%d delivered at first", n)
				}
				if res, err := r.fails(t, fetch.KindNetwork); res.Delivered != 3 ||
					!strings.Contains(err.Error(), "RETR") {
					t.Errorf("at the second time %+v, %v", res, err)
				}
				e.expect(t, "WARN "+fetch.EventObstacle, 0)
				r.retrieve(t, 0) // alone for the second time, and given up
				e.expect(t, "WARN "+fetch.EventObstacle, 1)
				if tries != 4 {
					t.Errorf("tried %d times", tries)
				}
				r.append(t, "INBOX", []byte("Subject: new\r\n\r\nnew\r\n"))
				r.retrieve(t, 1)
				r.retrieve(t, 0)
				if tries != 4 {
					t.Errorf("tried %d times within a day", tries)
				}
				now = now.Add(25 * time.Hour)
				r.retrieve(t, 0)
				e.expect(t, "WARN "+fetch.EventObstacle, 2)
				now = now.Add(25 * time.Hour)
				mended = true
				r.retrieve(t, 1)
				r.retrieve(t, 0)
				if note, err := r.a.Journal.Obstacles(t.Context(), r.a.Key); note != "" || err != nil {
					t.Errorf("still noted: %s, %v", note, err)
				}
				r.wants(t, append(messages, []byte("Subject: new\r\n\r\nnew\r\n")))
			})
		}
	}
}

// A message that the server refuses, and leaves, is the one in the way, and not the next one: all others
// come, and what was delivered is deleted.
func TestRefusedMessageThatEndsTheSession(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		refused []int
		passes  int // until all others are there
	}{
		{"the first", []int{1}, 2},
		{"one of them", []int{4}, 2},
		{"two of them", []int{3, 5}, 3},
		{"neighbours", []int{4, 5}, 3},
		{"the last", []int{8}, 2},
	} {
		for _, o := range []fetchtest.POPOptions{{}, {NoPipelining: true}, {NoUIDL: true}} {
			for _, keep := range []bool{false, true} {
				if keep && o.NoUIDL {
					continue
				}

				name := fmt.Sprintf("%s, no pipelining %v, no UIDL %v, keep %v", tt.name, o.NoPipelining,
					o.NoUIDL, keep)
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					checkRefusedAndLeft(t, o, keep, tt.refused, tt.passes)
				})
			}
		}
	}
}

func checkRefusedAndLeft(t *testing.T, o fetchtest.POPOptions, keep bool, refused []int, passes int) {
	mended := false
	o.Retr = func(uidl string) (none fetchtest.Reaction) {
		n, err := strconv.Atoi(strings.TrimPrefix(uidl, "uidl-"))
		if err != nil || mended || !slices.Contains(refused, n) {
			return none
		}
		return fetchtest.Reaction{Refuse: "can't read it", Drop: true}
	}
	r, e := rigOn(t, fetchtest.StartPOPServer(t, o))
	now := time.Now()
	r.a.Keep, r.a.Now = keep, func() time.Time { return now }
	messages := apart(9)
	r.append(t, "INBOX", messages[:8]...)

	for range passes {
		if _, err := r.fails(t, fetch.KindNetwork); !strings.Contains(err.Error(), "can't read it") {
			t.Errorf("the answer is not told: %v", err)
		}
	}
	if n := len(r.delivered(t)); n != 8-len(refused) {
		t.Errorf("%d delivered", n)
	}
	if !keep {
		r.holds(t, "INBOX", len(refused))
	}
	r.append(t, "INBOX", messages[8]) // others come, so it is the message
	for range 3 {                     // some are tried alone for the second time
		_, _ = r.pass(t)
	}
	e.expect(t, "WARN "+fetch.EventObstacle, len(refused))
	r.retrieve(t, 0)

	now, mended = now.Add(25*time.Hour), true
	r.retrieve(t, len(refused))
	r.wants(t, messages)
}

// Where no message comes at all, none is given up.
func TestServerThatGivesNothingIsNoObstacle(t *testing.T) {
	t.Parallel()
	var mended atomic.Bool
	r, e := blocked(t, func(string) fetchtest.Reaction { return fetchtest.Reaction{Drop: !mended.Load()} })
	messages := numbered(5)
	r.append(t, "INBOX", messages...)
	for range 12 {
		r.fails(t, fetch.KindNetwork)
	}
	e.expect(t, "WARN "+fetch.EventObstacle, 0)
	mended.Store(true)
	for range 3 {
		_, _ = r.pass(t)
	}
	r.wants(t, messages)
}

// A message that was deleted by others, or is not wanted any more, is no obstacle.
func TestObstacleThatIsGone(t *testing.T) {
	t.Parallel()
	r, e := blocked(t, func(uidl string) fetchtest.Reaction {
		return fetchtest.Reaction{Drop: uidl == "uidl-2"}
	})
	r.append(t, "INBOX", numbered(3)...)
	for range 2 {
		r.fails(t, fetch.KindNetwork)
	}
	r.a.Limit = 10
	r.retrieve(t, 0)
	if note, err := r.a.Journal.Obstacles(t.Context(), r.a.Key); note != "" || err != nil {
		t.Errorf("still noted: %s, %v", note, err)
	}
	e.expect(t, "WARN "+fetch.EventObstacle, 0)
}

// A daemon tells the owner by mail, and tries again when it is awakened.
func TestObstacleInADaemon(t *testing.T) {
	t.Parallel()
	tries := 0
	r, _ := blocked(t, func(uidl string) fetchtest.Reaction {
		if uidl == "uidl-1" {
			tries++
		}
		return fetchtest.Reaction{Drop: uidl == "uidl-1"}
	})
	p := &picky{Deliverer: r.a.Deliverer}
	r.a.Deliverer, r.a.Refusals = p, new(fetch.Refusals)
	messages := numbered(3)
	r.append(t, "INBOX", messages...)
	pass := func() {
		_, err := r.pass(t)
		r.a.Notify(t.Context(), err)
	}
	for range 5 {
		pass()
	}
	if n := len(p.notices); n != 1 || !strings.Contains(p.notices[0], "uidl-1") {
		t.Errorf("notices %q", p.notices)
	}
	if tries != 4 || r.a.Refusals.CountSetAside() != 1 {
		t.Errorf("%d tries, %d set aside", tries, r.a.Refusals.CountSetAside())
	}
	r.a.Refusals.Retry()
	pass()
	pass()
	if tries != 5 || len(p.notices) != 1 {
		t.Errorf("%d tries, notices %q", tries, p.notices)
	}
	r.wants(t, messages[1:])
}

// Dovecot ends an IMAP session at a message whose file is named for another size. (Over POP3 it then lets
// nobody in.)
func TestDovecotEndsAtAMessage(t *testing.T) {
	t.Parallel()
	d := fetchtest.StartDovecot(t, fetchtest.MaildirLines(t)...)
	imapServer := &server{protocol: fetch.IMAP, connect: imap.Connect, policy: newPolicy(t, d.Host, d.CAFile)}
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprintf("keep %v", keep), func(t *testing.T) {
			t.Parallel()
			m := dovecot(d, d.IMAP)
			r := newRig(t, variant{server: imapServer, keep: keep}, m)
			r.a.Host = d.Host
			messages := numbered(7)
			r.append(t, "INBOX", messages[:3]...)
			long := append([]byte("Subject: long\r\n\r\n"), bytes.Repeat([]byte("x\r\n"), 3<<10)...)
			d.PutFile(t, m.user, "1.M1.host,S=700:2,", long)
			d.Count(t, m.user, "INBOX") // gives it its UID
			r.append(t, "INBOX", messages[3:]...)

			for i, delivered := range []int{3, 4} {
				if res, _ := r.fails(t, fetch.KindNetwork); res.Delivered != delivered {
					t.Errorf("pass %d: %+v", i, res)
				}
			}
			r.retrieve(t, 0)
			r.wants(t, messages)
			if !keep {
				r.holds(t, "INBOX", 1)
			}
		})
	}
}
