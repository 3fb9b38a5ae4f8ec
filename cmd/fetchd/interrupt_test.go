package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// A closed terminal ends a single pass as cleanly as SIGTERM does, and the status blames no server for it.
func TestInterrupted(t *testing.T) {
	for _, sig := range []os.Signal{unix.SIGHUP, unix.SIGTERM} {
		signals := make(chan os.Signal, 1)
		s := &service{p: &program{signals: signals}, log: &logger{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}}
		st := s.interruptibly(t.Context(), func(ctx context.Context) status {
			signals <- sig
			<-ctx.Done()
			return exitSocket
		})
		if st != exitMail {
			t.Errorf("%v: status %d", sig, st)
		}
	}
}
