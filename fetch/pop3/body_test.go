package pop3

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"fetchd/delivery"
	"fetchd/fetch/fetchtest"
	"fetchd/fetch/wire"
)

func connOf(data []byte, size int) *wire.Conn {
	return wire.New(&fetchtest.Tape{R: bytes.NewReader(data), Size: size}, wire.Options{})
}

func TestBodies(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, wire, want, rest string }{
		{"empty", ".\r\n", "", ""},
		{"line", "a\r\n.\r\n+OK", "a\r\n", "+OK"},
		{"no line end of its own", "a\r\n\r\n.\r\n", "a\r\n\r\n", ""},
		{"dots", "..\r\n...\r\n..a\r\na..\r\n.\r\n", ".\r\n..\r\n.a\r\na..\r\n", ""},
		{"dot unstuffed by a careless server", ".a\r\n.\r\n", "a\r\n", ""},
		{"LF dot LF", "a\n.\nb\r\n.\r\n", "a\n.\nb\r\n", ""},
		{"LF dot CRLF", "a\n.\r\nb\r\n.\r\n", "a\n.\r\nb\r\n", ""},
		{"CR dot CRLF", "a\r.\r\nb\r\n.\r\n", "a\r.\r\nb\r\n", ""},
		{"CRLF dot LF", "a\r\n.\nb\r\n.\r\n", "a\r\n\nb\r\n", ""},
		{"CRLF dot CR", "a\r\n.\rb\r\n.\r\n", "a\r\n\rb\r\n", ""},
		{"CR CR LF", "a\r\r\n.\r\n", "a\r\r\n", ""},
		{"lone CR at the end", "a\r\r\n.\r\nx", "a\r\r\n", "x"},
		{"NUL and 8 bit", "\x00\xff\r\n.\r\n", "\x00\xff\r\n", ""},
		{"long line", strings.Repeat("x", 200_000) + "\r\n.\r\n", strings.Repeat("x", 200_000) + "\r\n", ""},
		{"many dots", strings.Repeat("..\r\n", 50_000) + ".\r\n", strings.Repeat(".\r\n", 50_000), ""},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, size := range []int{1, 2, 3, 5, 1 << 20} {
				c := connOf([]byte(tt.wire), size)
				var got bytes.Buffer
				_, sink, err := readBody(c, &got, 1<<30)
				if sink != nil || err != nil || got.String() != tt.want {
					t.Fatalf("in pieces of %d: %.100q, %v, %v; want %.100q",
						size, got.String(), sink, err, tt.want)
				}
				if rest, _ := io.ReadAll(c.Reader()); string(rest) != tt.rest {
					t.Errorf("in pieces of %d: %q is left, want %q", size, rest, tt.rest)
				}
			}
		})
	}
}

func TestBodyThatEndsEarly(t *testing.T) {
	t.Parallel()
	whole := "a\r\n..b\r\nc\r\n.\r\n"
	for n := range len(whole) {
		c := connOf([]byte(whole[:n]), 4)
		if _, _, err := readBody(c, io.Discard, 1<<30); err == nil {
			t.Errorf("%q reads as complete", whole[:n])
		}
		if c.Err() == nil {
			t.Errorf("%q: the connection has no error", whole[:n])
		}
	}
}

type full struct{ room int }

func (f *full) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, errors.New("full")
	}
	return len(p), nil
}

func TestBodyIsReadToItsEndWhenTheSpoolIsFull(t *testing.T) {
	t.Parallel()
	c := connOf([]byte(strings.Repeat("0123456789\r\n", 1000)+".\r\n+OK next\r\n"), 100)
	_, sink, err := readBody(c, &full{500}, 1<<30)
	if sink == nil || err != nil {
		t.Fatalf("%v, %v", sink, err)
	}
	if line, err := c.ReadLine(0); string(line) != "+OK next" {
		t.Errorf("%q, %v", line, err)
	}
}

// A body that does not end breaks the connection: what comes behind its limit may be anything.
func TestBodyBeyondItsLimit(t *testing.T) {
	t.Parallel()
	c := connOf(bytes.Repeat([]byte("0123456789\r\n"), 1000), 100)
	if _, _, err := readBody(c, io.Discard, 5000); !errors.Is(err, errBody) {
		t.Errorf("%v", err)
	}
	if line, err := c.ReadLine(0); !errors.Is(err, errBody) {
		t.Errorf("then %q, %v", line, err)
	}
	if err := c.WriteLine("QUIT", ""); !errors.Is(err, errBody) {
		t.Errorf("then %v", err)
	}
}

// Whatever size LIST has, no body is read beyond 4 GB.
func TestBodyLimit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ listed, want int64 }{
		{0, slack},
		{1000, slack + 2000},
		{1 << 30, 2<<30 + slack},
		{2 << 30, 4 << 30},
		{4 << 30, 4 << 30},
		{9_200_000_000, 4 << 30},
		{1 << 62, 4 << 30},
	} {
		if got := bodyLimit(tt.listed); got != tt.want {
			t.Errorf("LIST says %d: %d, want %d", tt.listed, got, tt.want)
		}
	}
}

// plainBody is readBody over a whole text, the plain way.
func plainBody(text string) (body, rest string, ok bool) {
	text = "\r\n" + text
	end := strings.Index(text, "\r\n.\r\n")
	if end < 0 {
		return "", "", false
	}
	body = strings.ReplaceAll(text[:end+2], "\r\n.", "\r\n")
	return body[2:], text[end+5:], true
}

// FuzzBody: the same result for any chunking, and the same as by the plain way.
func FuzzBody(f *testing.F) {
	for _, s := range []string{
		".\r\n", "a\r\n.\r\n", "..\r\n.\r\n", "a\n.\n\r\n.\r\n", "\r\r\n.\r.\r\n.\r\n", "\r\n.\r",
		"\r\n.a\r\n\r\n.\r\n+OK",
	} {
		f.Add(s, byte(1))
		f.Add(s, byte(3))
	}

	f.Fuzz(func(t *testing.T, text string, size byte) {
		// Megabytes, which the mutator likes, in pieces of one byte show no more and take seconds.
		const enough = 2 << 10
		text = text[:min(len(text), enough)]
		c := connOf([]byte(text), int(size)+1)
		var got bytes.Buffer
		_, sink, err := readBody(c, &got, 1<<30)
		body, rest, ok := plainBody(text)
		if sink != nil || (err == nil) != ok {
			t.Fatalf("%v, %v; complete: %v", sink, err, ok)
		}
		if !ok {
			return
		}
		if got.String() != body {
			t.Fatalf("%q, want %q", got.String(), body)
		}
		if left, _ := io.ReadAll(c.Reader()); string(left) != rest {
			t.Fatalf("left %q, want %q", left, rest)
		}
	})
}

// What the spool could not hold shows at its end at the latest, and then there is no body to deliver.
func TestSpoolThatFailsAtItsEnd(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		sink error // what a write said
		text string
		want error
	}{
		{"complete", nil, "ab", nil},
		{"a write failed", io.ErrShortWrite, "ab", io.ErrShortWrite},
		{"the last byte has no room", nil, "ab\r", delivery.ErrTooLarge}, // a CR is held back until then
	} {
		spool := delivery.NewSpool(delivery.SpoolOptions{Limit: 2})
		if _, err := io.WriteString(spool, tt.text); err != nil {
			t.Fatal(err)
		}
		if err := finish(spool, tt.sink); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		if _, held := spool.Bytes(); held != (tt.want == nil) {
			t.Errorf("%s: there is a body: %v", tt.name, held)
		}
		spool.Release()
	}
}
