package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// holds tells whether the process that the lock file f names has the lock.
// The file may name a process that ended long ago, and whose number a stranger has now: its next holder
// hasn't written to it yet, or some other process that may read the file has locked it. We can inspect only
// the processes of our own user; root can inspect all. Where there is no /proc the file is believed: it is
// ours, and nobody else can write to it.
func holds(pid int, f *os.File) bool {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		return true
	}

	info, err := f.Stat()
	if err != nil {
		return false
	}

	dir := fmt.Sprintf("/proc/%d/fd", pid)
	list, err := os.ReadDir(dir)
	if err != nil {
		return false
	}

	for _, e := range list {
		// The link's text would be the path, which may have been renamed or be a different file by now; the
		// file itself is what is locked.
		if open, err := os.Stat(filepath.Join(dir, e.Name())); err == nil && os.SameFile(open, info) &&
			hasLocked(pid, e.Name()) {
			return true
		}
	}

	return false
}

// hasLocked tells whether a process has the lock of the file that it has open as fd. Others have the file
// open too, to ask who has it: such as we ourselves, where the holder has our number in another container.
func hasLocked(pid int, fd string) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%s", pid, fd))
	return err != nil || bytes.Contains(text, []byte("FLOCK")) // proc(5)
}

// isFetchmail tells, where there is a /proc, whether a process is a fetchmail of this user. fetchmail doesn't
// lock its lock file, it only creates it: the file of a dead fetchmail may name any process.
func isFetchmail(pid int) bool {
	if pid <= 1 || pid == os.Getpid() {
		return false
	}
	dir := fmt.Sprintf("/proc/%d", pid)
	info, err := os.Stat(dir)
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	name, err := os.ReadFile(filepath.Join(dir, "comm"))
	return err == nil && string(name) == "fetchmail\n" && ok && int(stat.Uid) == os.Geteuid()
}
