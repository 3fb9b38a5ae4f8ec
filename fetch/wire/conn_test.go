package wire_test

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/fetch/fetchtest"
	"fetchd/fetch/wire"
	"fetchd/tlsverify"
	"fetchd/tlsverify/tlstest"
)

func TestReadLine(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 40<<10)
	tests := []struct {
		name, script string
		limit        int
		want         []string
		err          string
	}{
		{"line ends", "S< a\\r\\nb\\n\\r\\n\\r\\r\\nc\\rd\\r\\n", 0, []string{
			"a", "b", "", "\r", "c\rd",
		}, ""},
		{"longer than the buffer", "S: " + long + "\nS: a", 0, []string{long, "a"}, ""},
		{"one too long", "S: 12345678", 9, nil, "more than 9 bytes"},
		{"just not too long", "S: 12345678", 10, []string{"12345678"}, ""},
		{"endless", "ENDLESS x", 0, nil, "more than 65536 bytes"},
		{"end before a line", "CLOSE", 0, nil, "the server ended the connection"},
		{"end within a line", "S< abc\nCLOSE", 0, nil, "the server ended the connection"},
		{"end behind a line", "S: abc\nCLOSE", 0, []string{"abc", "?"}, "the server ended the connection"},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := wire.New(fetchtest.NewPeer(t, tt.script, nil).Pipe(), wire.Options{})
			defer c.Close()
			for _, want := range tt.want {
				if line, err := c.ReadLine(tt.limit); err == nil && string(line) != want {
					t.Fatalf("read %.50q, want %.50q", line, want)
				}
			}

			if tt.err == "" {
				return
			}
			_, err := c.ReadLine(tt.limit)
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v, want %s", err, tt.err)
			}
			if _, again := c.ReadLine(tt.limit); !errors.Is(again, err) || !errors.Is(c.Err(), err) {
				t.Errorf("then %v and %v", again, c.Err())
			}
		})
	}
}

// What lies in the buffer when the peer is found out of step must not be taken for an answer.
func TestBrokenStaysBroken(t *testing.T) {
	t.Parallel()
	c := wire.New(fetchtest.NewPeer(t, "S< a\\r\\nb\\r\\n", nil).Pipe(), wire.Options{})
	defer c.Close()
	if _, err := c.ReadLine(0); err != nil {
		t.Fatal(err)
	}
	first := errors.New("out of step")
	if err := c.Break(first); !errors.Is(err, first) {
		t.Error(err)
	}
	if line, err := c.ReadLine(0); !errors.Is(err, first) {
		t.Errorf("read %q, %v", line, err)
	}
	if err := c.WriteLine("x", ""); !errors.Is(err, first) {
		t.Errorf("write: %v", err)
	}
	if err := c.Break(io.EOF); !errors.Is(err, first) {
		t.Errorf("second Break gives %v", err)
	}
}

func TestWriteLineRefusesControls(t *testing.T) {
	t.Parallel()
	p := fetchtest.NewPeer(t, "C: ok", nil)
	c := wire.New(p.Pipe(), wire.Options{})
	for _, line := range []string{"a\r\nb", "a\nb", "a\rb", "a\x00b"} {
		if err := c.WriteLine(line, ""); err == nil {
			t.Errorf("sent %q", line)
		}
	}
	if err := c.WriteLine("ok", ""); err != nil {
		t.Error(err)
	}
	_ = c.Close()
}

// Each case ends by itself, in the bubble's time, with a time-out or the context's error.
func TestWaiting(t *testing.T) {
	t.Parallel()
	stop := errors.New("stop now")
	after := func(d time.Duration) func(*wire.Conn, context.Context) {
		return func(c *wire.Conn, ctx context.Context) {
			time.AfterFunc(d, func() { c.SetTimeout(time.Hour) })
		}
	}

	tests := []struct {
		name, script string
		prepare      func(*wire.Conn, context.Context)
		cancel       time.Duration
		want         time.Duration
	}{
		{"silent", "STALL", nil, 0, time.Minute},
		{"silent within a line", "S< abc\nSTALL", nil, 0, time.Minute},
		{"a longer time-out for the read under way", "STALL",
			after(30 * time.Second), 0, time.Hour + 30*time.Second},
		{"dripping", "DRIP 50s abcdefgh", nil, 0, 13 * 50 * time.Second},
		{"cancelled", "STALL", nil, 5 * time.Second, 5 * time.Second},
		{"cancelled while it drips", "DRIP 3s a", nil, 10 * time.Second, 10 * time.Second},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				c := wire.New(fetchtest.NewPeer(t, tt.script, nil).Pipe(), wire.Options{Timeout: time.Minute})
				defer c.Close()
				defer c.Bind(ctx)()
				if tt.cancel > 0 {
					time.AfterFunc(tt.cancel, func() { cancel(stop) })
				}
				if tt.prepare != nil {
					tt.prepare(c, ctx)
				}

				start := time.Now()
				_, err := c.ReadLine(0)
				if tt.cancel > 0 && !errors.Is(err, stop) ||
					tt.cancel == 0 && wire.IsTimeout(err) == (tt.name == "dripping") {
					t.Errorf("error %v", err)
				}
				if d := time.Since(start); d != tt.want {
					t.Errorf("took %v, want %v", d, tt.want)
				}
			})
		})
	}
}

