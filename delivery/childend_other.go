//go:build !linux

package delivery

// childHasEnded would tell whether a child has ended; nobody can be asked here.
func childHasEnded(int) bool { return false }
