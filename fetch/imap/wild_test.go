package imap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
)

// history is one mailbox's life on a wild server, made from a seed, and what was delivered of it.
type history struct {
	*rig
	*wildServer
	seed    uint64
	old     map[int]bool // there and \Seen at first contact
	excused map[int]bool // deleted by others, or read by them where that makes it old
	clock   time.Time
	serving sync.WaitGroup
	mu      sync.Mutex
	got     map[int]int
	renewed bool // the mailbox was renumbered
	client  *fetch.Retriever
	errs    []string
}

// wild seeds that found faults.
var wildSeeds = []uint64{92, 128, 514, 576, 613, 665, 968, 985, 1021, 1515, 2417, 2869, 4195, 5623, 8179,
	8377, 12043, 12182, 15340, 15946, newerSeeds + 11, newerSeeds + 14,
	newerSeeds + 6102}

// Whatever a server's habits are, each message is delivered, and once, and what was there and \Seen before us is
// not delivered. Two things can't be told, and are left out: after another UIDVALIDITY which message is which,
// and of a server that answers neither a search for \Seen nor FETCH FLAGS what was read. A message too many is
// better than one too few then.
func TestWildServers(t *testing.T) {
	t.Parallel()
	first, end := fetchtest.Histories(t, 100)
	r := newRig(t, nil)
	r.Trace = nil
	for seed := first; seed < end; seed++ {
		for _, seed := range []uint64{seed, newerSeeds + seed} {
			if live(t, r, seed); t.Failed() {
				return
			}
		}
	}

	for _, seed := range wildSeeds {
		if base := seed % newerSeeds; base < first || base >= end { // the others have lived already
			live(t, r, seed)
		}
	}
}

// A lateWriter takes what is written after the other end was closed, as a TCP connection does; reading tells
// of it.
type lateWriter struct{ net.Conn }

func (c lateWriter) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err = open(err); err == nil {
		n = len(p)
	}
	return n, err
}

func (c lateWriter) SetDeadline(t time.Time) error      { return open(c.Conn.SetDeadline(t)) }
func (c lateWriter) SetReadDeadline(t time.Time) error  { return open(c.Conn.SetReadDeadline(t)) }
func (c lateWriter) SetWriteDeadline(t time.Time) error { return open(c.Conn.SetWriteDeadline(t)) }

// open is err, unless that says that a pipe is closed.
func open(err error) error {
	if errors.Is(err, io.ErrClosedPipe) {
		return nil
	}
	return err
}

func live(t *testing.T, r *rig, seed uint64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	some := func() bool { return rng.IntN(4) == 0 }
	account := *r.Account
	h := &history{
		rig: &rig{t: t, Account: &account}, seed: seed, clock: time.Unix(1_700_000_000, 0),
		old: map[int]bool{}, excused: map[int]bool{}, got: map[int]int{},
		wildServer: &wildServer{rng: rng, validity: 1, next: 1, habits: habits{
			unseen: some(), reuse: some(), late: some(), renumber: some(), drop: some(), others: some(),
			hold: some(), back: some(), shuffle: some(), uidplus: !some(), esearch: some(),
		}},
	}
	s := h.wildServer
	if some() {
		s.limit = 1 + rng.IntN(5)
	}
	if some() {
		s.partial = 1 + rng.IntN(5)
	}
	account.Keep = some()
	if s.view = rng.IntN(8); account.Keep || !some() {
		s.view = 0 // what a view hides is not there, unless room is made
	}
	if account.Keep {
		s.reuse = false // of which nobody can know
	}
	s.back = s.back && !s.reuse && !s.late
	h.wilder()
	h.makeNewer()
	account.Key = fmt.Sprint("wild ", seed)
	account.Deliverer, account.Now = h, func() time.Time { return h.clock }
	account.Connect = func(ctx context.Context, a *fetch.Account) (fetch.Session, error) {
		if !s.kept {
			h.serving.Wait() // for the session before it in this pass
		}
		client, server := net.Pipe()
		h.serving.Go(func() { s.serve(server) })
		return h.quirks.begin(ctx, a, lateWriter{client})
	}
	h.run(t)
}

// run is first contact, polls with events between them, and quiet ones at the end.
func (h *history) run(t *testing.T) {
	s := h.wildServer
	s.receive(s.rng.IntN(6), true)
	s.receive(s.rng.IntN(6), false)
	s.counted = len(s.box) // what is not shown at first contact is not old
	for _, m := range s.box {
		h.old[m.id] = m.seen
	}
	for range 3 + s.rng.IntN(8) {
		h.poll(t)
		h.happen()
	}
	s.calm = true
	for quiet := 0; quiet < 4; quiet++ { // a view may show one message at a time
		before := len(h.got) - len(s.box)
		h.poll(t)
		h.clock = h.clock.Add(resurvey + time.Second)
		if len(h.got)-len(s.box) > before {
			quiet = 0
		}
	}
	h.close()
	h.check(t)
}

