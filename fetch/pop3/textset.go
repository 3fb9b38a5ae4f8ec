package pop3

import "hash/maphash"

// textSet tells texts apart by a hash with a seed of its own, at twelve bytes each. It may call a text known that isn't
// (once in 2⁶⁴ pairs), never the other way round.
type textSet struct {
	seed maphash.Seed
	has  map[uint64]struct{}
}

// newTextSet returns an empty set with room for n texts.
func newTextSet(n int) *textSet {
	return &textSet{seed: maphash.MakeSeed(), has: make(map[uint64]struct{}, n)}
}

// add tells whether text is new.
func (t *textSet) add(text []byte) bool {
	h := maphash.Bytes(t.seed, text)
	if _, known := t.has[h]; known {
		return false
	}
	t.has[h] = struct{}{}
	return true
}

func (t *textSet) remove(text string) { delete(t.has, maphash.String(t.seed, text)) }

func (t *textSet) contains(text string) bool {
	_, known := t.has[maphash.String(t.seed, text)]
	return known
}
