package imap

import (
	"fmt"
	"strings"
	"testing"
)

// excuses are what a server did or said that leaves open whether a message is new. Each is about one message:
// a habit alone excuses nothing.
type excuses struct {
	old       map[int]uint32 // UIDs of the messages that were there, and \Seen, at first contact
	decided   bool           // a retrieval has found out what is old, under the UIDVALIDITY of now
	since     int            // how many messages were delivered under it
	first     uint32         // the next UID then, as far as the server told
	shown     map[int]bool   // what was there then, and shown
	removed   map[int]bool   // by others
	early     map[int]bool   // removed by others before then
	read      map[int]bool   // by others, where nothing tells it from old mail
	renumbers map[int]int    // how often the message got another UID
	untold    map[int]bool   // \Seen, and delivered before the server had said so
}

func newExcuses() excuses {
	return excuses{
		old: map[int]uint32{}, removed: map[int]bool{}, early: map[int]bool{}, read: map[int]bool{},
		renumbers: map[int]int{}, untold: map[int]bool{}, shown: map[int]bool{},
	}
}

func (e *excuses) noteRemoved(id int) {
	e.removed[id] = true
	if !e.decided {
		e.early[id] = true
	}
}

// noteDecision notes what a retrieval could know of what is old.
func (h *history) noteDecision(ended bool) {
	s := h.wildServer
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case h.decided && ended && s.said != 0:
		h.first = min(h.first, s.said) // a UIDNEXT that was too high is taken back
	case !h.decided && (ended || h.since > 0):
		h.decided, h.first = true, max(s.next, s.said)
		for _, m := range s.selected {
			h.shown[m.id] = true
		}
	}
}

// noteRead notes that others have read a message. It is like old mail if nothing was decided yet, or if it
// turned up afterwards under a UID of that time.
func (e *excuses) noteRead(m *mail) {
	if !e.decided || m.uid < e.first && !e.shown[m.id] {
		e.read[m.id] = true
	}
}

// noteRenumbered notes that all messages have other UIDs now.
func (h *history) noteRenumbered(box []*mail) {
	h.decided, h.since = false, 0
	clear(h.shown)
	for _, m := range box {
		if h.renumbers[m.id]++; m.seen {
			h.read[m.id] = true
		}
	}
}

func (e *excuses) noteDelivered(id int, s *wildServer) {
	e.since++
	if _, told := s.told.Load(id); !told {
		e.untold[id] = true
	}
}

// mayBeMissing tells whether a message that was new, and was not delivered, could not be told from old mail,
// or is not there.
func (h *history) mayBeMissing(id int) bool {
	shown := false
	for _, m := range h.visible() {
		shown = shown || m.id == id
	}
	there := shown
	for _, m := range h.box {
		there = there || m.id == id
	}
	return h.read[id] || there && !shown || !there && h.removed[id]
}

// mayBeDelivered tells whether a message that is old could not be told from new mail.
func (h *history) mayBeDelivered(id int) bool {
	s := h.wildServer
	switch {
	case h.renumbers[id] > 0:
	case s.noSeen && h.untold[id]: // searches for \Seen are refused, and flags that were not sent say nothing
	case h.early[id]: // it was gone, and UIDNEXT was not said, or taken back: nothing was there before us
	case s.leastNext != 0 && h.old[id] >= s.leastNext: // UIDNEXT said that it would come later
	default:
		return false
	}
	return true
}

func (h *history) check(t *testing.T) {
	t.Helper()
	s := h.wildServer
	h.noteKnown()
	var wrong []string
	for id := 1; id <= s.last; id++ {
		n, isOld := h.got[id], h.old[id] != 0
		switch {
		case n == 0 && !isOld && !h.mayBeMissing(id):
			wrong = append(wrong, fmt.Sprintf("%d was not delivered", id))
		case n > 1+h.renumbers[id]:
			wrong = append(wrong, fmt.Sprintf("%d was delivered %d times", id, n))
		case n > 0 && isOld && !h.mayBeDelivered(id):
			wrong = append(wrong, fmt.Sprintf("%d is old and was delivered", id))
		}
	}
	if len(wrong) > 0 {
		t.Errorf("seed %d, keep %v, %+v %+v: %s\nerrors: %q\n%s", h.seed, h.Keep, s.habits, s.newer,
			strings.Join(wrong, ", "), h.errs, strings.Join(s.log, "\n"))
	}
}
