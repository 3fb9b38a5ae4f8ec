package delivery

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Root appends to somebody's mbox as that user, everybody else as themselves; also where only the file is
// that user's, as in /var/mail.
func TestMboxIsWrittenAsItsOwner(t *testing.T) {
	t.Parallel()
	spool := passable(t)
	if err := errors.Join(os.Chmod(spool, 0o2775), os.Chown(spool, -1, os.Getgid())); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(homeOf(t, annsUID, annsGID), "mbox"),
		filepath.Join(spool, "ann")} {
		want := os.Geteuid()
		if want == 0 {
			want = annsUID
		}
		if filepath.Base(path) == "ann" {
			err := os.WriteFile(path, nil, 0o660)
			if want != os.Geteuid() {
				err = errors.Join(err, os.Chown(path, want, -1))
			}
			if err != nil {
				t.Fatal(err)
			}
		}

		d := NewMbox(path)
		var lockedBy []int
		made := d.file.sys.make
		d.file.sys.make = func(lock, text string) error {
			err := made(lock, text)
			if err == nil {
				lockedBy = append(lockedBy, ownersBelow(t, filepath.Dir(path))[lock])
			}
			return err
		}
		for range 2 {
			if err := errors.Join(d.DeliverGroup(t.Context(), threeMails(t))...); err != nil {
				t.Fatal(err)
			}
		}
		if got := ownersBelow(t, path)[path]; got != want {
			t.Errorf("%s belongs to %d, want %d", path, got, want)
		}
		for _, uid := range lockedBy {
			if uid != want {
				t.Errorf("the lock belongs to %d", uid)
			}
		}
	}
}

// Root does not append to a file that another user could put there.
func TestMboxOfAnotherUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root writes as others")
	}
	home := homeOf(t, annsUID, annsGID)
	target := filepath.Join(passable(t), "target")
	for _, tt := range []struct {
		name string
		make func(path string) error
	}{
		{"her link", func(path string) error { return os.Symlink(target, path) }},
		{"a file of root's", func(path string) error { return os.WriteFile(path, nil, 0o666) }},
	} {
		path := filepath.Join(home, tt.name)
		if err := tt.make(path); err != nil {
			t.Fatal(err)
		}
		if err := NewMbox(path).Deliver(t.Context(), threeMails(t)[0]); ClassOf(err) != Unusable ||
			err == nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if _, err := os.Stat(target); err == nil {
		t.Error("the link was followed")
	}
}
