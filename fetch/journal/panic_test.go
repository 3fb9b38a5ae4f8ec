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
	if err := j.store.(*sqliteStore).w.do(t.Context(), true, func(context.Context, *writer) error { panic("trap") }); !errors.As(err, &p) {
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
	orders := []order{{nothing, true, make(chan error, 1)}, {nothing, true, make(chan error, 1)}}

	w.group(t.Context(), orders)
	for _, o := range orders {
		var p *fault.Error
		if err := <-o.done; !errors.As(err, &p) {
			t.Errorf("%v", err)
		}
	}

	fails = false
	if err := w.do(t.Context(), false, nothing); err != nil {
		t.Error(err)
	}
}
