package delivery

import (
	"bytes"
	"errors"
	"hash/crc32"
	"io"
	"os"
)

// SpoolMemory is how many bytes of a message are held in memory before it goes to a temporary file.
const SpoolMemory = 512 << 10

// ErrTooLarge is returned by Spool.Write when the message exceeds the spool's limit.
var ErrTooLarge = errors.New("message is larger than the limit")

// Spool holds one message while it is received and delivered: up to SpoolMemory bytes in memory, from then
// on in an unlinked temporary file. Write it, call Close once it is complete, then read it as often as
// needed. It is not safe for concurrent writing; after Close it may be read concurrently.
type Spool struct {
	dir    string
	keepCR bool
	limit  int64
	memory int

	blocks *Blocks
	piece  piece  // where mem lies
	mem    []byte // the message, or what is not yet in file
	file   *os.File
	size   int64
	crc    uint32
	header int  // how long it is, if the message is complete and in memory
	status bool // such a header has status fields
	cr     bool // the last byte written was a CR held back until the next byte is known
	done   bool
	gone   bool // it was released
	err    error
}

// SpoolOptions say how a spool behaves; the zero value is safe.
type SpoolOptions struct {
	Dir    string // for the temporary file; "" = os.TempDir()
	KeepCR bool   // keep CRLF line ends; otherwise each CRLF becomes LF (lone CRs and LFs stay)
	Limit  int64  // more than this many bytes is ErrTooLarge; 0 = no limit
	Memory int    // bytes held in memory before the temporary file; 0 = SpoolMemory, negative = none

	Blocks *Blocks // the memory of messages that come together; nil = it has its own
}

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	loneCR     = []byte{'\r'}
)

// NewSpool returns an empty spool. It opens no file.
func NewSpool(o SpoolOptions) *Spool {
	s := &Spool{dir: o.Dir, keepCR: o.KeepCR, limit: o.Limit, memory: o.Memory, blocks: o.Blocks}
	if s.memory == 0 {
		s.memory = SpoolMemory
	}
	if s.blocks == nil {
		s.blocks = new(Blocks)
	}
	return s
}

// Grow makes room for a message of n bytes, but at most for what is held in memory: n may be wrong.
func (s *Spool) Grow(n int64) {
	if room := min(n, int64(s.memory)); !s.done && room > 0 {
		s.reserve(int(room))
	}
}

// reserve makes room for n more bytes in memory.
func (s *Spool) reserve(n int) {
	want := len(s.mem) + n
	if want <= cap(s.mem) {
		return
	}
	if s.blocks.extend(&s.piece, want) {
		s.mem = s.piece.mem[:len(s.mem)]
		return
	}

	// Twice as much, so that many small writes copy little.
	larger := s.blocks.take(max(want, min(2*cap(s.mem), SpoolMemory)))
	mem := append(larger.mem, s.mem...)
	s.putMem()
	s.piece, s.mem = larger, mem
}

// Write adds p, with CRLF turned into LF unless the spool keeps CR. After an error the spool is useless:
// every further Write and Close return that error.
func (s *Spool) Write(p []byte) (int, error) {
	if s.err == nil && s.done {
		return 0, os.ErrClosed
	}
	if s.err == nil {
		s.err = s.convert(p)
	}
	if s.err != nil {
		return 0, s.err
	}
	return len(p), nil
}

// endsInLF tells whether the CR of each CRLF was removed: one that is left is none of a line's end.
func (s *Spool) endsInLF() bool { return !s.keepCR }

// convert adds p without the CRs before an LF. A CR at the end is held back until the next byte is known.
func (s *Spool) convert(p []byte) error {
	if s.keepCR {
		return s.add(p)
	}
	if s.cr && len(p) > 0 {
		s.cr = false
		if p[0] != '\n' {
			if err := s.add(loneCR); err != nil {
				return err
			}
		}
	}

	if s.file == nil && len(s.mem)+len(p) <= s.memory && (s.limit == 0 || s.size+int64(len(p)) <= s.limit) {
		s.convertInMemory(p)
		return nil
	}
	for len(p) > 0 {
		part, rest := s.untilCR(p)
		if err := s.add(part); err != nil {
			return err
		}
		p = rest
	}

	return nil
}

// convertInMemory is convert for what fits: it is the way of nearly all mail.
func (s *Spool) convertInMemory(p []byte) {
	s.reserve(len(p))
	mem := s.mem
	for len(p) > 0 {
		part, rest := s.untilCR(p)
		mem, p = append(mem, part...), rest
	}
	s.size += int64(len(mem) - len(s.mem))
	s.mem = mem
}

