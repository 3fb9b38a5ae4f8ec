package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"time"

	"fetchd/cmd/fetchd/internal/process"
)

// The runtime lets the heap grow to twice what is in use before it looks what that is, and gives back little
// of it. A daemon whose accounts wait for mail does too little to get there: it would hold for hours what
// thousands of logins have left behind. So once in memoryTick a heap that is larger by one of memorySpare
// parts than after the last time is collected, and what is free is given back.
//
// The program's file is given back as often. It is twice as large as what an account at rest runs of it:
// the rest read an rc file, opened the journal and logged in.
const (
	memoryTick  = 20 * time.Second
	memorySpare = 16
)

// manyAccounts is how many make the heap worth more collections: from there on it grows by two fifths of what
// is in use. GOGC in the environment says otherwise.
const manyAccounts, oftenPercent, usualPercent = 500, 40, 100

// collectFor fits the collector to so many accounts.
func collectFor(accounts int, env func(string) string) {
	if percent := percentFor(accounts, env); percent > 0 {
		debug.SetGCPercent(percent)
	}
}

// percentFor is by how much the heap may grow, in percent; 0 = that is the user's choice.
func percentFor(accounts int, env func(string) string) int {
	switch {
	case env("GOGC") != "":
		return 0
	case accounts >= manyAccounts:
		return oftenPercent
	}
	return usualPercent
}

// giveBackMemory does so until ctx ends.
func giveBackMemory(ctx context.Context) {
	ticker := time.NewTicker(memoryTick)
	defer ticker.Stop()

	var least uint64
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if heapHolds() > least+least/memorySpare {
				debug.FreeOSMemory()
				least = heapHolds()
			}
			// Last, as collecting runs much of the program.
			process.GiveBackProgram()
		}
	}
}

// heapHolds is how much of the machine's memory the heap has.
func heapHolds() (bytes uint64) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapSys - m.HeapReleased
}
