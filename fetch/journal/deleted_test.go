package journal

import (
	"context"
	"path/filepath"
	"testing"
)

// inSession calls f with a maildrop in the journal at path, whose retrieval has begun.
func inSession(t *testing.T, path string, o Options, f func(d *Maildrop)) {
	t.Helper()
	j, err := OpenWith(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	d, err := j.Maildrop(t.Context(), "a")
	if err == nil {
		err = beginDrop(t.Context(), d)
	}
	if err != nil {
		t.Fatal(err)
	}
	f(d)
}

// RFC 1939 section 7 lets a server use the UIDL of a deleted message again.
func TestAcknowledgedUIDLIsForgottenOnceAbsent(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "state.db")
	session := func(f func(d *Maildrop)) {
		t.Helper()
		inSession(t, path, Options{}, f)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	see := func(d *Maildrop, uidls ...string) {
		for _, u := range uidls {
			d.MarkListed([]byte(u))
		}
	}

	session(func(d *Maildrop) {
		must(d.Record(ctx, []string{"deleted", "stays"}, true, true))
		must(d.Record(ctx, []string{"kept"}, false, false))
		must(d.Acknowledged(ctx, []string{"deleted", "stays"}))
		see(d, "deleted", "kept", "stays")
		must(d.End(ctx, true))
	})
	for range 20 { // enough to fold the record
		session(func(d *Maildrop) {
			must(d.Record(ctx, []string{"other"}, false, false))
			see(d, "deleted", "stays", "other")
			must(d.End(ctx, true))
		})
	}

	session(func(d *Maildrop) {
		see(d, "stays")
		must(d.End(ctx, true))
	})
	session(func(d *Maildrop) {
		for uidl, want := range map[string]bool{"deleted": false, "stays": true, "kept": true} {
			if got := d.Done(uidl); got != want {
				t.Errorf("Done(%q) = %v, want %v", uidl, got, want)
			}
		}
	})
}

// A session whose QUIT was not answered may have deleted all the same. Then another message may have the
// UIDL next, and must not be deleted unread.
func TestPendingUIDLIsForgottenOnceAbsent(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	j, err := Open(ctx, filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	d, err := j.Maildrop(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		beginDrop(ctx, d),
		d.Record(ctx, []string{"gone", "there"}, true, true),
		beginDrop(ctx, d),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	d.MarkListed([]byte("there"))
	if err := d.End(ctx, true); err != nil {
		t.Fatal(err)
	}
	if d.Done("gone") || !d.Pending("there") {
		t.Errorf("Done(gone) = %v, Pending(there) = %v", d.Done("gone"), d.Pending("there"))
	}
}

// Two messages may have one UIDL. Once the first is deleted, the other must not be taken for it, although its
// content was never seen; and a program may be killed before it has ended the record.
func TestAcknowledgedUIDLIsForgottenAtOnce(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(ctx context.Context, d *Maildrop) error{
		"not all was seen": func(ctx context.Context, d *Maildrop) error { return d.End(ctx, false) },
		"no end":           func(context.Context, *Maildrop) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, j := t.Context(), openOn(t, &disk{}, filepath.Join(t.TempDir(), "state.db"))
			d, err := j.Maildrop(ctx, "a")
			if err != nil {
				t.Fatal(err)
			}
			for _, err := range []error{
				beginDrop(ctx, d),
				d.Record(ctx, []string{"twin", "kept"}, true, true),
				d.Acknowledged(ctx, []string{"twin"}),
				end(ctx, d),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}

			d, err = j.Maildrop(ctx, "a")
			if err == nil {
				err = beginDrop(ctx, d)
			}
			if err != nil {
				t.Fatal(err)
			}
			twin, kept := d.MarkListed([]byte("twin")), d.MarkListed([]byte("kept"))
			if twin.Done || !kept.Pending {
				t.Errorf("twin %+v, kept %+v", twin, kept)
			}
		})
	}
}
