package journal

import (
	"hash/maphash"
	"strings"
)

// Sizes of an arena's pieces: a small maildrop needs only one of the first size.
const (
	firstPiece = 4 << 10
	lastPiece  = 256 << 10
)

// arena stores many short texts in few pieces of memory.
type arena struct {
	piece strings.Builder
	size  int // of the next piece
}

// keep returns text as a string.
func (a *arena) keep(text []byte) string {
	if a.piece.Cap()-a.piece.Len() < len(text) {
		a.size = min(max(firstPiece, 2*a.size), lastPiece)
		a.piece.Reset() // the strings made from it stay valid
		// One allocation that is never moved: the strings point into it.
		a.piece.Grow(max(a.size, len(text)))
	}
	start := a.piece.Len()
	a.piece.Write(text)
	return a.piece.String()[start:]
}

// index finds marks by their UIDLs. It is an open hash table because a server may list a million of them
// and a map takes five times as much memory. Its seed is random, so that no server can cause collisions.
type index struct {
	seed  maphash.Seed
	slots []int32 // 1 + where in list; 0 = free. Their number is a power of two
	used  int
}

// newIndex has room for n.
func newIndex(n int) index {
	size := 16
	for size < 2*n {
		size *= 2
	}
	return index{seed: maphash.MakeSeed(), slots: make([]int32, size)}
}

// slot returns the slot of a UIDL, or the free one that it would get.
func (x *index) slot(list []mark, uidl []byte) *int32 {
	last := len(x.slots) - 1
	// Ends because the table always has free slots: add keeps a quarter of them.
	for i := int(maphash.Bytes(x.seed, uidl)) & last; ; i = (i + 1) & last {
		if at := x.slots[i]; at == 0 || list[at-1].uidl == string(uidl) {
			return &x.slots[i]
		}
	}
}

// add adds the last element of list, for whose UIDL slot returned free.
func (x *index) add(list []mark, free *int32) {
	x.used++
	if 4*x.used <= 3*len(x.slots) {
		*free = int32(len(list))
		return
	}

	// A fuller table is slow.
	x.slots = make([]int32, 2*len(x.slots))
	for i := range list {
		*x.slot(list, []byte(list[i].uidl)) = int32(i + 1)
	}
}