// untilCR returns what is to be added of p, up to its first CR: that is a part of it only if it stands alone.
func (s *Spool) untilCR(p []byte) (part, rest []byte) {
	i := bytes.IndexByte(p, '\r')
	switch {
	case i < 0:
		return p, nil
	case i == len(p)-1:
		s.cr = true
	case p[i+1] != '\n':
		return p[:i+1], p[i+1:]
	}
	return p[:i], p[i+1:]
}

// add stores p as it is.
func (s *Spool) add(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	// Before anything is stored: the disk is never filled beyond the limit.
	if s.limit > 0 && s.size+int64(len(p)) > s.limit {
		return ErrTooLarge
	}

	s.size += int64(len(p))

	if s.file == nil {
		if len(s.mem)+len(p) <= s.memory {
			s.hold(p)
			return nil
		}
		if err := s.spill(); err != nil {
			return err
		}
	}

	// Behind the beginning the memory gathers blocks for the file.
	if len(s.mem)+len(p) <= spillBlock {
		s.hold(p)
		return nil
	}

	if err := s.flush(); err != nil {
		return err
	}
	if len(p) > spillBlock {
		return s.toFile(p)
	}

	s.hold(p)
	return nil
}

// hold keeps p in memory.
func (s *Spool) hold(p []byte) {
	s.reserve(len(p))
	s.mem = append(s.mem, p...)
}

// spillBlock is how much is gathered before it is written to the temporary file.
const spillBlock = 256 << 10

// spill moves the message from memory to a file.
func (s *Spool) spill() error {
	f, err := unlinkedFile(s.dir)
	if err != nil {
		return err
	}
	s.file = f
	return s.flush()
}

// unlinkedFile returns a file that nobody else can open and that disappears when it is closed.
func unlinkedFile(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "fetchd-spool-*")
	if err != nil {
		return nil, err
	}
	// At once, so that a crash leaves nothing behind, and nobody can read the mail by its name.
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// flush writes what was gathered to the file.
func (s *Spool) flush() error {
	err := s.toFile(s.mem)
	s.mem = s.mem[:0]
	return err
}

func (s *Spool) toFile(p []byte) error {
	s.crc = crc32.Update(s.crc, castagnoli, p)
	_, err := s.file.Write(p)
	return err
}

// Close ends writing. After nil the message is complete; after an error it must not be delivered. Close
// does not release the spool.
func (s *Spool) Close() error {
	if !s.done {
		s.done = true
		if s.err == nil {
			s.err = s.finish()
		}
	}
	return s.err
}

func (s *Spool) finish() error {
	if s.cr {
		s.cr = false
		if err := s.add(loneCR); err != nil {
			return err
		}
	}

	// In a file the checksum grew with each block; in memory it is made once, for the whole.
	if s.file == nil {
		s.crc = crc32.Checksum(s.mem, castagnoli)
		s.header, s.status = scanHeader(s.mem[:min(len(s.mem), HeaderLimit)])
		return nil
	}

	if err := s.flush(); err != nil {
		return err
	}

	s.putMem()
	return nil
}

// Size is the number of bytes held, after line ends were changed.
func (s *Spool) Size() int64 { return s.size }

// CRC is the CRC-32C of the bytes held; valid after Close.
func (s *Spool) CRC() uint32 { return s.crc }

// Bytes returns the message if it is held in memory, and whether it is. The caller must not change or keep
// it.
func (s *Spool) Bytes() ([]byte, bool) {
	if s.file != nil || s.gone {
		return nil, false
	}
	return s.mem, true
}

// File returns the temporary file, and whether the message is in one. Read it by ReadAt: its offset is
// shared.
func (s *Spool) File() (*os.File, bool) { return s.file, s.file != nil }

// ReadAt implements io.ReaderAt over the complete message.
func (s *Spool) ReadAt(p []byte, off int64) (int, error) {
	switch {
	case s.file != nil:
		return s.file.ReadAt(p, off)
	case s.gone:
		return 0, os.ErrClosed
	}
	return bytes.NewReader(s.mem).ReadAt(p, off)
}

// Open returns a reader from the start of the message. Several may be open at once; they end with Release.
func (s *Spool) Open() io.Reader { return io.NewSectionReader(s, 0, s.size) }

// Release frees memory and file. It may be called more than once, also before Close; only Size and CRC
// remain.
func (s *Spool) Release() {
	s.done, s.gone = true, true
	if s.err == nil {
		s.err = os.ErrClosed
	}
	if s.file != nil {
		_ = s.file.Close()
		s.file = nil
	}
	s.putMem()
}

func (s *Spool) putMem() {
	if s.piece.block != nil {
		s.piece.block.release()
	}
	s.piece, s.mem = piece{}, nil
}
