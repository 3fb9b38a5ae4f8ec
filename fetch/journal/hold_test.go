package journal_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fetchd/fetch/journal"
)

// TestHeld checks what a process may write of a record that another one is retrieving.
func TestHeld(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "journal.db")
	j, err := journal.Open(ctx, path)
	must(t, err)
	t.Cleanup(func() { must(t, j.Close()) })
	other := startHolder(t, path)

	for _, tt := range []struct {
		does string // the other process
		free bool
	}{
		{does: "claim"},
		{does: "record"},
		{does: "release", free: true},
		{does: "adopt"},
		{does: "end", free: true},
		{does: "claim"},
		{does: "die", free: true},
	} {
		other.tell(t, tt.does)
		m, err := j.Mailbox(ctx, "ann", "INBOX")
		must(t, err)
		must(t, m.Start(ctx, 1))
		// In two ways, as each write must know.
		for _, err := range []error{m.Claim(ctx), m.Adopt(ctx, set(t, "90"))} {
			if free := err == nil; free != tt.free || !free && !errors.Is(err, journal.ErrTaken) {
				t.Errorf("after %q of the other process: %v", tt.does, err)
			}
		}
		m.Release()

		elsewhere, err := j.Maildrop(ctx, "ann "+tt.does)
		must(t, err)
		must(t, beginDrop(ctx, elsewhere))
		must(t, elsewhere.End(ctx, true))
	}
}

// holder is another process that has a record.
type holder struct {
	in  io.WriteCloser
	out *bufio.Reader
}

func startHolder(t *testing.T, path string) *holder {
	t.Helper()
	cmd := child(t, "holder", path)
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Wait() })
	return &holder{in, bufio.NewReader(out)}
}

// tell makes it do something, and returns when that is done.
func (h *holder) tell(t *testing.T, what string) {
	t.Helper()
	_, err := fmt.Fprintln(h.in, what)
	must(t, err)
	line, err := h.out.ReadString('\n')
	if said := strings.TrimSpace(line); said != what && err != io.EOF {
		t.Fatalf("told to %q it says %q: %v", what, said, err)
	}
}

// holdRecord is the child of startHolder.
func holdRecord(t *testing.T, path string) {
	ctx := context.WithoutCancel(t.Context())
	j, err := journal.Open(ctx, path)
	must(t, err)
	var m *journal.Mailbox

	for in := bufio.NewScanner(os.Stdin); in.Scan(); fmt.Println(in.Text()) {
		switch what := in.Text(); what {
		case "claim", "adopt":
			m, err = j.Mailbox(ctx, "ann", "INBOX")
			must(t, err)
			must(t, m.Start(ctx, 1))
			if what == "claim" {
				must(t, m.Claim(ctx))
			} else {
				must(t, m.Adopt(ctx, set(t, "1")))
			}
		case "record":
			must(t, m.Record(ctx, set(t, "2"), false, true))
		case "release":
			m.Release()
		case "end":
			must(t, m.End(ctx, 3))
		case "die":
			os.Exit(0)
		}
	}
}
