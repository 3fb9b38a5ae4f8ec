package journal

import (
	"context"
	"errors"
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
