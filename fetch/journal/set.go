package journal

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// Range is the UIDs from First to Last, both included; First is at least 1 and at most Last.
type Range struct{ First, Last uint32 }

// Set is a set of UIDs as sorted ranges that neither overlap nor touch. The zero value is empty. It never
// expands a range, so its cost depends on the number of ranges, not of UIDs.
type Set struct{ r []Range }

// SetOf returns the set of the given UIDs.
func SetOf(uids ...uint32) Set {
	var s Set
	for _, u := range uids {
		s.Add(u)
	}
	return s
}

// Add adds one UID; adding in rising order is cheap.
func (s *Set) Add(uid uint32) { s.AddRange(uid, uid) }

// AddRange adds first…last. Zero first or last before first adds nothing.
func (s *Set) AddRange(first, last uint32) {
	if first == 0 || last < first {
		return
	}

	// i is the first range that ends at or after first-1, so that it could touch; j is the first one beyond
	// last+1.
	i := sort.Search(len(s.r), func(k int) bool { return uint64(s.r[k].Last)+1 >= uint64(first) })
	j := i
	for j < len(s.r) && uint64(s.r[j].First) <= uint64(last)+1 {
		first, last = min(first, s.r[j].First), max(last, s.r[j].Last)
		j++
	}

	// Adding at the end, the usual case.
	if i == len(s.r) {
		s.r = append(s.r, Range{first, last})
		return
	}
	if i == j {
		s.r = append(s.r, Range{})
		copy(s.r[i+1:], s.r[i:])
		s.r[i] = Range{first, last}
		return
	}

	s.r[i] = Range{first, last}
	s.r = append(s.r[:i+1], s.r[j:]...)
}

// AddSet adds all of t.
func (s *Set) AddSet(t Set) {
	for _, r := range t.r {
		s.AddRange(r.First, r.Last)
	}
}

// Contains tells whether uid is in the set.
func (s Set) Contains(uid uint32) bool {
	i := sort.Search(len(s.r), func(k int) bool { return s.r[k].Last >= uid })
	return i < len(s.r) && s.r[i].First <= uid
}

// Minus returns what is in s and not in t.
func (s Set) Minus(t Set) Set {
	var out Set
	j := 0
	for _, r := range s.r {
		first := uint64(r.First)
		// Both are sorted, so j only ever moves on. Sums are reckoned in 64 bits: the largest UID has no
		// successor.
		for j < len(t.r) && t.r[j].Last < r.First {
			j++
		}
		for k := j; k < len(t.r) && t.r[k].First <= r.Last; k++ {
			if uint64(t.r[k].First) > first {
				out.r = append(out.r, Range{uint32(first), t.r[k].First - 1})
			}
			first = max(first, uint64(t.r[k].Last)+1)
		}
		if first <= uint64(r.Last) {
			out.r = append(out.r, Range{uint32(first), r.Last})
		}
	}

	return out
}

// And returns what is in both.
func (s Set) And(t Set) Set { return s.Minus(s.Minus(t)) }

// IsEmpty tells whether the set is empty.
func (s Set) IsEmpty() bool { return len(s.r) == 0 }

// Len is the number of UIDs in the set.
func (s Set) Len() uint64 {
	var n uint64
	for _, r := range s.r {
		n += uint64(r.Last-r.First) + 1
	}
	return n
}

// Max is the largest UID, 0 for the empty set.
func (s Set) Max() uint32 {
	if len(s.r) == 0 {
		return 0
	}
	return s.r[len(s.r)-1].Last
}

// Ranges returns the ranges in rising order; the caller must not change them.
func (s Set) Ranges() []Range { return s.r }

// Clone returns a copy that shares nothing.
func (s Set) Clone() Set { return Set{append([]Range(nil), s.r...)} }

// Head returns the n smallest UIDs as a set, and the rest.
func (s Set) Head(n uint64) (head, rest Set) {
	for i, r := range s.r {
		size := uint64(r.Last-r.First) + 1
		// The range is divided; what is in front of it has gone into head already.
		if size > n {
			if n > 0 {
				head.r = append(head.r, Range{r.First, r.First + uint32(n) - 1})
			}
			rest.r = append(rest.r, Range{r.First + uint32(n), r.Last})
			rest.r = append(rest.r, s.r[i+1:]...)
			return head, rest
		}
		head.r = append(head.r, r)
		n -= size
	}

	return head, rest
}

// String gives the set as IMAP writes it ("1:4,7"), "" for the empty set.
func (s Set) String() string {
	var b strings.Builder
	for i, r := range s.r {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatUint(uint64(r.First), 10))
		if r.Last > r.First {
			b.WriteByte(':')
			b.WriteString(strconv.FormatUint(uint64(r.Last), 10))
		}
	}
	return b.String()
}

// ParseSet reads what String writes.
func ParseSet(text string) (Set, error) {
	var s Set
	if text == "" {
		return s, nil
	}

	for part := range strings.SplitSeq(text, ",") {
		a, b, pair := strings.Cut(part, ":")
		if !pair {
			b = a
		}
		first, err1 := strconv.ParseUint(a, 10, 32)
		last, err2 := strconv.ParseUint(b, 10, 32)
		if err1 != nil || err2 != nil || first == 0 || last < first {
			return Set{}, fmt.Errorf("malformed UID set at %.40q", part)
		}
		s.AddRange(uint32(first), uint32(last))
	}

	return s, nil
}
