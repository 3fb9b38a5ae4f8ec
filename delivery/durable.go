package delivery

// syncHow is how the files of a group become durable.
type syncHow int

const (
	syncNothing syncHow = iota // the file system is in memory
	syncEach                   // fsync of each file
	syncWhole                  // one syncfs for all
)

// syncCalls are the system calls that durability rests on. Tests put others in their place.
type syncCalls struct {
	plan   func(dir, n int) syncHow                                   // for n files in the file system of dir
	fsync  func(fd int) error                                         // file or directory
	syncfs func(fd int) error                                         // all of the file system
	move   func(fromDir int, from string, toDir int, to string) error // EEXIST rather than overwriting
}

func systemCalls() syncCalls {
	return syncCalls{plan: syncPlan, fsync: fsync, syncfs: syncfs, move: moveExclusive}
}
