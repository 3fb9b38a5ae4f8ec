//go:build !linux && !darwin

package delivery

import (
	"os"

	"golang.org/x/sys/unix"
)

func syncPlan(_, _ int) syncHow { return syncEach }

func syncfs(fd int) error { return fsync(fd) }

func fsync(fd int) error { return untilDone(func() error { return unix.Fsync(fd) }) }

func moveExclusive(fromDir int, from string, toDir int, to string) error {
	return moveByLink(fromDir, from, toDir, to)
}

func copyRange(int, *os.File, int64, int64) (int64, bool) { return 0, false }
