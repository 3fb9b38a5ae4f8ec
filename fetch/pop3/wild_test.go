package pop3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
	"fetchd/fetch/journal"
)

// history is one maildrop's life on a wild server, made from a seed, and what was delivered of it.
type history struct {
	*wildServer
	*fetch.Account
	slog.Handler
	seed    uint64
	quirks  *Quirks
	daemon  bool // it remembers what was refused
	kills   bool // the program is killed now and then
	clock   time.Time
	serving sync.WaitGroup

	mu      sync.Mutex
	got     map[int]int
	had     map[string]bool // what the destination has, by UIDL and text
	failed  map[int]int     // deliveries
	named   map[string]bool // UIDLs
	twice   map[int]int     // how often a message may come again
	excused map[int]bool    // others have deleted it
	killed  func()          // ends the pass
	dead    bool            // it was
	errs    []error
	wrong   []string
}

// wildSeeds are seeds that found faults.
var wildSeeds = []uint64{0, 35, 62, 105, 126, 135, 401, 433, 489, 597, 816, 2171}

// Whatever a server's habits are, each message is delivered, and once, or is one that it never gives: that
// one is named, and still there. Nothing is deleted that was not delivered.
func TestWildMaildrops(t *testing.T) {
	t.Parallel()
	first, end := fetchtest.Histories(t, 30)
	j, dir := fetchtest.OpenJournal(t), t.TempDir()
	for seed := first; seed < end; seed++ {
		if live(t, j, dir, seed); t.Failed() {
			return
		}
	}
	for _, seed := range wildSeeds {
		if seed < first || seed >= end { // the others have lived already
			live(t, j, dir, seed)
		}
	}
}

func live(t *testing.T, j *journal.Journal, dir string, seed uint64) {
	t.Helper()
	h := newHistory(seed)
	h.begin(j, dir)
	h.choose()
	h.run(t)
}

// begin makes the account.
func (h *history) begin(j *journal.Journal, dir string) {
	h.Account = &fetch.Account{
		Name: "ann@mail.example.org", Key: fmt.Sprint("wild ", h.seed), Journal: j, Log: slog.New(h),
		Now: func() time.Time { return h.clock },
		Server: fetch.Server{
			Host: "mail.example.org", Protocol: fetch.POP3, TLS: fetch.ClearText, Timeout: time.Minute,
		},
		Credentials: fetch.Credentials{
			Auth: "password", User: "ann",
			Password: func(context.Context) (string, error) { return "sesame", nil },
		},
		Delivery: fetch.Delivery{Deliverer: h, Recipients: []string{"ann"}, SpoolDir: dir},
	}

	h.Connect = func(ctx context.Context, a *fetch.Account) (fetch.Session, error) {
		h.serving.Wait() // for the session before it in this pass
		client, server := fetchtest.LatePipe()
		h.serving.Go(func() { h.serve(server) })
		return h.quirks.start(ctx, a, client)
	}
}

// newHistory draws a server's habits.
func newHistory(seed uint64) *history {
	rng := rand.New(rand.NewPCG(seed, 4))
	some := func() bool { return rng.IntN(8) == 0 }
	kind := func(most int) int { return max(0, rng.IntN(3*most+3)-2*most-2) }

	h := &history{
		Handler: slog.DiscardHandler, seed: seed, quirks: new(Quirks), clock: time.Unix(1_700_000_000, 0),
		got: map[int]int{}, had: map[string]bool{}, failed: map[int]int{}, named: map[string]bool{},
		twice: map[int]int{}, excused: map[int]bool{},
		wildServer: &wildServer{rng: rng, habits: habits{
			reuse: some(), numbered: some(), renew: some(), twins: some(), odd: some(), noUIDL: kind(3),
			holes: kind(2), shuffled: some(), backward: some(), stat: kind(2), sizes: kind(4), grows: some(),
			view: kind(4), newest: some(), popped: some(), vanish: some(), some: some(), quota: kind(4),
			bad: some(), top: kind(4), drop: some(), exact: some(), chatty: some(), columns: some(),
			atOnce: some(), abort: some(), holds: some(), refuses: some(), quits: some(), back: some(),
			pipelines: rng.IntN(3), capa: kind(3), busy: some(), turns: some(),
		}},
	}

	h.deletes, h.hears = h.noteDeleted, h.killedAt
	h.renamed, h.stays = h.noteRenamed, h.noteStays
	h.gone = func(m *letter) { h.excused[m.id] = true }
	h.daemon, h.kills = rng.IntN(2) == 0, some()
	return h
}

