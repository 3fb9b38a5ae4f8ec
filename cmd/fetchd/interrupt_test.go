package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"testing"

	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/cmd/fetchd/internal/logging"

	"golang.org/x/sys/unix"
)

// A closed terminal ends a single pass as cleanly as SIGTERM does, and the status blames no server for it.
func TestInterrupted(t *testing.T) {
	for _, sig := range []os.Signal{unix.SIGHUP, unix.SIGTERM} {
		signals := newSignals()
		log := slog.New(slog.NewTextHandler(io.Discard, nil))
		s := &service{p: &program{signals: signals}, log: &logging.Logger{Logger: log}}
		st := s.interruptibly(t.Context(), func(ctx context.Context) exit.Status {
			signals.end <- sig
			<-ctx.Done()
			return exit.Socket
		})
		if st != exit.Mail {
			t.Errorf("%v: status %d", sig, st)
		}
	}
}