// The latency is that of the fastest answer; what came unasked is none.
func TestLatency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		script := "S: hello\nC: a\nWAIT 50ms\nS: 1\nC: b\nWAIT 20ms\nS: 2\nC: c\nWAIT 30ms\nS: 3"
		c := wire.New(fetchtest.NewPeer(t, script, nil).Pipe(), wire.Options{Timeout: time.Minute})
		defer c.Close()
		want := []time.Duration{0, 50 * time.Millisecond, 20 * time.Millisecond, 20 * time.Millisecond}
		for i, command := range []string{"", "a", "b", "c"} {
			if command != "" {
				if err := c.WriteLine(command, ""); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := c.ReadLine(0); err != nil {
				t.Fatal(err)
			}
			if got := c.Latency(); got != want[i] {
				t.Errorf("after %q it is %v, want %v", command, got, want[i])
			}
		}
	})
}

func TestWriteTimesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer server.Close()
		c := wire.New(client, wire.Options{Timeout: time.Minute})
		defer c.Close()
		if err := c.WriteLine("NOOP", ""); !wire.IsTimeout(err) {
			t.Error(err)
		}
	})
}

func TestRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := wire.New(fetchtest.NewPeer(t, "ENDLESS 0123456789", nil).Pipe(), wire.Options{Rate: 10_000})
		defer c.Close()
		start := time.Now()
		if _, err := io.ReadFull(c.Reader(), make([]byte, 100_000)); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d < 9*time.Second || d > 11*time.Second {
			t.Errorf("100 kB at 10 kB/s took %v", d)
		}
		time.AfterFunc(time.Millisecond, func() { _ = c.Break(io.ErrClosedPipe) })
		if _, err := io.ReadFull(c.Reader(), make([]byte, 1000)); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("error %v", err)
		}
	})
}

func TestStartTLS(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	config := tlstest.ServerConfig(ca.Leaf(tlstest.Leaf{DNS: []string{"mail.example.org"}}))
	policy, err := tlsverify.New(tlsverify.Options{Host: "mail.example.org", CAFile: ca.File(t)})
	if err != nil {
		t.Fatal(err)
	}

	tests := []struct {
		name, script string
		want         string
		timeout      bool
	}{
		{"good", "S: a\nTLS\nS: b", "", false},
		{"last words", "S: a\nTLS\nS: b\nCLOSE", "", false},
		{"injected", "S< a\\r\\nb", "in clear text", false},
		{"not TLS", "S: a\nC<5\nS: hello, this is no server of TLS\nSTALL", "no TLS on this port", false},
		{"silent in the handshake", "S: a\nC<5\nSTALL", "no TLS handshake within 1m0s", true},
		{"closed in the handshake", "S: a\nC<5\nCLOSE", "handshake", false},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := wire.New(fetchtest.NewPeer(t, tt.script, config).Pipe(),
					wire.Options{Timeout: time.Minute})
				defer c.Close()
				if _, err := c.ReadLine(0); err != nil {
					t.Fatal(err)
				}

				synctest.Wait()
				start := time.Now()
				err := c.StartTLS(t.Context(), policy)
				if tt.want == "" {
					line, rerr := c.ReadLine(0)
					if err != nil || !c.TLS() || string(line) != "b" {
						t.Errorf("StartTLS: %v; then %q, %v", err, line, rerr)
					}
					return
				}

				if err == nil || !strings.Contains(err.Error(), tt.want) ||
					wire.IsTimeout(err) != tt.timeout || c.TLS() {
					t.Errorf("error %v, want %s", err, tt.want)
				}
				if d := time.Since(start); tt.timeout != (d == time.Minute) {
					t.Errorf("took %v", d)
				}
				if err := c.WriteLine("secret", ""); err == nil {
					t.Error("it can be written to")
				}
			})
		})
	}
}

