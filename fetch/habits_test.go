package fetch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
)

// habits is a POP3 server with ways of its own, drawn from a seed, its messages, and who else reads them.
type habits struct {
	*rand.Rand
	server *fetchtest.POPServer
	keep   bool // by us: a UIDL is not used again then, which nobody could tell
	calm   bool // only what is bad for good is left
	quota  int  // messages that are given in a poll; negative = any number
	given  int
	sent   map[string]*sent // by text
	owner  map[string]*sent // who has, or had last, a UIDL
	back   map[string]int   // how often a UIDL's deletion is not to be
	log    []string
}

// sent is a message that came to the server.
type sent struct {
	text, uidl string
	bad        fetchtest.Reaction // to each attempt
	removed    bool               // by others
}

func (h *habits) note(format string, args ...any) {
	h.log = append(h.log, fmt.Sprintf(format, args...))
}

func (h *habits) one(in int) bool { return h.IntN(in) == 0 }

// startHabits starts a server.
func startHabits(t *testing.T, seed uint64) *habits {
	h := &habits{
		Rand: rand.New(rand.NewPCG(seed, 0)), quota: -1, keep: seed%3 == 0,
		sent: map[string]*sent{}, owner: map[string]*sent{}, back: map[string]int{},
	}
	h.server = fetchtest.StartPOPServer(t, fetchtest.POPOptions{
		NoPipelining: h.one(2), NoTOP: h.one(3), Retr: h.retr, Quit: h.quit, Undeletes: h.undeletes,
	})
	return h
}

// retr is called for one session at a time, as the others.
func (h *habits) retr(uidl string) fetchtest.Reaction {
	m := h.owner[uidl]
	switch {
	case m.bad != fetchtest.Reaction{}:
		return m.bad
	case h.calm:
	case h.quota >= 0 && h.given >= h.quota:
		return fetchtest.Reaction{Refuse: "not now"}
	case h.one(12):
		return fetchtest.Reaction{Drop: true}
	case h.one(12):
		return fetchtest.Reaction{Within: true}
	case h.one(12):
		return fetchtest.Reaction{Refuse: "locked"}
	}
	h.given++
	return fetchtest.Reaction{}
}

func (h *habits) quit() fetchtest.Reaction {
	switch {
	case h.calm:
	case h.one(6):
		return fetchtest.Reaction{Refuse: "could not delete"}
	case h.one(6):
		return fetchtest.Reaction{Drop: true}
	}
	return fetchtest.Reaction{}
}

func (h *habits) undeletes(uidl string) bool {
	if h.calm || h.back[uidl] == 0 {
		return false
	}
	h.back[uidl]--
	return true
}

// arrive brings new mail, some of it under UIDLs that are free again.
func (h *habits) arrive() {
	there := h.server.UIDLs()
	for range h.IntN(4) {
		n := len(h.sent)
		m := &sent{text: fmt.Sprintf("Subject: %03d\r\n\r\n%s\r\n", n, strings.Repeat("x", n%2)),
			uidl: fmt.Sprintf("u%d", n)}
		for _, uidl := range slices.Sorted(maps.Keys(h.owner)) {
			if h.one(8) && !h.keep && !slices.Contains(there, uidl) && h.back[uidl] == 0 {
				m.uidl = uidl
				break
			}
		}
		switch h.IntN(14) {
		case 0:
			m.bad = fetchtest.Reaction{Drop: true}
		case 1:
			m.bad = fetchtest.Reaction{Within: true}
		case 2:
			m.bad = fetchtest.Reaction{Refuse: "can't read it"}
		case 3:
			h.back[m.uidl] = 2
		}
		h.sent[m.text], h.owner[m.uidl] = m, m
		h.server.AppendAs(m.uidl, []byte(m.text))
		there = append(there, m.uidl)
		h.note("%s comes, bad %+v, back %d times", m.uidl, m.bad, h.back[m.uidl])
	}
}

