package logging

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// reader takes lines as its take allows, and none while full is set.
type reader struct {
	take  func()
	full  bool
	lines []string
}

func (r *reader) Write(p []byte) (int, error) {
	r.take()
	if r.full {
		return 0, syscall.ENOSPC
	}
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

// Lines that could not be written, as the disk was full, are counted where they are missing.
func TestLostLinesAreCounted(t *testing.T) {
	t.Parallel()
	for _, json := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := &reader{take: func() {}}
			l := openBacklog(t, r, json)
			say := func(full bool, n int) {
				r.full = full
				sayMany(l, n)
				synctest.Wait()
			}
			say(false, 1)
			say(true, 3)
			say(false, 2)
			say(true, 1)
			say(false, 1)
			_ = l.Close()

			want := []string{"line 0.", "3 lines could not be written: no space left on device", "line 0.",
				"line 1.", "1 line could not be written: no space left on device", "line 0."}
			if len(r.lines) != len(want) {
				t.Fatalf("JSON %v: %d lines, want %d", json, len(r.lines), len(want))
			}
			for i, line := range r.lines {
				if !strings.Contains(line, want[i]) {
					t.Errorf("JSON %v: line %d is %.200q, want %q", json, i, line, want[i])
				}
			}
		})
	}
}

// disk is a file on a disk that has room for so many bytes.
type disk struct {
	room int
	text string
}

func (d *disk) Write(p []byte) (int, error) {
	n := min(d.room, len(p))
	d.room -= n
	d.text += string(p[:n])
	if n < len(p) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

func (d *disk) Close() error { return nil }

// A line of which only a part could be written is not continued by the next one.
func TestTornLine(t *testing.T) {
	t.Parallel()
	d := &disk{room: 10}
	s := &fileSink{file: d}
	say := func(line string, room int, fails bool) {
		d.room += room
		if n, err := s.Write([]byte(line)); (err != nil) != fails || !fails && n != len(line) {
			t.Errorf("%q: %d bytes, %v", line, n, err)
		}
	}
	say("first\n", 0, false)
	say("second\n", 0, true)
	say("nothing of this\n", 0, true)
	say("next\n", 100, false)
	say("last\n", 0, false)
	if want := "first\nseco\nnext\nlast\n"; d.text != want {
		t.Errorf("the log is %q, want %q", d.text, want)
	}
}
