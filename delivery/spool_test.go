package delivery

import (
	"bytes"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// fill writes data in pieces of the given size and closes the spool.
func fill(t testing.TB, o SpoolOptions, data []byte, piece int) *Spool {
	t.Helper()
	s := NewSpool(o)
	t.Cleanup(s.Release)
	for len(data) > 0 {
		n := min(piece, len(data))
		if k, err := s.Write(data[:n]); k != n || err != nil {
			t.Fatalf("Write: %d, %v", k, err)
		}
		data = data[n:]
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return s
}

// checkSpool compares all the ways to read a spool with want.
func checkSpool(t testing.TB, s *Spool, want []byte) {
	t.Helper()
	got, err := io.ReadAll(s.Open())
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("got %.80q (%d bytes), %v; want %.80q (%d bytes)", got, len(got), err, want, len(want))
	}
	if s.Size() != int64(len(want)) || s.CRC() != crc32.Checksum(want, crc32.MakeTable(crc32.Castagnoli)) {
		t.Errorf("size %d, CRC %x", s.Size(), s.CRC())
	}
	held, inMemory := s.Bytes()
	if _, inFile := s.File(); inFile == inMemory {
		t.Errorf("in memory %v, in a file %v", inMemory, inFile)
	}
	if inMemory && !bytes.Equal(held, want) {
		t.Errorf("Bytes: %.80q", held)
	}
}

func TestSpoolLineEnds(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct{ name, in, want string }{
		{"empty", "", ""},
		{"CRLF", "a\r\nb\r\n", "a\nb\n"},
		{"LF stays", "a\nb\n", "a\nb\n"},
		{"lone CR stays", "a\rb\r", "a\rb\r"},
		{"CR CR LF", "a\r\r\nb", "a\r\nb"},
		{"CRs at the end", "\r\r\r", "\r\r\r"},
		{"LF CR", "a\n\rb", "a\n\rb"},
		{"empty line first", "\r\nbody", "\nbody"},
		{"NUL and 8-bit", "\x00\xff\r\n\x80", "\x00\xff\n\x80"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			for piece := 1; piece <= len(tt.in)+1; piece++ {
				for _, memory := range []int{0, -1, 3} {
					checkSpool(t, fill(t, SpoolOptions{Memory: memory, Dir: t.TempDir()},
						[]byte(tt.in), piece), []byte(tt.want))
				}
				checkSpool(t, fill(t, SpoolOptions{KeepCR: true}, []byte(tt.in), piece), []byte(tt.in))
			}
		})
	}
}

func TestSpoolLarge(t *testing.T) {
	t.Parallel()
	lines := bytes.Repeat([]byte("0123456789abcdef\r\n"), 3*SpoolMemory/18)
	flat := bytes.Repeat([]byte{'x'}, 3*SpoolMemory)
	for _, piece := range []int{1000, 17, spillBlock, spillBlock + 1, 4 * SpoolMemory} {
		dir := t.TempDir()
		s := fill(t, SpoolOptions{Dir: dir}, lines, piece)
		checkSpool(t, s, bytes.ReplaceAll(lines, []byte("\r\n"), []byte("\n")))
		checkSpool(t, fill(t, SpoolOptions{Dir: dir}, flat, piece), flat)
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("files with a name: %v, %v", left, err)
		}
	}
}

func TestSpoolHoldsLittle(t *testing.T) {
	t.Parallel()
	s := fill(t, SpoolOptions{Dir: t.TempDir(), KeepCR: true}, make([]byte, 64<<20), 64<<20)
	if s.mem != nil {
		t.Error("memory kept beside the file")
	}
	s = NewSpool(SpoolOptions{Dir: t.TempDir()})
	defer s.Release()
	if _, err := s.Write(make([]byte, 64<<20)); err != nil {
		t.Fatal(err)
	}
	if got := cap(s.mem); got > 4*SpoolMemory {
		t.Errorf("%d bytes of memory for one large write", got)
	}
}

func TestSpoolErrorsStick(t *testing.T) {
	t.Parallel()
	s := NewSpool(SpoolOptions{Limit: 4})
	for range 2 {
		if n, err := s.Write([]byte("12345")); n != 0 || !errors.Is(err, ErrTooLarge) {
			t.Errorf("Write: %d, %v", n, err)
		}
	}
	if _, err := s.Write([]byte("1")); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a later write hides the hole: %v", err)
	}
	if err := s.Close(); !errors.Is(err, ErrTooLarge) {
		t.Errorf("Close: %v", err)
	}
	s.Release()

	s = NewSpool(SpoolOptions{Dir: filepath.Join(t.TempDir(), "missing"), Memory: -1})
	if _, err := s.Write([]byte("12345")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Write without a directory: %v", err)
	}
	if err := s.Close(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Close: %v", err)
	}
}

