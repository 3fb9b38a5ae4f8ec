package delivery

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestBlocks: messages that come side by side, in parts of any size, keep their bytes, also when the memory
// of others is used again.
func TestBlocks(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	o := SpoolOptions{KeepCR: true, Dir: t.TempDir(), Blocks: new(Blocks)}
	var spools []*Spool
	var want [][]byte

	for n := range 600 {
		if len(spools) < 20 {
			s := NewSpool(o)
			if n%2 == 0 {
				s.Grow(rnd.Int64N(3 * pieceLimit)) // may be too little
			}
			spools, want = append(spools, s), append(want, nil)
		}

		for range 8 {
			i, part := rnd.IntN(len(spools)), fmt.Appendf(nil, "%d\n", n)
			part = bytes.Repeat(part, 1+rnd.IntN(pieceLimit/8))
			if _, err := spools[i].Write(part); err != nil {
				t.Fatal(err)
			}
			want[i] = append(want[i], part...)
		}

		i := rnd.IntN(len(spools))
		if err := spools[i].Close(); err != nil {
			t.Fatal(err)
		}
		checkSpool(t, spools[i], want[i])
		spools[i].Release()
		spools[i], want[i] = NewSpool(o), nil
	}

	for i, s := range spools {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		checkSpool(t, s, want[i])
		s.Release()
	}
}

// TestBlocksHoldLittle: small messages share their memory, and one that grows as the last of a block stays
// where it is.
func TestBlocksHoldLittle(t *testing.T) {
	t.Parallel()
	b := new(Blocks)
	used := map[*block]int{}
	for range 64 {
		used[b.take(4<<10).block]++
	}
	if len(used) != 64*4/32 {
		t.Errorf("64 × 4 KB lie in %d blocks", len(used))
	}

	p := b.take(100)
	if before := p.block; !b.extend(&p, 5000) || p.block != before || cap(p.mem) != 5000 {
		t.Errorf("the last piece has room for %d", cap(p.mem))
	}
	next := b.take(100)
	if b.extend(&p, 6000) {
		t.Error("a piece was extended over the next one")
	}

	for _, last := range []piece{p, next} {
		last.block.release()
	}
	if uses := p.block.uses.Load(); uses != 1 {
		t.Errorf("%d uses of the block that pieces are cut off from", uses)
	}
	if own := b.take(100 << 10); cap(own.mem) != 128<<10 || own.block == b.last {
		t.Errorf("100 KB have room for %d", cap(own.mem))
	}
}
