package delivery

import "golang.org/x/sys/unix"

// syncHow is how the files of a group become durable.
type syncHow int

const (
	syncNothing syncHow = iota // the file system is in memory
	syncEach                   // fsync of each file
	syncWhole                  // one syncfs for all
)

// syncCalls are the system calls that durability depends on. Tests replace them.
type syncCalls struct {
	plan    func(dir, n int) syncHow // for n files in the file system of dir
	fsync   func(fd int) error       // file or directory
	syncfs  func(fd int) error       // all of the file system
	close   func(fd int) error
	move    moveCall // fails with EEXIST instead of overwriting
	replace moveCall // overwriting
}

type moveCall func(fromDir int, from string, toDir int, to string) error

func systemCalls() syncCalls {
	return syncCalls{
		plan: syncPlan, fsync: fsync, syncfs: syncfs, close: unix.Close,
		move: moveExclusive, replace: unix.Renameat,
	}
}
