package journal

import (
	"fmt"
	"strings"
	"testing"
)

// What an arena keeps stays as it was, whatever comes behind it and however long it is.
func TestArena(t *testing.T) {
	t.Parallel()
	var a arena
	var kept, want []string
	for i := range 20_000 {
		text := fmt.Sprint(i, strings.Repeat("x", i%70))
		if i%5000 == 7 {
			text += strings.Repeat("y", 2*lastPiece)
		}
		b := []byte(text)
		kept, want = append(kept, a.keep(b)), append(want, text)
		clear(b)
	}
	for i := range kept {
		if kept[i] != want[i] {
			t.Fatalf("%d: %.100q, want %.100q", i, kept[i], want[i])
		}
	}
}

// What is held for a UIDL counts as it is kept: an odd one is longer than what the server sent.
func TestHeld(t *testing.T) {
	t.Parallel()
	m := &marks{index: newIndex(0)}
	d := &Maildrop{marks: m}
	for _, tt := range []struct {
		uidl string
		want int
	}{{"a", 1}, {"a", 1}, {strings.Repeat("b", 4000), 4000}, {"\xff\xff", 8 + 2}, {"a\\", 5 + 2}} {
		if s := d.MarkListed([]byte(tt.uidl)); s.UIDL != tt.uidl || s.Held != tt.want {
			t.Errorf("%.20q: %.20q holds %d bytes, want %d", tt.uidl, s.UIDL, s.Held, tt.want)
		}
	}
}

// An index finds each of its marks, and none else, however many there are and whatever room it had.
func TestIndex(t *testing.T) {
	t.Parallel()
	for _, room := range []int{0, 7, 5000} {
		m := &marks{index: newIndex(room)}
		for i := range 5000 {
			if m.find(fmt.Sprint("u", i)) != nil {
				t.Fatalf("room for %d: %d is there before it came", room, i)
			}
			m.place(fmt.Sprint("u", i))
		}
		for i := range 5000 {
			if k := m.find(fmt.Sprint("u", i)); k == nil || k != &m.list[i] {
				t.Fatalf("room for %d: %d is lost", room, i)
			}
			m.place(fmt.Sprint("u", i))
		}
		if len(m.list) != 5000 {
			t.Errorf("room for %d: %d marks", room, len(m.list))
		}
	}
}
