//go:build !linux

package process

// GiveBackProgram would take the pages of the program's file out of this process's memory; here the system
// does that when memory is short.
func GiveBackProgram() {}
