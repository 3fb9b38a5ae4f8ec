package delivery

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// wholeFrom is the number of messages from which on one syncfs replaces their concurrent fsyncs. For fewer,
// writing the dirty data of other programs, as syncfs does too, costs more than it saves.
const wholeFrom = 4

// syncPlan decides how n files in the file system of dir become durable. syncfs is used only if it does
// what fsync does and reports write errors: not on FUSE, NFS or overlays, and not before Linux 5.8.
func syncPlan(dir, n int) syncHow {
	var st unix.Statfs_t
	if err := untilDone(func() error { return unix.Fstatfs(dir, &st) }); err != nil {
		return syncEach
	}

	switch uint32(st.Type) {
	case unix.TMPFS_MAGIC, unix.RAMFS_MAGIC:
		return syncNothing
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC:
		// Those that are known to write everything and to report what they could not write.
		if n >= wholeFrom && syncfsReports() {
			return syncWhole
		}
	}

	return syncEach
}

// syncfsReports reports whether the kernel is Linux 5.8 or later, whose syncfs returns write errors.
func syncfsReports() bool {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return false
	}

	var version [2]int
	for i, c := 0, 0; i < len(u.Release) && c < 2; i++ {
		switch b := u.Release[i]; {
		case b >= '0' && b <= '9':
			version[c] = version[c]*10 + int(b-'0')
		default:
			c++
		}
	}

	return version[0] > 5 || version[0] == 5 && version[1] >= 8
}

func syncfs(fd int) error { return untilDone(func() error { return unix.Syncfs(fd) }) }

func fsync(fd int) error { return untilDone(func() error { return unix.Fsync(fd) }) }

// moveExclusive moves a file. If the new name is taken it fails with EEXIST.
func moveExclusive(fromDir int, from string, toDir int, to string) error {
	err := unix.Renameat2(fromDir, from, toDir, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // NFS and others
		return moveByLink(fromDir, from, toDir, to)
	}
	return err
}

// copyRange copies up to n bytes of src to fd within the kernel, and tells whether that was possible.
func copyRange(fd int, src *os.File, off, n int64) (int64, bool) {
	var copied int
	err := untilDone(func() (e error) {
		copied, e = unix.CopyFileRange(int(src.Fd()), &off, fd, nil, int(n), 0)
		return e
	})
	return int64(copied), err == nil && copied > 0
}
