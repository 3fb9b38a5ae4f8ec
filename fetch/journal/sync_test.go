package journal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// disk counts the syncs of a write-ahead log, and fails them when it is told to.
type disk struct {
	syncs atomic.Int32
	fail  error
}

func (d *disk) sync(log *os.File) error {
	d.syncs.Add(1)
	if d.fail != nil {
		return d.fail
	}
	return log.Sync()
}

func openOn(t *testing.T, d *disk, path string) *Journal {
	t.Helper()
	j, err := OpenWith(t.Context(), path, Options{Sync: d.sync})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func startMailbox(t *testing.T, j *Journal, name string) *Mailbox {
	t.Helper()
	m, err := j.Mailbox(t.Context(), "ann", name)
	if err == nil {
		err = begin(t.Context(), m, 7)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (d *disk) expect(t *testing.T, what string, want int32, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
	if got := d.syncs.Swap(0); got != want {
		t.Errorf("%s: %d syncs, want %d", what, got, want)
	}
}

func TestSync(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	d := &disk{}
	j := openOn(t, d, filepath.Join(t.TempDir(), "state.db"))
	m := startMailbox(t, j, "INBOX")
	drop, err := j.Maildrop(ctx, "ann")
	if err == nil {
		err = beginDrop(ctx, drop)
	}
	d.expect(t, "start", 0, err)
	d.expect(t, "record", 0, m.Record(ctx, SetOf(1), true, false))
	d.expect(t, "durable record", 1, m.Record(ctx, SetOf(2), true, true))
	d.expect(t, "acknowledged", 0, m.Acknowledged(ctx, SetOf(2)))
	d.expect(t, "sync", 1, j.Sync(ctx))
	d.expect(t, "record of a maildrop", 0, drop.Record(ctx, []string{"a"}, false, false))
	d.expect(t, "durable record of a maildrop", 1,
		drop.RecordPending(ctx, []string{"b"}, []int64{1}, nil, true))
	d.expect(t, "end", 0, errors.Join(m.End(ctx, 3), drop.End(ctx, false)))
	d.expect(t, "close", 1, j.Close())
}

// A pass that finds nothing new leaves nothing to sync, neither a record nor the names of directories.
func TestCloseWithoutWrites(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "state.db")
	before := openOn(t, &disk{}, path)
	if err := errors.Join(startMailbox(t, before, "INBOX").End(ctx, 3), before.Close()); err != nil {
		t.Fatal(err)
	}

	d, folders := &disk{}, &dirs{}
	j, err := OpenWith(ctx, path, Options{Sync: d.sync, SyncDir: folders.sync})
	if err != nil {
		t.Fatal(err)
	}
	m, err := j.Mailbox(ctx, "ann", "INBOX")
	if err == nil {
		err = errors.Join(m.Start(ctx, 7), m.End(ctx, 3), j.Close())
	}
	d.expect(t, "all of the pass", 0, err)
	if len(folders.synced) > 0 {
		t.Errorf("synced %q", folders.synced)
	}
}

func TestCloseWithoutWritesSinceTheSync(t *testing.T) {
	t.Parallel()
	d := &disk{}
	j := openOn(t, d, filepath.Join(t.TempDir(), "state.db"))
	d.expect(t, "sync", 1, j.Sync(t.Context()))
	d.expect(t, "close", 0, j.Close())
}

// All that is written together is synced once if one of it must be durable, and not at all if none must.
func TestGroupSync(t *testing.T) {
	t.Parallel()
	write := func(context.Context, *writer) error { return nil }
	broken := func(context.Context, *writer) error { return errors.New("broken") }
	for _, tt := range []struct {
		name   string
		orders []order
		syncs  int32
		failed int
	}{
		{"none durable", []order{{task: write}, {task: write}}, 0, 0},
		{"the first durable", []order{{task: write, durable: true}, {task: write}}, 1, 0},
		{"the last durable", []order{{task: write}, {task: write}, {task: write, durable: true}}, 1, 0},
		{"all durable", []order{{task: write, durable: true}, {task: write, durable: true}}, 1, 0},
		{"one by one, since one is broken", []order{
			{task: broken, durable: true},
			{task: write},
			{task: write, durable: true},
		}, 1, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := &disk{}
			j := openOn(t, d, filepath.Join(t.TempDir(), "state.db"))
			for i := range tt.orders {
				tt.orders[i].done = make(chan error, 1)
			}

			j.store.(*sqliteStore).w.group(t.Context(), tt.orders)
			failed := 0
			for _, o := range tt.orders {
				if <-o.done != nil {
					failed++
				}
			}

			if failed != tt.failed {
				t.Errorf("%d failed, want %d", failed, tt.failed)
			}
			d.expect(t, "group", tt.syncs, nil)
		})
	}
}

// After a sync that failed the system may count as written what is not on the disk: a later sync proves
// nothing.
func TestSyncFails(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	d := &disk{}
	path := filepath.Join(t.TempDir(), "state.db")
	j := openOn(t, d, path)
	m := startMailbox(t, j, "INBOX")
	d.fail = errors.New("input/output error")
	refused := func(what string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "input/output error") ||
			!strings.Contains(err.Error(), "hint: ") {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("durable record", m.Record(ctx, SetOf(1), true, true))
	d.fail = nil
	refused("the next durable record", m.Record(ctx, SetOf(2), true, true))
	refused("one of another mailbox", startMailbox(t, j, "other").Record(ctx, SetOf(2), true, true))
	refused("sync", j.Sync(ctx))
	if err := m.Record(ctx, SetOf(3), false, false); err != nil {
		t.Errorf("record that need not be durable: %v", err)
	}
	refused("close", j.Close())

	j = openOn(t, d, path)
	m = startMailbox(t, j, "INBOX")
	if got := m.Pending().String(); got != "1:2" {
		t.Errorf("pending %q", got)
	}
	if err := m.Record(ctx, SetOf(4), true, true); err != nil {
		t.Errorf("opened anew: %v", err)
	}
}

// What was committed and could not be synced is not written again: those who need no sync have what they
// want.
func TestGroupSyncFails(t *testing.T) {
	t.Parallel()
	d := &disk{fail: errors.New("input/output error")}
	j := openOn(t, d, filepath.Join(t.TempDir(), "state.db"))
	runs := 0
	orders := make([]order, 3)
	for i := range orders {
		task := func(context.Context, *writer) error { runs++; return nil }
		orders[i] = order{task: task, durable: i == 1, done: make(chan error, 1)}
	}
	j.store.(*sqliteStore).w.group(t.Context(), orders)
	for i, o := range orders {
		if err := <-o.done; (err != nil) != (i == 1) {
			t.Errorf("order %d: %v", i, err)
		}
	}
	if runs != len(orders) {
		t.Errorf("%d tasks ran, want %d", runs, len(orders))
	}
}

// What a process has left in the write-ahead log is written to the disk by the next one: no sync of the log
// would do so if one had failed there.
func TestOpenRewritesTheLog(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "state.db")
	first := openOn(t, &disk{}, path)
	if err := startMailbox(t, first, "INBOX").Record(ctx, SetOf(5), true, false); err != nil {
		t.Fatal(err)
	}
	openOn(t, &disk{}, path)

	alone := filepath.Join(t.TempDir(), "without the log.db")
	data, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(alone, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	m, err := openOn(t, &disk{}, alone).Mailbox(ctx, "ann", "INBOX")
	if err != nil || m.Done().String() != "5" {
		t.Errorf("done %v, %v", m, err)
	}
}

// Several processes may find the same log left behind; SQLite lets one at a time rewrite it, and does not
// wait for it.
func TestManyOpenWhatIsLeft(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "state.db")
	first := openOn(t, &disk{}, path)
	m := startMailbox(t, first, "INBOX")
	for uid := range uint32(200) {
		if err := m.Record(ctx, SetOf(uid+1), true, false); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				j, err := Open(ctx, path)
				if err == nil {
					err = j.Close()
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