// choose draws what the account says.
func (h *history) choose() {
	s, rng := h.wildServer, rand.New(rand.NewPCG(h.seed, 5))
	some := func() bool { return rng.IntN(4) == 0 }
	h.Keep, h.FetchLimit = some(), max(0, rng.IntN(8)-4)
	h.Expunge, h.Jobs = max(0, rng.IntN(6)-3), 1+rng.IntN(2)
	if some() {
		h.Limit = 1000
	}
	if s.twins { // the order says which is which
		s.shuffled, s.backward, s.view, s.popped = false, false, 0, false
	}
	if s.numbered || s.noUIDL == 1 && (s.quits || s.refuses) {
		s.view = 0 // what is to be deleted and is hidden is forgotten
	}
	if h.Keep { // of which nobody can know
		s.reuse, s.numbered, s.twins, s.noUIDL = false, false, false, s.noUIDL*(s.noUIDL/2)
		if some() {
			h.KeepDays = 2
		}
	}

	if h.daemon {
		h.Refusals = new(fetch.Refusals)
	}
}

// run is polls with events between them, and quiet ones at the end.
func (h *history) run(t *testing.T) {
	s := h.wildServer
	s.receive(s.rng.IntN(6))
	for range 3 + s.rng.IntN(8) {
		h.poll(t, time.Hour)
		h.happen()
	}

	s.calm = true
	for quiet := 0; quiet < 12; quiet++ { // what is bad is tried again after a day
		before := len(h.got) - len(s.box)
		h.errs = nil
		h.poll(t, 13*time.Hour)
		if len(h.got)-len(s.box) > before {
			quiet = 0
		}
	}
	h.check(t)
}

func (h *history) poll(t *testing.T, pause time.Duration) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	h.dead, h.killed = false, func() { h.dead = true; cancel() }
	_, err := fetch.Retrieve(ctx, h.Account)
	h.serving.Wait()
	h.Account.Notify(t.Context(), err)
	h.note("== poll: %v", err)
	h.errs = append(h.errs, err)
	h.clock = h.clock.Add(pause)
	if h.dead || !h.daemon { // another process
		h.quirks = new(Quirks)
		if h.daemon {
			h.Refusals = new(fetch.Refusals)
		}
	}
}

// happen is what happens between two polls.
func (h *history) happen() {
	s := h.wildServer
	s.receive(s.rng.IntN(4))
	if s.rng.IntN(5) == 0 && len(s.box) > 0 {
		s.others()
	}
	for _, m := range s.box {
		if s.grows && s.maybe(30) {
			m.written = "Status: RO\r\nX-UIDL: 1234567890abcdef\r\n"
			h.noteStays(m)
		}
	}
	if s.renew && s.maybe(20) {
		s.rename()
		s.note("-- all UIDLs are other ones")
	}
}

// noteRenamed notes that a message which was delivered may come again: under another UIDL nobody can tell
// that it is the same, but where mail is kept.
func (h *history) noteRenamed(m *letter) {
	if !h.Keep || h.top != 0 {
		h.mayRepeat(m)
	}
}

// noteStays notes that a message may come again whose deletion was confirmed: where there is nothing to tell
// it by but its content, as the same may have been sent twice, and where kept mail has no TOP.
func (h *history) noteStays(m *letter) {
	if h.noUIDL == 1 || h.noUIDL == 3 || h.twins || h.Keep && (h.top%2 == 1 || h.capa == 3) {
		h.mayRepeat(m)
	}
}

func (h *history) mayRepeat(m *letter) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.got[m.id] > 0 {
		h.twice[m.id]++
	}
}

// others is another client that deletes a message.
func (s *wildServer) others() {
	m := s.box[s.rng.IntN(len(s.box))]
	s.remove(m)
	s.gone(m)
	s.note("-- %d is deleted by others", m.id)
}

// noteDeleted judges each message that we delete.
func (h *history) noteDeleted(m *letter) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.got[m.id] == 0 {
		h.fault("%d was deleted and not delivered", m.id)
	}
}

