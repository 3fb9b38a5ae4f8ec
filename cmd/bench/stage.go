package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
)

// stage stands in for the testing.TB that fetchtest needs. It embeds a nil testing.TB only because that
// interface can't be implemented otherwise: all methods that fetchtest calls are here.
type stage struct {
	testing.TB
	ctx context.Context

	mu       sync.Mutex
	failed   bool
	cleanups []func()
}

// onStage runs f and then its clean-ups, in reverse order. It returns whether f reached its end without an
// error.
func onStage(ctx context.Context, f func(*stage)) bool {
	s := &stage{ctx: ctx}
	ended := make(chan struct{})
	go func() { // Fatal ends this goroutine
		defer close(ended)
		defer s.cleanUp()
		f(s)
	}()
	<-ended
	return !s.failed
}

func (s *stage) cleanUp() {
	for len(s.cleanups) > 0 {
		last := len(s.cleanups) - 1
		f := s.cleanups[last]
		s.cleanups = s.cleanups[:last]
		f()
	}
}

func (s *stage) Helper()                  {}
func (s *stage) Context() context.Context { return s.ctx }
func (s *stage) Cleanup(f func())         { s.cleanups = append(s.cleanups, f) }
func (s *stage) Logf(f string, a ...any)  { fmt.Fprintf(os.Stderr, "bench: "+f+"\n", a...) }

func (s *stage) Failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

func (s *stage) Errorf(f string, a ...any) {
	s.mu.Lock()
	s.failed = true
	s.mu.Unlock()
	s.Logf(f, a...)
}

func (s *stage) Fatalf(f string, a ...any) {
	s.Errorf(f, a...)
	runtime.Goexit()
}

func (s *stage) Fatal(a ...any) { s.Fatalf("%s", fmt.Sprint(a...)) }

// check ends the program on an error.
func (s *stage) check(err error) {
	if err != nil {
		s.Fatal(err)
	}
}

// TempDir returns a folder that others may look into and that is removed at the end.
func (s *stage) TempDir() string { return s.folder("") }

func (s *stage) folder(in string) string {
	dir, err := os.MkdirTemp(in, "fetchd-bench-")
	s.check(err)
	s.Cleanup(func() { _ = os.RemoveAll(dir) })
	s.check(os.Chmod(dir, 0o755))
	return dir
}
