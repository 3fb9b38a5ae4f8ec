package journal

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// memoryStore is the simplest store there can be: the contract suite holds it to the same as SQLite.
type memoryStore struct {
	*shelf
	mu     sync.Mutex
	closed bool
}

// shelf is what several openers of one memoryStore share.
type shelf struct {
	mu    sync.Mutex
	last  int64
	boxes map[key]saved
	notes map[string]noted
}

func newShelf() *shelf { return &shelf{boxes: map[key]saved{}, notes: map[string]noted{}} }

// enter locks the shelf, unless the store is closed or ctx has ended.
func (s *memoryStore) enter(ctx context.Context) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.shelf.mu.Lock()
	return s.shelf.mu.Unlock, nil
}

func (s *memoryStore) load(ctx context.Context, k key) (saved, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return saved{}, err
	}
	defer leave()
	r := s.boxes[k]
	r.key, r.rows = k, slices.Clone(r.rows)
	return r, nil
}

func (s *memoryStore) run(ctx context.Context, k key) (int64, error) {
	r, err := s.load(ctx, k)
	return r.run, err
}

func (s *memoryStore) save(ctx context.Context, _ bool, changes ...*change) error {
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	for _, c := range changes {
		if s.boxes[c.to.key].run != c.from {
			return c.to.errTaken()
		}
	}
	for _, c := range changes {
		if c.from == 0 {
			s.last++
			c.to.id = s.last
		}
		old := s.boxes[c.to.key].rows
		if c.instead {
			old = nil
		}
		s.boxes[c.to.key] = saved{isThere: true, box: c.to, sum: c.to.sum(),
			rows: append(slices.Clone(old), c.rows...)}
	}
	return nil
}

func (s *memoryStore) list(ctx context.Context) ([]box, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	var boxes []box
	for _, r := range s.boxes {
		boxes = append(boxes, r.box)
	}
	slices.SortFunc(boxes, func(a, b box) int {
		if a.changed != b.changed {
			return int(a.changed - b.changed)
		}
		return int(a.id - b.id)
	})
	return boxes, nil
}

func (s *memoryStore) note(ctx context.Context, name string) (string, uint32, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return "", 0, err
	}
	defer leave()
	n := s.shelf.notes[name]
	return n.text, n.sum, nil
}

func (s *memoryStore) notes(ctx context.Context, prefix string) (map[string]noted, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	found := maps.Clone(s.shelf.notes)
	maps.DeleteFunc(found, func(name string, _ noted) bool { return !strings.HasPrefix(name, prefix) })
	return found, nil
}

func (s *memoryStore) setNote(ctx context.Context, name, text string, sum uint32) error {
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if s.shelf.notes[name] = (noted{text, sum}); text == "" {
		delete(s.shelf.notes, name)
	}
	return nil
}

func (s *memoryStore) sync(ctx context.Context) error {
	leave, err := s.enter(ctx)
	if err == nil {
		leave()
	}
	return err
}

func (s *memoryStore) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// watchedStore counts what is written.
type watchedStore struct {
	store
	writes atomic.Int32
}

func (s *watchedStore) save(ctx context.Context, durable bool, changes ...*change) error {
	s.writes.Add(1)
	return s.store.save(ctx, durable, changes...)
}

func (s *watchedStore) setNote(ctx context.Context, name, text string, sum uint32) error {
	s.writes.Add(1)
	return s.store.setNote(ctx, name, text, sum)
}

// openMemory opens the journal that all openers of a shelf share.
func openMemory(s *shelf, now func() time.Time) *Journal {
	return over(&memoryStore{shelf: s}, "memory", now)
}

// Writes is how often j, which Watch returned, was written to.
func (j *Journal) Writes() int {
	return int(j.store.(*watchedStore).writes.Load())
}

// Watch makes Writes count.
func (j *Journal) Watch() *Journal {
	j.store = &watchedStore{store: j.store}
	return j
}

// MemoryOpener opens journals in memory, by their paths.
func MemoryOpener() func(path string, now func() time.Time) *Journal {
	var mu sync.Mutex
	shelves := map[string]*shelf{}
	return func(path string, now func() time.Time) *Journal {
		mu.Lock()
		defer mu.Unlock()
		if shelves[path] == nil {
			shelves[path] = newShelf()
		}
		return openMemory(shelves[path], now)
	}
}

// begin is what a retrieval does before it delivers.
func begin(ctx context.Context, m *Mailbox, validity uint32) error {
	if err := m.Start(ctx, validity); err != nil {
		return err
	}
	return m.Claim(ctx)
}

func beginDrop(ctx context.Context, d *Maildrop) error {
	if err := d.Start(ctx); err != nil {
		return err
	}
	return d.Claim(ctx)
}
