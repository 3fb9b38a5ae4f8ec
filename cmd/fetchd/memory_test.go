package main

import (
	"context"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"
)

// What was used once is given back within a minute. It isn't parallel: others would use memory too.
func TestMemoryIsGivenBack(t *testing.T) {
	const used = 64 << 20
	debug.FreeOSMemory() // what other tests have left would be used again, and nothing grow
	before := heapHolds()
	once := make([]byte, used)
	for i := range once {
		once[i] = 1
	}
	full := heapHolds()
	if once = nil; full < before+used/2 {
		t.Fatalf("the heap holds %d bytes after %d and %d more", full, before, used)
	}

	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		go giveBackMemory(ctx)
		<-time.After(memoryTick + time.Second)
		cancel()
	})
	if after := heapHolds(); after > full-used/2 {
		t.Errorf("the heap holds %d bytes of %d", after, full)
	}
}

// The collector works more often where there are many accounts, unless the user says how often.
func TestCollectFor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		accounts int
		gogc     string
		want     int
	}{
		{"a few", manyAccounts - 1, "", usualPercent},
		{"many", manyAccounts, "", oftenPercent},
		{"many, and the user knows better", manyAccounts, "100", 0},
		{"a few again", 1, "", usualPercent},
	} {
		if got := percentFor(tt.accounts, func(string) string { return tt.gogc }); got != tt.want {
			t.Errorf("%s: %d", tt.name, got)
		}
	}
}
