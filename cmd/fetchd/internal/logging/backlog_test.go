package logging

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// reader takes lines as its take allows.
type reader struct {
	take  func()
	lines []string
}

func (r *reader) Write(p []byte) (int, error) {
	r.take()
	r.lines = append(r.lines, string(p))
	return len(p), nil
}

// sayMany logs n lines of 1 KB and returns how long that took.
func sayMany(l *Logger, n int) time.Duration {
	start := time.Now()
	for i := range n {
		l.Info(fmt.Sprintf("line %d. %s", i, strings.Repeat("x", 1000)))
	}
	return time.Since(start)
}

func openBacklog(t *testing.T, r *reader, json bool) *Logger {
	t.Helper()
	l, err := Open(Target{Name: "fetchd", Out: r, Err: r, JSON: json, Patience: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Whoever logs does not wait for a reader that hangs. What it misses is said where it is missing.
func TestHungReader(t *testing.T) {
	t.Parallel()
	for _, json := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			const before, after = 5000, 3
			resume := make(chan struct{})
			r := &reader{take: func() { <-resume }}
			l := openBacklog(t, r, json)
			if took := sayMany(l, before); took > 2*movingTime {
				t.Errorf("%d lines took %v", before, took)
			}
			if took := sayMany(l, 100); took > 0 {
				t.Errorf("100 lines more took %v", took)
			}
			close(resume)
			synctest.Wait()
			sayMany(l, after)
			if err := l.Close(); err != nil {
				t.Error(err)
			}

			kept := 0
			for kept < len(r.lines) && strings.Contains(r.lines[kept], fmt.Sprintf("line %d.", kept)) {
				kept++
			}
			if kept < maxBacklog/2000 || kept != len(r.lines)-after-1 {
				t.Fatalf("JSON %v: %d lines come in order, of %d", json, kept, len(r.lines))
			}
			m := regexp.MustCompile(`(\d+) lines dropped`).FindStringSubmatch(r.lines[kept])
			if m == nil {
				t.Fatalf("%q after %d lines", r.lines[kept], kept)
			}
			if n, _ := strconv.Atoi(m[1]); n+kept != before+100 {
				t.Errorf("%d lines dropped, and %d of %d came", n, kept, before+100)
			}
		})
	}
}

// A reader that is slow gets all lines, also at the end.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &reader{take: func() { time.Sleep(50 * time.Millisecond) }}
		l := openBacklog(t, r, false)
		sayMany(l, 3000)
		if err := l.Close(); err != nil || len(r.lines) != 3000 {
			t.Errorf("%d lines of 3000; %v", len(r.lines), err)
		}
	})
}

// The end waits for a reader that hangs as long as was said, and for no other.
func TestCloseOfHungLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		resume := make(chan struct{})
		l := openBacklog(t, &reader{take: func() { <-resume }}, false)
		l.Info("hello")
		start := time.Now()
		if err := l.Close(); err != nil || time.Since(start) != 2*time.Second {
			t.Errorf("closed after %v: %v", time.Since(start), err)
		}
		l.Info("too late")
		close(resume)
	})
}

// What is missing is said as soon as the reader takes lines again, though nothing else is to be said.
func TestMissingLinesAreToldSoon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		resume := make(chan struct{})
		r := &reader{take: func() { <-resume }}
		l := openBacklog(t, r, false)
		sayMany(l, 2000)
		close(resume)
		synctest.Wait()
		if last := r.lines[len(r.lines)-1]; !strings.Contains(last, " lines dropped") {
			t.Errorf("last comes %q", last)
		}
		_ = l.Close()
	})
}