func (h *history) close() {
	_ = h.client.Close()
	h.serving.Wait()
}

// wilder adds habits that are rarer. They are drawn apart, so that the seeds mean what they meant before.
func (h *history) wilder() {
	s, rng := h.wildServer, rand.New(rand.NewPCG(h.seed, 2))
	rare := func() bool { return rng.IntN(8) == 0 }
	s.kept, s.oldest, s.stale, s.refuse, s.noise = rare(), rare(), rare(), rare(), rare()
	s.omit, s.bodyFirst, s.auto, s.noUID, s.peeks = rare(), rare(), rare(), rare(), rare()
	s.noSeen, s.doubled, s.split = rare(), rare(), rare()
	s.uidNext = max(0, rng.IntN(8)-5)
	s.late = s.late && !s.kept // the numbers of those behind it would change
	if s.peeks {               // what could not be delivered is \Seen when it comes back
		s.renumber, s.view = false, 0
	}
}

func (h *history) poll(t *testing.T) {
	if h.client == nil || !h.kept {
		h.KeepAlive, h.client = h.kept, fetch.NewRetriever(h.Account)
	}
	if _, err := h.client.Retrieve(t.Context()); err != nil {
		h.errs = append(h.errs, err.Error())
	}
	if !h.kept {
		h.close()
	}
	h.clock = h.clock.Add(time.Minute)
}

// happen is what happens between two polls.
func (h *history) happen() {
	s := h.wildServer
	s.mu.Lock()
	defer s.mu.Unlock()
	validity := s.validity
	h.noteKnown()
	s.between()
	if s.others && len(s.box) > 0 && s.maybe(40) {
		m := s.box[s.rng.IntN(len(s.box))]
		if h.excused[m.id] = true; s.maybe(50) {
			m.seen = true
		} else {
			s.box = slices.DeleteFunc(s.box, func(b *mail) bool { return b == m })
			s.deleted = append(s.deleted, *m)
		}
	}
	h.renewed = h.renewed || validity != s.validity
	s.log = append(s.log, fmt.Sprintf("-- %d messages, UIDVALIDITY %d, next %d", len(s.box), s.validity, s.next))
}

// noteKnown notes what others may read and unread from now on, and what they deleted.
func (h *history) noteKnown() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.known = map[int]bool{}
	for id := range h.got {
		h.known[id] = true
	}
	for _, id := range h.gone {
		h.excused[id] = true
	}
}

func (h *history) String() string { return "history" }

// Deliver implements delivery.Deliverer.
func (h *history) Deliver(_ context.Context, m *delivery.Message) error {
	text := make([]byte, 200)
	n, _ := m.Body.Open().Read(text)
	var id int
	if _, err := fmt.Sscanf(string(text[:n]), "Subject: %d\n", &id); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.calm && id%7 == int(h.seed%7) && h.got[-id] < 2 {
		h.got[-id]++
		return errors.New("not now")
	}
	h.got[id]++
	return nil
}

func (h *history) check(t *testing.T) {
	t.Helper()
	s := h.wildServer
	h.noteKnown()
	for _, m := range s.box[:len(s.box)-len(s.visible())] {
		h.excused[m.id] = true // old messages fill the view
	}
	var wrong []string
	for id := 1; id <= s.last; id++ {
		n := h.got[id]
		switch {
		case n == 0 && !h.old[id] && !h.excused[id]:
			wrong = append(wrong, fmt.Sprintf("%d was not delivered", id))
		case n > 1 && !h.renewed:
			wrong = append(wrong, fmt.Sprintf("%d was delivered %d times", id, n))
		case n > 0 && h.old[id] && !h.renewed &&
			!(s.noSeen && (s.omit || s.shrinks)) && // flags that were not sent say nothing
			!(s.shrinks && s.uidNext == 1) && // seen empty and without UIDNEXT: nothing was there before us
			s.nextLies != 1: // what has a UID beyond UIDNEXT came after SELECT, for all we know
			wrong = append(wrong, fmt.Sprintf("%d is old and was delivered", id))
		}
	}
	if len(wrong) > 0 {
		t.Errorf("seed %d, keep %v, %+v %+v: %s\nerrors: %q\n%s", h.seed, h.Keep, s.habits, s.newer,
			strings.Join(wrong, ", "), h.errs, strings.Join(s.log, "\n"))
	}
}
