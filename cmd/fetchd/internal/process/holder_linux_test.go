package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/synctest"

	"golang.org/x/sys/unix"
)

// TestHolderInAnotherContainer: there it has the number that we have here, and we must not take ourselves for
// it, wake ourselves up and be content.
func TestHolderInAnotherContainer(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pid")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(f, "%d\n300\n", os.Getpid())
	if err := errors.Join(err, f.Chmod(0o600), unix.Flock(int(f.Fd()), unix.LOCK_EX)); err != nil {
		t.Fatal(err)
	}

	holder := exec.Command("cat")
	holder.ExtraFiles = []*os.File{f}
	in, err := holder.StdinPipe()
	if err := errors.Join(err, holder.Start(), f.Close()); err != nil { // now it alone has the lock
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		if h, err := LockHolder(path); err != nil || h == nil || h.PID != 0 {
			t.Errorf("%+v, %v", h, err)
		}
	})

	in.Close()
	if err := holder.Wait(); err != nil {
		t.Errorf("the holder: %v", err)
	}
}
