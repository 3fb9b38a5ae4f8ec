package schedule

import (
	"context"
	"slices"
	"sync"
)

// limit lets a number of retrievals in at once. The others wait in three lines, each in turn.
type limit struct {
	extra int // more than most, of those that are urgent

	mu     sync.Mutex // guards what follows
	most   int        // that are in
	in     int
	passed int // how many were let in past the line of the patient
	lines  [urgencies][]chan struct{}
}

// patientShare keeps the line of the patient moving: every fourth that is let in is of it.
const patientShare = 4

// urgency is the line in which a retrieval waits.
type urgency int

const (
	urgent urgency = iota // the server told of mail
	normal
	patient // it is long, or the one before failed or was slow
	urgencies
)

// newLimit returns a limit that lets in a quarter more of those that are urgent.
func newLimit(most int) *limit { return &limit{most: most, extra: most / 4} }

// enter waits to be let in. The error is why ctx ended.
func (l *limit) enter(ctx context.Context, u urgency) error {
	admitted := make(chan struct{})
	l.mu.Lock()
	l.lines[u] = append(l.lines[u], admitted)
	l.admit()
	l.mu.Unlock()

	select {
	case <-admitted:
		return nil
	case <-ctx.Done():
		l.giveUp(u, admitted)
		return context.Cause(ctx)
	}
}

// tryEnter enters if there is room.
func (l *limit) tryEnter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.in >= l.most {
		return false
	}
	l.in++
	return true
}

// leave makes room for another.
func (l *limit) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.in--
	l.admit()
}

// resize lets in more from now on, or fewer.
func (l *limit) resize(most int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.most = most
	l.admit()
}

// wanted tells whether others wait.
func (l *limit) wanted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next() >= 0
}

// inside is how many are in.
func (l *limit) inside() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.in
}

// giveUp leaves the line, or the room if the wait has just ended.
func (l *limit) giveUp(u urgency, admitted chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.lines[u], admitted); i >= 0 {
		l.lines[u] = slices.Delete(l.lines[u], i, i+1)
		return
	}
	l.in--
	l.admit()
}

// admit lets in those whose turn it is; l.mu is held.
func (l *limit) admit() {
	for {
		u := l.next()
		// News of mail may exceed the limit a little: otherwise a full house of long transfers would delay
		// it.
		if u < 0 || l.in >= l.most && (u != urgent || l.in >= l.most+l.extra) {
			return
		}

		switch {
		case u == patient:
			l.passed = 0
		case len(l.lines[patient]) > 0:
			// Counted only while somebody patient waits: nobody is passed otherwise.
			l.passed++
		}
		close(l.lines[u][0])
		l.lines[u] = l.lines[u][1:]
		l.in++
	}
}

// next is the line whose turn it is, -1 if all are empty; l.mu is held.
func (l *limit) next() urgency {
	waits := func(u urgency) bool { return len(l.lines[u]) > 0 }
	switch {
	case waits(urgent):
		return urgent
	case waits(patient) && (!waits(normal) || l.passed >= patientShare-1):
		return patient
	case waits(normal):
		return normal
	}
	return -1
}