// killedAt kills the program, now and then, when the server hears a command: another one has begun then.
func (h *history) killedAt(string) bool {
	if !h.kills || !h.maybe(2) {
		return false
	}
	h.kill()
	return true
}

// kill ends the program: another process has begun then, and of what was in hand nothing is recorded now.
func (h *history) kill() {
	err := journal.ErrTaken
	for errors.Is(err, journal.ErrTaken) { // something was recorded in between
		var d *journal.Maildrop
		if d, err = h.Journal.Maildrop(context.Background(), h.Key); err != nil {
			break
		}
		if err = d.Start(context.Background()); err == nil {
			err = d.Claim(context.Background())
		}
	}
	if err != nil {
		panic(err)
	}
	h.killed()
}

func (h *history) String() string { return "history" }

// Deliver implements delivery.Deliverer. It knows again what it has if it is told that it may.
func (h *history) Deliver(_ context.Context, m *delivery.Message) error {
	text, err := io.ReadAll(m.Body.Open())
	if err != nil {
		return err
	}
	id := 0
	_, after, _ := strings.Cut(string(text), "Subject: ")
	if _, err := fmt.Sscanf(after, "%d\n", &id); err != nil {
		return err
	}

	h.mu.Lock()
	defer h.mu.Unlock()
	want := strings.ReplaceAll(textOf(id, h.exact), "\r\n", "\n")
	if !strings.HasSuffix(string(text), want) {
		h.fault("%d came as %q", id, text)
	}
	if h.failed[id]++; id%7 == int(h.seed%7) && h.failed[id] < 3 {
		return errors.New("not now")
	}
	key := m.UID + " " + string(text)
	if m.Repeat && h.had[key] {
		return nil
	}
	h.had[key] = true
	h.got[id]++
	return nil
}

// Enabled and Handle implement slog.Handler: they note which messages are named.
func (h *history) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (h *history) Handle(_ context.Context, r slog.Record) error {
	var uid string
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "uid" {
			uid = a.Value.String()
		}
		return uid == ""
	})

	h.mu.Lock()
	defer h.mu.Unlock()
	switch r.Message {
	case fetch.EventObstacle, fetch.EventFailed, fetch.EventOversized:
		h.named[uid] = true
	}
	return nil
}

// check looks at the end of a history.
func (h *history) check(t *testing.T) {
	t.Helper()
	there := map[int]*letter{}
	for _, m := range h.box {
		there[m.id] = m
	}

	for id := 1; id <= h.last; id++ {
		m, n := there[id], h.got[id]
		switch {
		case n > 1+h.twice[id]:
			h.fault("%d was delivered %d times", id, n)
		case m == nil && n == 0 && !h.excused[id]:
			h.fault("%d is gone and was not delivered", id)
		}
	}
	for _, m := range h.visible() {
		h.checkThere(m)
	}

	if len(h.wrong) > 0 {
		t.Errorf("seed %d, keep %v, keepdays %d, fetchlimit %d, expunge %d, limit %d, daemon %v, %+v: %s\n%s",
			h.seed, h.Keep, h.KeepDays, h.FetchLimit, h.Expunge, h.Limit, h.daemon, h.habits,
			strings.Join(h.wrong, ", "), strings.Join(h.log, "\n"))
	}
}

// checkThere looks at a message that is there at the end, for us to see.
func (h *history) checkThere(m *letter) {
	n, last := h.got[m.id], errors.Join(h.errs...)
	isNamed := h.named[m.uidl] || h.noUIDL == 1
	isTooLarge := h.Limit > 0 && len(m.whole()) > int(h.Limit)
	// What has neither a UIDL nor a size that lasts can't be remembered: a bad one is in the way of the
	// others each time.
	isBlocked := h.bad && (h.numbered || h.noUIDL == 1 && h.sizes == 4)
	switch {
	case isBlocked, isTooLarge && n == 0:
	case m.bad == "" && n == 0:
		h.fault("%d is there and was not delivered", m.id)
	case m.bad != "" && n == 0 && !isNamed && last == nil:
		h.fault("%d can't be had and is not named", m.id)
	case n > 0 && !h.Keep:
		h.fault("%d was delivered and is still there", m.id)
	}
}

func (h *history) fault(format string, args ...any) {
	h.wrong = append(h.wrong, fmt.Sprintf(format, args...))
}
