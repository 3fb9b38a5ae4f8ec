package delivery

// syncHow is how the files of a group become durable.
type syncHow int

const (
	syncNothing syncHow = iota // the file system is in memory
	syncEach                   // fsync of each file
	syncWhole                  // one syncfs for all
)
