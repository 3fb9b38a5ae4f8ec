package logging

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"fetchd/fetch"
)

// systemLog listens where a system log would.
func systemLog(t *testing.T) (socket string, next func() string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "log")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return socket, func() string {
		buf := make([]byte, 4096)
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
}

func TestSyslog(t *testing.T) {
	t.Parallel()
	socket, next := systemLog(t)
	var out bytes.Buffer
	l, err := Open(Target{Name: "fetchd", Out: &out, Err: &out, Syslog: true, Socket: socket, JSON: true,
		Verbose: 2, Detached: true})
	if err != nil {
		t.Fatal(err)
	}

	l.Hidden.Of("ann@h").Add("ann", "s3cr3t")
	tests := []struct {
		name string
		log  func()
		want string // priority 16 is of facility mail
	}{
		{"error", func() {
			l.Error(fetch.EventQueryFailed, "account", "ann@h",
				"err", errors.New("a\nb"), "kind", fetch.KindNetwork)
		}, `<19>.* fetchd\[\d+\]: ann@h: a; b`},
		{"warning", func() { l.Warn("odd", "account", "ann@h") },
			`<20>.* fetchd\[\d+\]: WARNING: ann@h: odd`},
		{"information", func() { l.Info(fetch.EventNoMail, "account", "ann@h") },
			`<22>.* fetchd\[\d+\]: No mail for ann at h`},
		{"protocol", func() {
			l.Log(t.Context(), LevelTrace, EventTrace, "account", "ann@h", "line", "POP3> QUIT")
		}, `<23>.* fetchd\[\d+\]: ann@h: POP3> QUIT`},
		{"debug", func() { l.Debug("x", "n", 1) }, `<23>.* fetchd\[\d+\]: x n=1`},
		{"controls", func() { l.Warn("x", "account", "ann@h", "uid", "\x1b[2J\u009b\u202e\n<19>") },
			`<20>.* fetchd\[\d+\]: WARNING: ann@h: x uid=\\x1b\[2J\\u009b\\u202e\\x0a<19>`},
		{"secret", func() { l.Warn("x", "account", "ann@h", "uid", "s3cr3t") },
			`<20>.* fetchd\[\d+\]: WARNING: ann@h: x uid=\*\*\*`},
	}

	for _, tt := range tests {
		tt.log()
		got := strings.TrimSuffix(next(), "\n")
		if !regexp.MustCompile("^" + tt.want + "$").MatchString(got) {
			t.Errorf("%s: %q", tt.name, got)
		}
	}

	if err := l.Close(); err != nil || out.Len() > 0 {
		t.Errorf("%v, the terminal shows %q", err, out.String())
	}
}

// Mail is worth more than the place of its log; but a daemon without a terminal would have none at all.
func TestNoSyslog(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	target := Target{Name: "fetchd", Out: &out, Err: &out, Syslog: true,
		Socket: filepath.Join(t.TempDir(), "none")}
	l, err := Open(target)
	if err != nil {
		t.Fatal(err)
	}
	l.Log(t.Context(), slog.LevelInfo, "hello")
	if got := out.String(); !strings.Contains(got, "fetchd: WARNING: reach the system log: ") ||
		!strings.HasSuffix(got, "fetchd: hello\n") {
		t.Errorf("%q", got)
	}
	target.Detached = true
	if _, err := Open(target); err == nil {
		t.Error("a detached daemon without a log")
	}
}