// others delete what they like.
func (h *habits) others() {
	for _, uidl := range h.server.UIDLs() {
		if h.one(15) && h.server.Remove(uidl) {
			h.owner[uidl].removed = true
			h.back[uidl] = 0
			h.note("%s is deleted by others", uidl)
		}
	}
}

// received is a Deliverer that counts messages, and a log handler that keeps which ones are named.
type received struct {
	slog.Handler
	mu    sync.Mutex
	times map[string]int
	named map[string]bool
}

func (r *received) String() string { return "received" }

func (r *received) Deliver(_ context.Context, m *delivery.Message) error {
	text, err := io.ReadAll(m.Body.Open())
	r.mu.Lock()
	defer r.mu.Unlock()
	r.times[string(bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")))]++
	return err
}

func (r *received) Enabled(context.Context, slog.Level) bool { return true }

func (r *received) Handle(_ context.Context, rec slog.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if rec.Message == fetch.EventObstacle || rec.Message == fetch.EventFailed {
		rec.Attrs(func(a slog.Attr) bool {
			if a.Key == "uid" {
				r.named[a.Value.String()] = true
			}
			return true
		})
	}
	return nil
}

// Whatever a server's habits are, in the end each message was delivered once, or is one that it never gives:
// that one is named and still there.
func TestPOP3ServersWithHabits(t *testing.T) {
	t.Parallel()
	seeds := []uint64{289, 295, 859, 921} // that found faults, as 23 and 146 did
	first, end := fetchtest.Histories(t, 30)
	for seed := first; seed < end; seed++ {
		seeds = append(seeds, seed)
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			liveHistory(t, startHabits(t, seed))
		})
	}
}

func liveHistory(t *testing.T, h *habits) {
	r := newRig(t, popVariant(fetch.ClearText), popMailbox(h.server))
	r.settle = h.server.AwaitSessions
	got := &received{Handler: slog.DiscardHandler, times: map[string]int{}, named: map[string]bool{}}
	now := time.Now()
	r.a.Deliverer, r.a.Log, r.a.Now = got, slog.New(got), func() time.Time { return now }
	r.a.Keep, r.a.FetchLimit = h.keep, h.IntN(2)*5
	if h.one(2) {
		r.a.Refusals = new(fetch.Refusals)
	}

	var last []error
	poll := func(pause time.Duration) {
		h.given, h.quota = 0, -1
		if h.one(3) {
			h.quota = h.IntN(4)
		}
		res, err := r.pass(t)
		r.a.Notify(t.Context(), err)
		h.note("poll: %d delivered, %d deleted, %v", res.Delivered, res.Deleted, err)
		last, now = append(last, err), now.Add(pause)
	}
	for range 8 {
		h.arrive()
		poll(time.Hour)
		h.others()
	}
	h.calm = true
	for range 25 {
		poll(25 * time.Hour)
	}
	h.judge(t, got, errors.Join(last[len(last)-3:]...)) // three messages are tried alone in a pass
}

// judge looks at the end of a history.
func (h *habits) judge(t *testing.T, got *received, last error) {
	there := h.server.UIDLs()
	for text, m := range h.sent {
		times, bad := got.times[text], m.bad != fetchtest.Reaction{}
		listed := h.owner[m.uidl] == m && slices.Contains(there, m.uidl)
		switch {
		case times > 1:
			t.Errorf("%s was delivered %d times", m.uidl, times)
		case bad && times > 0:
			t.Errorf("%s was delivered, and never came", m.uidl)
		case bad && !m.removed && (!listed || !got.named[m.uidl] && last == nil):
			t.Errorf("%s can't be had: there %v, named %v, last error %v",
				m.uidl, listed, got.named[m.uidl], last)
		case !bad && !m.removed && times == 0:
			t.Errorf("%s was not delivered", m.uidl)
		case !bad && !m.removed && !h.keep && listed:
			t.Errorf("%s is still there", m.uidl)
		}
	}

	if t.Failed() {
		t.Logf("keep %v; %s", h.keep, strings.Join(h.log, "\n"))
	}
}
