package logging

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"fetchd/fetch"
)

// What a server calls its messages and mailboxes is concealed by the account of the line alone; what we say
// ourselves is not.
func TestConcealedLog(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		log  func(*slog.Logger)
		want string
	}{
		{"name of a message", func(l *slog.Logger) {
			l.Warn("x", "account", "ann@h", "uid", "1 password")
		}, "1 ***"},
		{"name of a mailbox", func(l *slog.Logger) {
			l.Info(fetch.EventNoMail, "account", "ann@h", "mailbox", "a.password")
		}, "a.***"},
		{"protocol", func(l *slog.Logger) {
			l.Log(t.Context(), LevelTrace, EventTrace, "account", "ann@h", "line", "IMAP< * OK password")
		}, "OK ***"},
		{"another account's", func(l *slog.Logger) {
			l.Warn("x", "account", "bob@h", "uid", "password")
		}, "password"},
		{"of no account", func(l *slog.Logger) { l.Warn("x", "uid", "password") }, "password"},
		{"our own text", func(l *slog.Logger) {
			l.Warn("check user and password", "account", "ann@h")
		}, "user and password"},
		{"our own error", func(l *slog.Logger) {
			l.Error(fetch.EventQueryFailed, "account", "ann@h", "err", errors.New("check user and password"))
		}, "user and password"},
		{"account", func(l *slog.Logger) { l.Warn("x", "account", "ann@h") }, "ann@h"},
		{"of all lines", func(l *slog.Logger) {
			l.With("account", "ann@h").Warn("x", "uid", "password")
		}, "***"},
	}

	for _, tt := range tests {
		for _, json := range []bool{false, true} {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				var out bytes.Buffer
				l, err := Open(Target{Name: "fetchd", Out: &out, Err: &out, Verbose: 1, JSON: json})
				if err != nil {
					t.Fatal(err)
				}

				l.Hidden.Of("ann@h").Add("ann", "password")
				l.Hidden.Of("bob@h").Add("ann", "ann@h bob@h")
				tt.log(l.Logger)
				if got := out.String(); !strings.Contains(got, tt.want) {
					t.Errorf("json %v: %q, want %s", json, got, tt.want)
				}
			})
		}
	}
}
