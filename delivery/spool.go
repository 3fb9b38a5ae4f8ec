package delivery

import (
	"bytes"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"sync"
)

// SpoolMemory is how many bytes of a message are held in memory before it goes to a temporary file.
const SpoolMemory = 512 << 10

// ErrTooLarge is returned by Spool.Write when the message passes the spool's limit.
var ErrTooLarge = errors.New("message is larger than the limit")

// Spool holds one message while it is received and delivered: up to SpoolMemory bytes in memory, from then on in an
// unlinked temporary file. Write it, call Close once it is complete, then read it as often as needed.
// It is not safe for concurrent writing; after Close it may be read concurrently.
type Spool struct {
	dir    string
	keepCR bool
	limit  int64
	memory int

	mem  *bytes.Buffer
	file *os.File
	size int64
	crc  uint32
	cr   bool // the last byte written was a CR held back until the next byte is known
	done bool
}

// SpoolOptions say how a spool behaves; the zero value is safe.
type SpoolOptions struct {
	Dir    string // for the temporary file; "" = os.TempDir()
	KeepCR bool   // keep CRLF line ends; otherwise each CRLF becomes LF (lone CRs and LFs stay)
	Limit  int64  // more than this many bytes is ErrTooLarge; 0 = no limit
	Memory int    // bytes held in memory before the temporary file; 0 = SpoolMemory, negative = none
}

var (
	spoolBuffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}
	castagnoli   = crc32.MakeTable(crc32.Castagnoli)
)

// NewSpool returns an empty spool. It opens no file.
func NewSpool(o SpoolOptions) *Spool {
	s := &Spool{dir: o.Dir, keepCR: o.KeepCR, limit: o.Limit, memory: o.Memory}
	if s.memory == 0 {
		s.memory = SpoolMemory
	}
	s.mem = spoolBuffers.Get().(*bytes.Buffer)
	s.mem.Reset()
	return s
}

// Write adds p, with CRLF turned into LF unless the spool keeps CR.
func (s *Spool) Write(p []byte) (int, error) {
	n := len(p)
	if s.keepCR {
		return n, s.add(p)
	}
	if s.cr && n > 0 {
		s.cr = false
		if p[0] != '\n' {
			if err := s.add([]byte{'\r'}); err != nil {
				return 0, err
			}
		}
	}
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\r')
		switch {
		case i < 0:
			return n, s.add(p)
		case i == len(p)-1:
			s.cr = true
			return n, s.add(p[:i])
		case p[i+1] == '\n': // drop the CR, go on with the LF
			if err := s.add(p[:i]); err != nil {
				return 0, err
			}
			p = p[i+1:]
		default:
			if err := s.add(p[:i+1]); err != nil {
				return 0, err
			}
			p = p[i+1:]
		}
	}
	return n, nil
}

// add stores p as it is.
func (s *Spool) add(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if s.limit > 0 && s.size+int64(len(p)) > s.limit {
		return ErrTooLarge
	}
	s.size += int64(len(p))
	if s.file == nil {
		if s.mem.Len()+len(p) <= s.memory {
			s.mem.Write(p)
			return nil
		}
		if err := s.spill(); err != nil {
			return err
		}
	}
	if s.mem.Len()+len(p) > spillBlock {
		if err := s.flush(); err != nil {
			return err
		}
	}
	s.mem.Write(p)
	return nil
}

// spillBlock is how much is gathered before it goes to the temporary file.
const spillBlock = 256 << 10

func (s *Spool) spill() error {
	f, err := os.CreateTemp(s.dir, "fetchd-spool-*")
	if err != nil {
		return err
	}
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close()
		return err
	}
	s.file = f
	return s.flush()
}

func (s *Spool) flush() error {
	s.crc = crc32.Update(s.crc, castagnoli, s.mem.Bytes())
	_, err := s.file.Write(s.mem.Bytes())
	s.mem.Reset()
	return err
}

// Close ends writing: the message is complete. It does not release the spool.
func (s *Spool) Close() error {
	if s.done {
		return nil
	}
	s.done = true
	if s.cr {
		s.cr = false
		if err := s.add([]byte{'\r'}); err != nil {
			return err
		}
	}
	if s.file != nil {
		if err := s.flush(); err != nil {
			return err
		}
		s.putMem()
		return nil
	}
	s.crc = crc32.Update(0, castagnoli, s.mem.Bytes())
	return nil
}

// Size is the number of bytes held, after line ends were changed.
func (s *Spool) Size() int64 { return s.size }

// CRC is the CRC-32C of the bytes held; valid after Close.
func (s *Spool) CRC() uint32 { return s.crc }

// Bytes returns the message if it is held in memory, and whether it is. The caller must not change or keep it.
func (s *Spool) Bytes() ([]byte, bool) {
	if s.file != nil {
		return nil, false
	}
	return s.mem.Bytes(), true
}

// Open returns a reader from the start of the message. Several may be open at once; they end with Release.
func (s *Spool) Open() io.Reader {
	if s.file != nil {
		return io.NewSectionReader(s.file, 0, s.size)
	}
	return bytes.NewReader(s.mem.Bytes())
}

// File returns the temporary file and true if the message lies in one. Use ReadAt or dup it: its offset is shared.
func (s *Spool) File() (*os.File, bool) { return s.file, s.file != nil }

// Release frees memory and file. It may be called more than once and at any time.
func (s *Spool) Release() {
	if s.file != nil {
		_ = s.file.Close()
		s.file = nil
	}
	s.putMem()
}

func (s *Spool) putMem() {
	if s.mem == nil {
		return
	}
	if s.mem.Cap() <= 2*SpoolMemory {
		spoolBuffers.Put(s.mem)
	}
	s.mem = nil
}
