package delivery

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMaildirMountedTwice: a directory that is mounted as another of the three is no link, and is refused all
// the same. Mounts are made in a namespace of a process of their own.
func TestMaildirMountedTwice(t *testing.T) {
	t.Parallel()
	const inside = "DELIVERY_MOUNTS"
	if os.Getenv(inside) == "" {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMaildirMountedTwice$",
			"-test.v")
		child.Env = append(os.Environ(), inside+"=1")
		child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
		out, err := child.CombinedOutput()
		isRun := strings.Contains(string(out), "--- ") && !strings.Contains(string(out), "--- SKIP")
		if !isRun {
			t.Skipf("no mounts: %v\n%s", err, out)
		}
		if err != nil || !strings.Contains(string(out), "--- PASS: TestMaildirMountedTwice") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}

	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Skip(err)
	}
	dir := filepath.Join(t.TempDir(), "Maildir")
	opened(t, NewMaildir(MaildirOptions{Dir: dir})).close()
	if err := unix.Mount(dir+"/new", dir+"/tmp", "", unix.MS_BIND, ""); err != nil {
		t.Skip(err)
	}
	defer func() { _ = unix.Unmount(dir+"/tmp", unix.MNT_DETACH) }()

	err := NewMaildir(MaildirOptions{Dir: dir}).Deliver(t.Context(), mailFrom(t, "1", "text\n"))
	if ClassOf(err) != Unusable || !strings.Contains(err.Error(), "one directory has two names") {
		t.Errorf("got %v", err)
	}
}
