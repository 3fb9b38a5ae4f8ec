package journal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"fetchd/fetch/fault"
)

// The writer serves all accounts: a mistake in what one of them wants written is that one's error.
func TestPanicInATask(t *testing.T) {
	t.Parallel()
	j, err := Open(t.Context(), filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	var p *fault.Error
	trap := order{durable: true, task: func(context.Context, *writer) error { panic("trap") }}
	if err := j.store.(*sqliteStore).w.do(t.Context(), trap); !errors.As(err, &p) {
		t.Errorf("%v", err)
	}
	startMailbox(t, j, "INBOX")
}

// Whoever writes does it for others too: whatever goes wrong there, they must not wait for ever, and neither
// must those that come later.
func TestPanicInACommit(t *testing.T) {
	t.Parallel()
	fails := true
	o := Options{Sync: func(*os.File) error {
		if fails {
			panic("trap")
		}
		return nil
	}}
	j, err := OpenWith(t.Context(), filepath.Join(t.TempDir(), "state.db"), o)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()

	w := j.store.(*sqliteStore).w
	nothing := func(context.Context, *writer) error { return nil }
	orders := []order{{task: nothing, durable: true, done: make(chan error, 1)},
		{task: nothing, durable: true, done: make(chan error, 1)}}

	w.group(t.Context(), orders)
	for _, o := range orders {
		var p *fault.Error
		if err := <-o.done; !errors.As(err, &p) {
			t.Errorf("%v", err)
		}
	}

	fails = false
	if err := w.do(t.Context(), order{task: nothing}); err != nil {
		t.Error(err)
	}
}
