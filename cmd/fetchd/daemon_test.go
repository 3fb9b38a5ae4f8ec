package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/delivery"
	"fetchd/fetch"
)

// A daemon that is told to end gives the message in hand its time, and no more to a retrieval that hangs.
func TestAwaitEnd(t *testing.T) {
	t.Parallel()
	const killed = fetch.Grace + delivery.AgentEnd

	for _, tt := range []struct {
		name  string
		takes time.Duration // until the retrievals have ended
		want  time.Duration
		warns bool
	}{
		{"at once", 0, 0, false},
		{"the message in hand", fetch.Grace, fetch.Grace, false},
		{"an agent that has to be killed", killed, killed, false},
		{"hangs", time.Hour, endTimeout, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				s := &service{log: &logging.Logger{Logger: slog.New(slog.NewTextHandler(&log, nil))}}
				ended := make(chan exit.Status)
				time.AfterFunc(tt.takes, func() { close(ended) })
				start := time.Now()
				s.awaitEnd(ended)
				d := time.Since(start)
				if d != tt.want || strings.Contains(log.String(), "did not end in time") != tt.warns {
					t.Errorf("after %v, want %v; log %q", d, tt.want, log.String())
				}
			})
		})
	}
}