func TestSpoolLimitCountsWhatIsHeld(t *testing.T) {
	t.Parallel()
	s := fill(t, SpoolOptions{Limit: 4}, []byte("a\r\nb\r\n"), 1)
	checkSpool(t, s, []byte("a\nb\n"))
}

func TestSpoolAfterRelease(t *testing.T) {
	t.Parallel()
	for _, memory := range []int{0, -1} {
		s := fill(t, SpoolOptions{Dir: t.TempDir(), Memory: memory}, []byte("abc"), 3)
		s.Release()
		s.Release()
		if _, ok := s.Bytes(); ok {
			t.Error("Bytes after Release")
		}
		if _, err := io.ReadAll(s.Open()); !errors.Is(err, os.ErrClosed) {
			t.Errorf("read after Release: %v", err)
		}
		if _, err := s.Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
			t.Errorf("Write after Release: %v", err)
		}
	}
	early := NewSpool(SpoolOptions{})
	early.Release()
	if err := early.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Close after Release: %v", err)
	}
}

func TestSpoolReadConcurrently(t *testing.T) {
	t.Parallel()
	data := bytes.Repeat([]byte("line\n"), 100_000)
	for _, memory := range []int{0, -1} {
		s := fill(t, SpoolOptions{Dir: t.TempDir(), Memory: memory}, data, 4096)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if got, err := io.ReadAll(s.Open()); err != nil || !bytes.Equal(got, data) {
					t.Errorf("%d bytes, %v", len(got), err)
				}
			})
		}
		wg.Wait()
	}
}

func FuzzSpool(f *testing.F) {
	f.Add([]byte("a\r\nb\rc\n\r\r\n"), uint8(1), uint8(3))
	f.Add([]byte("\r"), uint8(1), uint8(0))
	f.Add([]byte(strings.Repeat("x\r\n", 200)), uint8(7), uint8(100))
	f.Fuzz(func(t *testing.T, data []byte, piece, memory uint8) {
		want := bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
		o := SpoolOptions{Memory: int(memory) - 1}
		checkSpool(t, fill(t, o, data, int(piece)+1), want)
		o.KeepCR = true
		checkSpool(t, fill(t, o, data, int(piece)+1), data)
	})
}

func BenchmarkSpool(b *testing.B) {
	body := bytes.Repeat([]byte(strings.Repeat("x", 70)+"\r\n"), 4096/72)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		s := NewSpool(SpoolOptions{})
		if _, err := s.Write(body); err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		s.Release()
	}
}

// A queue whose memory is used up makes spools that hold nothing in memory.
func TestSpoolGrow(t *testing.T) {
	t.Parallel()
	for _, memory := range []int{-1, 0, 10} {
		for _, n := range []int64{-1, 0, 5, 1 << 40} {
			s := NewSpool(SpoolOptions{Memory: memory, Dir: t.TempDir()})
			s.Grow(n)
			if _, err := s.Write([]byte("text")); err != nil || s.Close() != nil || s.Size() != 4 {
				t.Errorf("memory %d, grown by %d: %v, %d bytes", memory, n, err, s.Size())
			}
			s.Release()
		}
	}
}

// A disk may be full at any write of the temporary file, the last one at Close among them.
func TestSpoolOnAFullDisk(t *testing.T) {
	t.Parallel()
	readOnly, err := os.Open(os.DevNull) // refuses to be written
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = readOnly.Close() })
	for _, tt := range []struct {
		name    string
		more    int // bytes written once the disk is full
		atWrite bool
	}{
		{"at the end", 10, false},
		{"at the end, all was written", 0, false},
		{"before", spillBlock + 1, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := NewSpool(SpoolOptions{Dir: t.TempDir(), Memory: -1})
			defer s.Release()
			if _, err := s.Write([]byte("header\n")); err != nil {
				t.Fatal(err)
			}
			written := s.file
			s.file = readOnly
			defer func() { s.file = written }()
			if _, err := s.Write(make([]byte, tt.more)); (err != nil) != tt.atWrite {
				t.Errorf("Write: %v", err)
			}
			for range 2 {
				if err := s.Close(); !errors.Is(err, unix.EBADF) {
					t.Errorf("Close: %v", err)
				}
			}
		})
	}
}
