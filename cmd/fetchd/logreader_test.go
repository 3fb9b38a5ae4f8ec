package main

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fullPipe is a pipe with no room for another byte.
func fullPipe(t *testing.T) (reader, writer *os.File) {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(reader.Close(), writer.Close()) })

	conn, err := writer.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Write(func(fd uintptr) bool {
		for err == nil {
			_, err = unix.Write(int(fd), make([]byte, 1))
		}
		return true
	})
	if !errors.Is(err, unix.EAGAIN) {
		t.Fatal(err)
	}
	return reader, writer
}

// Mail comes although nobody reads what the program says: because the reader is gone, or hangs.
func TestMailWithoutReader(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		daemon bool
		gone   bool
		ends   time.Duration // 0 = it is not waited for
	}{
		{"a daemon, the reader is gone", true, true, promptly},
		{"a daemon, the reader hangs", true, false, promptly + daemonPatience},
		{"a pass, the reader is gone", false, true, promptly},
		{"a pass, the reader hangs", false, false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			reader, writer := fullPipe(t)
			servers := startServers(t, 3)
			d := newDaemon(t, "")
			d.write("rc", d.demoAccount(servers, fmt.Sprintf("password %q", servers.Password)))
			d.cmd.Stdout, d.cmd.Stderr = writer, writer
			if tt.gone {
				_ = reader.Close()
			}

			if tt.daemon {
				d.start()
			} else {
				d.cmd.Args = []string{"fetchd", "-f", "rc"}
				d.launch()
			}
			if !within(waitFileTimeout, func() bool { return d.mails() == 3 }) {
				t.Fatalf("%d messages", d.mails())
			}
			if tt.daemon {
				d.signal(unix.SIGTERM)
			}
			if tt.ends > 0 {
				d.endsWithin(tt.ends)
			}
			if tt.ends > 0 && d.state != nil && !d.state.Success() {
				t.Error(d.state)
			}
		})
	}
}
