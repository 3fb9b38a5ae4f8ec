package journal_test

import (
	"math"
	"slices"
	"testing"

	"fetchd/fetch/journal"
)

func TestSetAdd(t *testing.T) {
	t.Parallel()
	const top = math.MaxUint32
	tests := []struct {
		name string
		add  [][2]uint32
		want string
	}{
		{"nothing", nil, ""},
		{"one", [][2]uint32{{5, 5}}, "5"},
		{"zero and upside down", [][2]uint32{{0, 9}, {9, 8}, {0, 0}}, ""},
		{"touching above", [][2]uint32{{1, 3}, {4, 6}}, "1:6"},
		{"touching below", [][2]uint32{{4, 6}, {1, 3}}, "1:6"},
		{"apart", [][2]uint32{{7, 8}, {1, 2}, {4, 5}}, "1:2,4:5,7:8"},
		{"closing a gap", [][2]uint32{{1, 2}, {4, 5}, {3, 3}}, "1:5"},
		{"over several", [][2]uint32{{1, 1}, {3, 3}, {5, 5}, {9, 9}, {2, 7}}, "1:7,9"},
		{"within", [][2]uint32{{1, 9}, {3, 4}}, "1:9"},
		{"the top", [][2]uint32{{top, top}, {top - 1, top}, {1, 1}}, "1,4294967294:4294967295"},
		{"everything", [][2]uint32{{top, top}, {1, top}, {5, top}}, "1:4294967295"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var s journal.Set
			for _, r := range tt.add {
				s.AddRange(r[0], r[1])
			}
			same(t, "set", s.String(), tt.want)
			same(t, "empty", s.IsEmpty(), tt.want == "")
			back, err := journal.ParseSet(tt.want)
			must(t, err)
			same(t, "parsed", back.String(), tt.want)
		})
	}
}

func TestSetNeverExpands(t *testing.T) {
	t.Parallel()
	s := set(t, "1:4294967295")
	same(t, "length", s.Len(), math.MaxUint32)
	same(t, "largest", s.Max(), math.MaxUint32)
	head, rest := s.Head(math.MaxUint32 - 1)
	same(t, "head", head.String(), "1:4294967294")
	same(t, "rest", rest.String(), "4294967295")
	head, rest = s.Head(math.MaxUint64)
	same(t, "head of all", head.String(), s.String())
	same(t, "rest of all", rest.String(), "")
	head, rest = s.Head(0)
	same(t, "head of none", head.String(), "")
	same(t, "rest of none", rest.String(), s.String())
	same(t, "minus", s.Minus(set(t, "2,4294967295")).String(), "1,3:4294967294")
	same(t, "and", s.And(set(t, "7:9,4294967295")).String(), "7:9,4294967295")
}

func TestParseSetRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		",", "0", "1,", ",1", "5:4", "4294967296", "1:4294967296", "a", "1:", ":1", "1:2:3", "+1", "-1",
		" 1", "1:*", "0:5",
	} {
		if s, err := journal.ParseSet(text); err == nil {
			t.Errorf("%q is taken as %v", text, s)
		}
	}
}

// model is a set the slow way, of small UIDs counted from both ends of the range.
type model map[uint32]bool

func uidOf(b byte) uint32 {
	if b < 128 {
		return uint32(b)
	}
	return math.MaxUint32 - uint32(255-b)
}

func (m model) addRange(first, last byte) {
	if first == 0 || (first < 128) != (last < 128) {
		return
	}
	for b := int(first); b <= int(last); b++ {
		m[uidOf(byte(b))] = true
	}
}

// build makes two sets and their models from fuzz data: pairs of bytes, in turn for the one and the other.
func build(data []byte) (sets [2]journal.Set, models [2]model) {
	models = [2]model{{}, {}}
	for i := 0; i+1 < len(data); i += 2 {
		k, a, b := i/2%2, data[i], data[i+1]
		if (a < 128) != (b < 128) {
			b = a
		}
		sets[k].AddRange(uidOf(a), uidOf(b))
		models[k].addRange(a, b)
	}
	return sets, models
}

func (m model) equal(t *testing.T, what string, s journal.Set) {
	t.Helper()
	same(t, what+" length", s.Len(), uint64(len(m)))
	top := uint32(0)
	for b := range 256 {
		uid := uidOf(byte(b))
		same(t, what+" contains", s.Contains(uid), m[uid])
		if m[uid] {
			top = uid
		}
	}
	same(t, what+" largest", s.Max(), top)
	last := uint64(0)
	for i, r := range s.Ranges() {
		if r.First == 0 || r.Last < r.First || i > 0 && uint64(r.First) <= last+1 {
			t.Fatalf("%s: ranges %v", what, s.Ranges())
		}
		last = uint64(r.Last)
	}
	back, err := journal.ParseSet(s.String())
	if err != nil || !slices.Equal(back.Ranges(), s.Ranges()) {
		t.Errorf("%s: %q read back as %q, %v", what, s, back, err)
	}
}

func FuzzSet(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 5, 3, 9, 6, 7, 250, 255})
	f.Add([]byte{0, 9, 255, 255, 254, 255, 1, 1, 128, 255, 127, 1})
	f.Add([]byte{1, 127, 2, 2, 128, 255, 4, 4, 1, 1, 6, 6})
	f.Fuzz(func(t *testing.T, data []byte) {
		sets, models := build(data)
		a, b := sets[0], sets[1]
		minus, and, union := model{}, model{}, model{}
		for u := range models[0] {
			union[u] = true
			if models[1][u] {
				and[u] = true
			} else {
				minus[u] = true
			}
		}
		for u := range models[1] {
			union[u] = true
		}
		minus.equal(t, "minus", a.Minus(b))
		and.equal(t, "and", a.And(b))
		both := a.Clone()
		both.AddSet(b)
		union.equal(t, "union", both)
		models[0].equal(t, "a", a) // and not changed by the rest
		models[1].equal(t, "b", b)
		n := uint64(len(data))
		head, rest := a.Head(n)
		same(t, "head length", head.Len(), min(n, a.Len()))
		same(t, "common to head and rest", head.And(rest).String(), "")
		head.AddSet(rest)
		same(t, "head and rest", head.String(), a.String())
		models[0].equal(t, "a after the head was added to", a)
	})
}

// FuzzParseSet: what is taken is written back as the same set.
func FuzzParseSet(f *testing.F) {
	for _, text := range []string{"", "1", "1:4,7", "4294967295", "7,1:3,2:9", "0", "1:*", ",", "5:4"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := journal.ParseSet(text)
		if err != nil {
			same(t, "set beside an error", s.String(), "")
			return
		}
		back, err := journal.ParseSet(s.String())
		if err != nil || !slices.Equal(s.Ranges(), back.Ranges()) {
			t.Errorf("%q gives %q, and that %q, %v", text, s, back, err)
		}
	})
}
