package wire_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/fetch/fetchtest"
	"fetchd/fetch/wire"
)

// What is no message may not drip for ever, in however many lines; messages may be slow.
func TestSlowText(t *testing.T) {
	t.Parallel()
	line := func(c *wire.Conn) error { _, err := c.ReadLine(0); return err }
	literal := func(c *wire.Conn) error { return c.ReadFull(make([]byte, 7)) }
	tests := []struct {
		name, script string
		read         func(*wire.Conn) error
		slow         bool
	}{
		{"lines", "DRIP 10ms * OK x\\r\\n", line, true},
		{"one line", "DRIP 10ms x", line, true},
		{"literals", "DRIP 10ms x", literal, true},
		{"a message", "DRIP 10ms x", func(c *wire.Conn) error { _, err := c.Reader().Discard(7); return err }, false},
		{"answers", "DRIP 10ms * OK x\\r\\n", func(c *wire.Conn) error { c.Answered(); return line(c) }, false},
		{"keep-alives", strings.Repeat("WAIT 50s\nS: * OK\n", 13) + "STALL", func(c *wire.Conn) error { c.KeptAlive(); return line(c) }, true},
		{"lines at 2 KB/s", strings.Repeat("WAIT 2s\nS: "+strings.Repeat("x", 4000)+"\n", 1800) + "STALL", line, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := wire.New(fetchtest.NewPeer(t, tt.script, nil).Pipe(), wire.Options{Timeout: time.Minute})
				defer c.Close()
				start := time.Now()
				var err error
				for err == nil && time.Since(start) < time.Hour {
					err = tt.read(c)
				}
				if d := time.Since(start); tt.slow != (err != nil) || tt.slow && (d < 10*time.Minute || d > 11*time.Minute) {
					t.Fatalf("error %v after %v", err, d)
				}
				if tt.slow && (wire.IsTimeout(err) || !strings.Contains(err.Error(), "bytes a second for 10m0s; hint:")) {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

// Nor does a server keep us for longer that says it is there before each of many messages.
func TestKeptAliveForTooLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := wire.New(fetchtest.NewPeer(t, strings.Repeat("WAIT 50s\nS: * OK\n", 16)+"STALL", nil).Pipe(), wire.Options{Timeout: time.Minute})
		defer c.Close()
		start := time.Now()
		var err error
		for err == nil {
			c.KeptAlive()
			c.Answered()
			_, err = c.ReadLine(0)
		}
		if d := time.Since(start); !wire.IsTimeout(err) || d != 16*50*time.Second {
			t.Errorf("error %v after %v", err, d)
		}
	})
}
