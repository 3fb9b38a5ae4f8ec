package imap

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
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
	seed  uint64
	clock time.Time
	excuses
	serving sync.WaitGroup
	mu      sync.Mutex
	got     map[int]int
	client  *fetch.Retriever
	errs    []string
}

// wild seeds that found faults.
var wildSeeds = []uint64{92, 128, 514, 576, 613, 665, 968, 985, 1021, 1515, 2417, 2869, 4195, 5623, 8179,
	8377, 12043, 12182, 15340, 15946, newerSeeds + 11, newerSeeds + 14,
	newerSeeds + 35, newerSeeds + 1612, newerSeeds + 4145, newerSeeds + 6102, newerSeeds + 6388}

// Whatever a server's habits are, each message is delivered, and once, and what was there and \Seen before
// us is not delivered. What can't be told is left out, see excuses.
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

func live(t *testing.T, r *rig, seed uint64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	some := func() bool { return rng.IntN(4) == 0 }
	account := *r.Account
	h := &history{
		rig: &rig{t: t, Account: &account}, seed: seed, clock: time.Unix(1_700_000_000, 0),
		excuses: newExcuses(), got: map[int]int{},
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
		client, server := fetchtest.LatePipe()
		h.serving.Go(func() { s.serve(server) })
		return h.quirks.begin(ctx, a, client)
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
		if m.seen {
			h.old[m.id] = m.uid
		}
	}
	for range 3 + s.rng.IntN(8) {
		h.poll(t)
		h.happen()
	}
	s.calm = true
	for quiet := 0; quiet < 4; quiet++ { // a view may show one message at a time
		before := len(h.got) - len(s.box)
		h.poll(t)
		// Longer than between two looks at everything. In all it is longer than a day, for which a message at
		// which sessions ended is left alone.
		h.clock = h.clock.Add(resurvey + 3*time.Hour)
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
	_, err := h.client.Retrieve(t.Context())
	if err != nil {
		h.errs = append(h.errs, err.Error())
	}
	h.noteDecision(err == nil)
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
	if s.validity != validity {
		h.noteRenumbered(s.box)
	}
	if s.others && len(s.box) > 0 && s.maybe(40) {
		m := s.box[s.rng.IntN(len(s.box))]
		if s.maybe(50) {
			m.seen = true
			h.noteRead(m)
		} else {
			s.box = slices.DeleteFunc(s.box, func(b *mail) bool { return b == m })
			s.deleted = append(s.deleted, *m)
			h.noteRemoved(m.id)
		}
	}

	s.log = append(s.log,
		fmt.Sprintf("-- %d messages, UIDVALIDITY %d, next %d", len(s.box), s.validity, s.next))
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
		h.noteRemoved(id)
	}
	h.gone = nil
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
	h.noteDelivered(id, h.wildServer)
	return nil
}
