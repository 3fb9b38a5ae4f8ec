package main

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"fetchd/fetch"
)

// A server that repeats the password in its answer must not bring it into the log.
func TestPasswordRepeatedByServer(t *testing.T) {
	t.Parallel()
	const plain = `AUTH PLAIN AGFubgBzM2NyIkV0` // NUL ann NUL s3cr"Et
	tests := []struct {
		name string
		log  func(*slog.Logger)
	}{
		{"refusal", func(l *slog.Logger) {
			l.Error(fetch.EventQueryFailed, "account", "ann@h", "err", errors.New(`bad s3cr"Et`))
		}},
		{"quoted", func(l *slog.Logger) {
			l.Warn("x", "account", "ann@h", "err", errors.New(`the server says "bad s3cr\"Et"`))
		}},
		{"event text", func(l *slog.Logger) { l.Error(`what is s3cr"Et?`, "account", "ann@h") }},
		{"SASL", func(l *slog.Logger) { l.Warn("x", "err", errors.New("unknown: "+plain)) }},
		{"protocol", func(l *slog.Logger) { l.Log(t.Context(), levelTrace, eventTrace, "line", `IMAP< * OK [ALERT] s3cr"Et`) }},
	}
	for _, tt := range tests {
		for _, json := range []bool{false, true} {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				var out bytes.Buffer
				l, err := openLog(logTarget{name: "fetchd", out: &out, err: &out, verbose: 1, json: json})
				if err != nil {
					t.Fatal(err)
				}
				l.hidden.add("ann@h", "ann", `old password`)
				l.hidden.add("ann@h", "ann", `s3cr"Et`)
				l.hidden.add("bob@h", "bob", `x`)
				tt.log(l.Logger)
				got := out.String()
				if strings.Contains(got, "s3cr") || strings.Contains(got, "AGFub") || !strings.Contains(got, "***") {
					t.Errorf("json %v: %q", json, got)
				}
			})
		}
	}
}
