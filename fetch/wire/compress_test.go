package wire_test

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"fetchd/fetch/fetchtest"
	"fetchd/fetch/wire"
)

// deflated is text as a server sends it that compresses: flushed, so that another may follow.
func deflated(tb testing.TB, text []byte) []byte {
	tb.Helper()
	var z bytes.Buffer
	w, err := flate.NewWriter(&z, flate.BestCompression)
	if err == nil {
		_, err = w.Write(text)
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		tb.Fatal(err)
	}
	return z.Bytes()
}

// again says a text without end and counts what is read of it.
type again struct {
	text []byte
	sent int
}

func (a *again) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		n += copy(p[n:], a.text[(a.sent+n)%len(a.text):])
	}
	a.sent += n
	return n, nil
}

// A megabyte that came as a kilobyte takes no more memory than one that came as such, and a line of it has
// the same bound.
func TestCompressedBomb(t *testing.T) {
	block := deflated(t, bytes.Repeat([]byte("x"), 1<<20))
	if len(block) > 2<<10 {
		t.Fatalf("a block has %d bytes", len(block))
	}
	bomb := func() (*again, *wire.Conn) {
		source := &again{text: block}
		c := wire.New(&fetchtest.Tape{R: source, Size: 4096}, wire.Options{})
		if err := c.Compress(); err != nil {
			t.Fatal(err)
		}
		return source, c
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	source, c := bomb()
	if line, err := c.ReadLine(0); err == nil || !strings.Contains(err.Error(), "more than 65536 bytes") {
		t.Errorf("a line of %d bytes, %v", len(line), err)
	}
	if source.sent > 8<<10 {
		t.Errorf("%d bytes are read for a line that is too long", source.sent)
	}

	source, c = bomb()
	const message = 256 << 20
	if n, err := io.CopyN(io.Discard, c.Reader(), message); err != nil || n != message {
		t.Fatalf("%d bytes, %v", n, err)
	}
	runtime.ReadMemStats(&after)
	if n := int64(after.TotalAlloc - before.TotalAlloc); n > 4<<20 {
		t.Errorf("%d bytes allocated for %d on the line and %d behind it", n, source.sent, message)
	}
}

// FuzzCompress: what was compressed comes out as it went in, in both directions and whatever pieces it comes
// in; and whatever else comes, in whatever pieces, reads as the same lines up to the same error, which stays.
func FuzzCompress(f *testing.F) {
	for _, s := range []string{
		"", "a\r\n", "hello\r\nagain hello\r\n", strings.Repeat("x", 70_000), "\x00\xff\r\r\n", "no end",
	} {
		f.Add([]byte(s), uint8(0), uint16(0))
		f.Add([]byte(s), uint8(9), uint16(3))
		f.Add(deflated(f, []byte(s)), uint8(1), uint16(999))
	}
	f.Fuzz(func(t *testing.T, in []byte, size uint8, harm uint16) {
		in = in[:min(len(in), 128<<10)]
		z := deflated(t, in)
		c := compressedConn(t, z, int(size)+1)
		got := make([]byte, len(in))
		if err := c.ReadFull(got); err != nil || !bytes.Equal(got, in) {
			t.Fatalf("%d of %d bytes, %v", len(got), len(in), err)
		}

		server := &fetchtest.Tape{R: strings.NewReader(""), Size: 1}
		out := wire.New(server, wire.Options{})
		if err := out.Compress(); err != nil {
			t.Fatal(err)
		}
		if err := out.Write(in); err != nil {
			t.Fatal(err)
		}
		back := make([]byte, len(in))
		if _, err := io.ReadFull(flate.NewReader(&server.Sent), back); err != nil || !bytes.Equal(back, in) {
			t.Fatalf("the server reads %d bytes, %v", len(back), err)
		}

		if len(z) > 0 {
			z[int(harm)%len(z)] ^= byte(harm>>8) | 1
		}
		for _, stream := range [][]byte{in, z} {
			pieces, whole := linesOf(t, stream, int(size)+1), linesOf(t, stream, len(stream)+1)
			if pieces != whole {
				t.Errorf("in pieces %.300q, whole %.300q", pieces, whole)
			}
		}
	})
}

func compressedConn(t *testing.T, stream []byte, size int) *wire.Conn {
	t.Helper()
	c := wire.New(&fetchtest.Tape{R: bytes.NewReader(stream), Size: size}, wire.Options{})
	if err := c.Compress(); err != nil {
		t.Fatal(err)
	}
	return c
}

// linesOf are the lines that a compressed stream holds, and the error at its end.
func linesOf(t *testing.T, stream []byte, size int) string {
	t.Helper()
	c := compressedConn(t, stream, size)
	var out strings.Builder
	for out.Len() < 1<<20 {
		line, err := c.ReadLine(0)
		if err == nil {
			fmt.Fprintf(&out, "%q\n", line)
			continue
		}
		if len(line) > 0 || c.Err() == nil {
			t.Fatalf("%q with %v, then %v", line, err, c.Err())
		}
		fmt.Fprint(&out, err)
		break
	}
	return out.String()
}
