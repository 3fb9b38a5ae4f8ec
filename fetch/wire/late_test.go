package wire_test

import (
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/fetch/wire"
)

// stopped is a connection of a program that was stopped, as by Ctrl-Z, in the middle of its first read: when
// it goes on, the deadline has passed, whatever has come.
type stopped struct {
	net.Conn
	lasts time.Duration
}

func (s *stopped) Read(p []byte) (int, error) {
	if s.lasts > 0 {
		<-time.After(s.lasts)
		s.lasts = 0
		return 0, os.ErrDeadlineExceeded
	}
	return s.Conn.Read(p)
}

// An answer that came while the program was stopped is read, however long that was.
func TestStopped(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		lasts  time.Duration
		answer string
	}{
		{"answered meanwhile", 2 * time.Minute, "+OK\r\n"},
		{"for an hour", time.Hour, "+OK\r\n"},
		{"no answer", time.Hour, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				c := wire.New(&stopped{ours, tt.lasts}, wire.Options{Timeout: time.Minute})
				defer c.Close()
				go func() { _, _ = theirs.Write([]byte(tt.answer)) }()

				line, err := c.ReadLine(0)
				if tt.answer == "" && !wire.IsTimeout(err) || tt.answer != "" && string(line) != "+OK" {
					t.Fatalf("%q, %v", line, err)
				}
				if tt.answer == "" {
					return
				}
				// The next one has the whole time-out again, and no more.
				start := time.Now()
				if _, err := c.ReadLine(0); !wire.IsTimeout(err) || time.Since(start) != time.Minute {
					t.Errorf("%v after %v", err, time.Since(start))
				}
			})
		})
	}
}
