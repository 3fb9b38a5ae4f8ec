package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"fetchd/rcfile"
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

func TestHost(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Mail.example.org": "Mail.example.org", "[2001:db8::1]": "2001:db8::1", "münchen.example.org": "xn--mnchen-3ya.example.org", "a_b": "a_b",
	} {
		if got := host(&rcfile.Poll{Name: name}); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