// With TLS 1.3 the server refuses a client only after the client's handshake is over.
func TestServerWantsClientCertificate(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	policy, err := tlsverify.New(tlsverify.Options{Host: "mail.example.org", CAFile: ca.File(t)})
	if err != nil {
		t.Fatal(err)
	}

	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			config := ca.ClientCAs(
				tlstest.ServerConfig(ca.Leaf(tlstest.Leaf{DNS: []string{"mail.example.org"}})))
			config.MaxVersion = version
			srv := &tlstest.Server{Config: config}
			c := wire.New(srv.Pipe(), wire.Options{Timeout: time.Minute})
			err := c.StartTLS(t.Context(), policy)
			if err == nil {
				_, err = c.ReadLine(0)
			}

			c.Close()
			if _, serr := srv.Wait(); serr == nil || err == nil ||
				!strings.Contains(err.Error(), "asked for a client certificate and there is none") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestCompress(t *testing.T) {
	t.Parallel()
	var z bytes.Buffer
	w, _ := flate.NewWriter(&z, flate.BestSpeed)
	_, _ = io.WriteString(w, "hello\r\n")
	_ = w.Flush()
	client, server := net.Pipe()
	c := wire.New(client, wire.Options{})
	defer c.Close()
	defer server.Close()
	go func() {
		_, _ = io.WriteString(server, "OK\r\n"+z.String()) // what is already buffered is part of the stream
		_, _ = io.WriteString(server, "\xff\xff\xff garbage")
	}()
	if line, err := c.ReadLine(0); string(line) != "OK" {
		t.Fatalf("%q, %v", line, err)
	}
	if err := c.Compress(); err != nil {
		t.Fatal(err)
	}
	if line, err := c.ReadLine(0); string(line) != "hello" {
		t.Fatalf("%q, %v", line, err)
	}
	sent := make(chan string, 1)
	go func() {
		line := make([]byte, 6)
		_, _ = io.ReadFull(flate.NewReader(server), line)
		sent <- string(line)
	}()
	if err := c.WriteLine("NOOP", ""); err != nil || <-sent != "NOOP\r\n" {
		t.Errorf("write: %v", err)
	}
	var corrupt flate.CorruptInputError
	if line, err := c.ReadLine(0); !errors.As(err, &corrupt) || !errors.Is(c.Err(), err) {
		t.Errorf("read %q, %v", line, err)
	}
}

func TestTrace(t *testing.T) {
	t.Parallel()
	var lines []string
	p := fetchtest.NewPeer(t, "S< a\\x1b[2J\\xff\"b\\r\\n\nS: "+
		strings.Repeat("y", 5000)+"\nC: PASS secret", nil)
	c := wire.New(p.Pipe(), wire.Options{Label: "POP3", Trace: func(l string) { lines = append(lines, l) }})
	for range 2 {
		if _, err := c.ReadLine(0); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.WriteLine("PASS secret", "PASS ***"); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if len(lines) != 3 || lines[0] != `POP3< a\x1b[2J\xff"b` || len(lines[1]) > 1100 ||
		!strings.HasSuffix(lines[1], "(4000 more bytes)") || lines[2] != "POP3> PASS ***" {
		t.Errorf("trace %q", lines)
	}
}

func FuzzPrintable(f *testing.F) {
	for _, s := range []string{
		"", "plain", "\x00\r\n\x1b[31m", "\xff\xfe", `a\"b`, strings.Repeat("€", 2000),
	} {
		f.Add([]byte(s))
	}
	c := wire.New(nil, wire.Options{})
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, s := range []string{c.Printable(text), c.Quoted(text)} {
			if len(s) > 10*wire.TraceLimit {
				t.Errorf("%d bytes from %d", len(s), len(text))
			}
			if i := strings.IndexFunc(s, func(r rune) bool {
				return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 ||
					r == '\ufffd' && !bytes.ContainsRune(text, r)
			}); i >= 0 {
				t.Errorf("%q shows a control character at %d", s, i)
			}
		}
	})
}

func TestRest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		text := strings.Repeat("x", 200)
		p := fetchtest.NewPeer(t, "S: a\nWAIT 30s\n"+
			"S< b\\r\\nc\\r\\n\nWAIT 30s\nS: "+text+"\nS: d\nSTALL", nil)
		c := wire.New(p.Pipe(), wire.Options{Timeout: time.Minute})
		defer c.Close()

		for _, want := range []string{"a", "b", "c", text, "d"} {
			for range 2 { // the second one sees what has ended the first
				if err := c.Rest(); err != nil {
					t.Fatal(err)
				}
			}
			if line, err := c.ReadLine(0); string(line) != want || err != nil {
				t.Errorf("%q, %v; want %q", line, err, want)
			}
		}

		if err := c.Rest(); !wire.IsTimeout(err) || !wire.IsTimeout(c.Err()) {
			t.Errorf("rest beyond the time limit: %v, connection: %v", err, c.Err())
		}
		if _, err := c.ReadLine(0); !wire.IsTimeout(err) {
			t.Errorf("read after that: %v", err)
		}
	})
}
