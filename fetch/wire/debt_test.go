package wire_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/fetch/wire"
)

// Nothing may drip for ever, in however many lines, answers or messages; what a slow line carries may take
// its time.
func TestSlowServers(t *testing.T) {
	t.Parallel()
	line := func(c *wire.Conn) error { _, err := c.ReadLine(0); return err }
	literal := func(c *wire.Conn) error { return c.ReadFull(make([]byte, 7)) }
	message := func(c *wire.Conn) error { _, err := c.Reader().Discard(70); return err }
	answer := func(c *wire.Conn) error { c.Answered(); return line(c) }
	news := func(c *wire.Conn) error { c.Quiet(time.Hour); return line(c) }
	tests := []struct {
		name, text string
		rate       float64 // bytes a second
		read       func(*wire.Conn) error
		slow       time.Duration // within so long it is given up; 0 = not within an hour
	}{
		// Of 512 bytes a second: for twelve minutes and a half.
		{"lines", "* OK x\r\n", 100, line, 13 * time.Minute},
		{"one line", "x", 100, line, 13 * time.Minute},
		{"literals", "x", 100, literal, 13 * time.Minute},
		{"a message", "x", 100, message, 13 * time.Minute},
		{"64 bytes a second", "x", 64, message, 12 * time.Minute},
		{"a byte before each time-out", "x", 1. / 59, message, 11 * time.Minute},
		{"answers, each within half of the time-out", "+OK\r\n", 5. / 29, answer, 0},
		{"answers, each a while after that", "+OK\r\n", 5. / 40, answer, time.Hour},
		{"a message at 600 bytes a second", "x", 600, message, 0},
		{"a message at 450 bytes a second", "x", 450, message, 85 * time.Minute},
		{"news", "* 1 EXISTS\r\n", 12. / 3000, news, 0},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := wire.New(dripping(t, tt.text, tt.rate), wire.Options{Timeout: time.Minute})
				defer c.Close()
				start := time.Now()
				var err error

				for err == nil && time.Since(start) < max(tt.slow, time.Hour)+time.Minute {
					err = tt.read(c)
				}
				d := time.Since(start)
				if tt.slow == 0 && err != nil ||
					tt.slow > 0 && (!errors.Is(err, wire.ErrSlow) || d > tt.slow || d < tt.slow/2) {
					t.Fatalf("error %v after %v, want one within %v", err, d, tt.slow)
				}
				if tt.slow > 0 && (wire.IsTimeout(err) ||
					!strings.Contains(err.Error(), "512 bytes a second for 10m0s; hint:")) {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

// A message has the time that its size takes; who sends more than that pays nothing with it.
func TestTimeOfAMessage(t *testing.T) {
	t.Parallel()
	const size = 600 * 60 * 5 // five minutes, at 600 bytes a second
	for _, tt := range []struct {
		name     string
		expected int64
		want     time.Duration
	}{
		{"as long as expected", size * 20, 0},
		{"longer than expected", size, 16 * time.Minute}, // these five, and ten time-outs
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := wire.New(dripping(t, "x", 600), wire.Options{Timeout: time.Minute})
				defer c.Close()
				c.Expect(tt.expected)
				start := time.Now()
				var err error

				for err == nil && time.Since(start) < time.Hour {
					_, err = c.Reader().Discard(100)
				}
				if d := time.Since(start); (err != nil) != (tt.want > 0) ||
					tt.want > 0 && (d > tt.want || d < tt.want-2*time.Minute) {
					t.Errorf("error %v after %v", err, d)
				}
			})
		})
	}
}

// With an answer what comes counts again.
func TestAnswerBehindALongMessage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := wire.New(dripping(t, "x", 600), wire.Options{Timeout: time.Minute})
		defer c.Close()
		c.Expect(10)
		start := time.Now()
		var err error
		for answered := false; err == nil && time.Since(start) < time.Hour; _, err = c.Reader().Discard(100) {
			if !answered && time.Since(start) > 5*time.Minute {
				answered = true
				c.Answered()
			}
		}
		if err != nil {
			t.Errorf("error %v after %v", err, time.Since(start))
		}
	})
}

// Who was quick has no credit, and a quiet hour is not counted, also where a read began in it.
func TestNoCreditAndNoDebt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer server.Close()
		c := wire.New(client, wire.Options{Timeout: time.Minute})
		defer c.Close()
		go func() { _, _ = io.WriteString(server, strings.Repeat("x", 10<<20)) }()
		if _, err := c.Reader().Discard(10 << 20); err != nil {
			t.Fatal(err)
		}

		for range 20 { // an hour's silence, then an answer within a second
			c.Quiet(2 * time.Hour)
			time.AfterFunc(time.Hour, func() { c.SetTimeout(0) })
			time.AfterFunc(time.Hour+time.Second, func() { _, _ = io.WriteString(server, "x\r\n") })
			if _, err := c.ReadLine(0); err != nil {
				t.Fatal(err)
			}
		}

		go drip(t, server, "x", 59*time.Second)
		start := time.Now()
		_, err := c.ReadLine(0)
		if d := time.Since(start); !errors.Is(err, wire.ErrSlow) || d > 11*time.Minute {
			t.Errorf("error %v after %v", err, d)
		}
	})
}

// dripping is a connection to a server that says text again and again, at rate bytes a second.
func dripping(t *testing.T, text string, rate float64) net.Conn {
	client, server := net.Pipe()
	t.Cleanup(func() { _ = server.Close() })
	piece := text
	if len(text) == 1 && rate > 10 { // as many a second
		piece = strings.Repeat(text, int(rate))
	}
	pause := time.Duration(float64(len(piece)) / rate * float64(time.Second))
	go drip(t, server, piece, pause)
	return client
}

// drip says text to the client after each pause, until it leaves or the test ends.
func drip(t *testing.T, server net.Conn, text string, pause time.Duration) {
	for err := error(nil); err == nil; _, err = io.WriteString(server, text) {
		select {
		case <-time.After(pause):
		case <-t.Context().Done():
			return
		}
	}
}
