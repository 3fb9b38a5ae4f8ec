package main

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"fetchd/cmd/fetchd/internal/exit"
)

// The bounds of what a daemon says when it has to abort.
const (
	stackSpace   = 32 << 20 // of all stacks before they are summed up: some 30,000 of them
	summaryLimit = 64 << 10 // of the summary: it goes into the system's log, which keeps only so much
	summaryTime  = 5 * time.Second
)

// abortWithSummary waits for a signal of s.abort, as the service manager's watchdog sends it, says what all
// goroutines do, and ends the process. The runtime itself would write each stack: megabytes
// for thousands of accounts.
func (d *daemon) abortWithSummary() {
	sig := <-d.p.signals.abort

	written := make(chan struct{})
	go func() {
		defer close(written)
		stacks := make([]byte, stackSpace)
		stacks = stacks[:runtime.Stack(stacks, true)]
		fmt.Fprintf(d.p.stderr, "%s: aborted by %s\n\n%s", d.p.name, signalName(sig),
			sumUp(string(stacks), summaryLimit))
	}()

	timer := time.NewTimer(summaryTime)
	defer timer.Stop()
	select {
	case <-written:
	// Whoever reads it may hang, and be the reason for all of this.
	case <-timer.C:
	}

	os.Exit(int(exit.Internal)) // nothing is waited for: what would be closed in order may hang
}

// alike are goroutines that stand at the same place.
type alike struct {
	n     int
	state string // of one of them: "chan receive, 5 minutes"
	stack string
}

// sumUp sums up what runtime.Stack has written, in at most limit bytes. What only few goroutines do comes
// first: there something hangs, rather than where thousands of accounts wait.
func sumUp(stacks string, limit int) string {
	groups := map[string]*alike{}
	for text := range strings.SplitSeq(strings.TrimSpace(stacks), "\n\n") {
		header, frames, _ := strings.Cut(text, "\n")
		_, state, _ := strings.Cut(strings.TrimSuffix(header, "]:"), "[")
		stack := withoutNumbers(frames)
		key, _, _ := strings.Cut(state, ",")
		if key += "\n" + stack; groups[key] == nil {
			groups[key] = &alike{state: state, stack: stack}
		}
		groups[key].n++
	}

	few := slices.SortedFunc(maps.Values(groups), func(a, b *alike) int {
		return cmp.Or(cmp.Compare(a.n, b.n), cmp.Compare(a.stack, b.stack))
	})

	var b strings.Builder
	for i, g := range few {
		text := fmt.Sprintf("%d × [%s]\n%s\n\n", g.n, g.state, g.stack)
		more := fmt.Sprintf("%d more places are left out\n", len(few)-i)
		if b.Len()+len(text)+len(more) > limit {
			b.WriteString(more)
			break
		}
		b.WriteString(text)
	}
	return b.String()
}

// withoutNumbers removes from the frames of a stack what differs between goroutines at the same place:
// arguments, offsets, and which goroutine began it.
func withoutNumbers(frames string) string {
	var b strings.Builder
	for line := range strings.Lines(frames) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "\t"):
			line, _, _ = strings.Cut(line, " +0x")
		case strings.HasPrefix(line, "created by "):
			line, _, _ = strings.Cut(line, " in goroutine ")
		case strings.HasSuffix(line, ")"):
			line = line[:strings.LastIndexByte(line, '(')]
		}
		b.WriteString(line + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}
