package delivery

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// Small messages lie side by side in blocks; a larger one has a block of its own.
const (
	blockSize  = 32 << 10
	pieceLimit = blockSize / 4 // so that little of a block is left over
	blockKinds = 5             // 32 KB, 64 KB … SpoolMemory
)

// Blocks is the memory for the messages of one retrieval. A mailbox of thousands leaves little garbage in it,
// and takes little more room than the messages under way. The zero value is ready; it is safe for concurrent
// use.
type Blocks struct {
	mu   sync.Mutex
	last *block // small pieces are cut off from it
}

// block is memory that pieces are cut off from, one behind the other.
type block struct {
	buf  []byte       // as long as the pieces reach; guarded by the lock of its Blocks
	uses atomic.Int32 // pieces, and one while it is the last
}

// piece is memory for one message.
type piece struct {
	block *block
	start int    // in the block
	mem   []byte // empty, and an append can't write behind its room
}

// freeBlocks are of all retrievals, each kind twice as large as the one before.
var freeBlocks [blockKinds]sync.Pool

// take returns a piece with room for n bytes.
func (b *Blocks) take(n int) piece {
	if n > pieceLimit {
		own := newBlock(n)
		return piece{block: own, mem: own.buf}
	}

	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last != nil && len(b.last.buf)+n > cap(b.last.buf) {
		b.last.release()
		b.last = nil
	}
	if b.last == nil {
		b.last = newBlock(blockSize)
	}

	p := piece{block: b.last, start: len(b.last.buf)}
	p.block.uses.Add(1)
	p.cut(n)
	return p
}

// extend makes room for n bytes where the piece lies, if nothing is behind it, and tells whether it did.
func (b *Blocks) extend(p *piece, n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	isNext := b.last != nil && p.block == b.last && p.start+cap(p.mem) == len(b.last.buf)
	if !isNext || p.start+n > cap(b.last.buf) {
		return false
	}
	p.cut(n)
	return true
}

// cut gives the piece, behind which is nothing, room for n bytes; the lock is held.
func (p *piece) cut(n int) {
	p.block.buf = p.block.buf[:p.start+n]
	p.mem = p.block.buf[p.start : p.start : p.start+n]
}

// newBlock returns a block with room for n bytes and with one use.
func newBlock(n int) *block {
	kind := bits.Len(uint(n-1) / blockSize)
	if kind < blockKinds {
		n = blockSize << kind
		if old, ok := freeBlocks[kind].Get().(*block); ok {
			old.uses.Store(1)
			return old
		}
	}
	k := &block{buf: make([]byte, 0, n)}
	k.uses.Store(1)
	return k
}

// release ends one use. With the last one the block is free, unless it is larger than those that are kept.
func (k *block) release() {
	if k.uses.Add(-1) > 0 {
		return
	}
	k.buf = k.buf[:0]
	if kind := bits.Len(uint(cap(k.buf)-1) / blockSize); kind < blockKinds {
		freeBlocks[kind].Put(k)
	}
}
