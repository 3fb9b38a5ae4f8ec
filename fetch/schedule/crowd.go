package schedule

import (
	"context"
	"math"
	"sync"
	"time"
)

// What a crowd does with what it has learnt.
const (
	crowdMemory   = time.Hour        // how long a limit is believed
	crowdSettle   = 5 * time.Second  // how long a server must have let us in before its refusals mean a limit
	crowdDoubt    = 10 * time.Minute // how long wordless refusals mean nothing, after one with another cause
	crowdInterval = 30 * time.Second // at most, between the retrievals of one that should stay and can't
	crowdGap      = time.Second      // between two connections: servers count the old one for a while
	crowdWait     = 30 * time.Second // after which one that waits gets the seat of one that stays
	crowdTurn     = 10               // accounts that share a seat before they get another of those that stay
)

// crowd is the connections that we have to one server, or for one login there. How many are allowed at a time
// it learns from refusals: if the server turns away one of us while others are connected, these are as many
// as there may be. Then a part of the seats is for connections that stay open, and the others share the rest.
type crowd struct {
	seats *limit // for connections, also for those that are being made

	mu      sync.Mutex // guards what follows
	members int        // accounts, or watched folders
	open    int        // connections that are logged in
	stay    int        // those that stay open between retrievals, or are going to
	staying int        // those of them that are logged in
	calm    time.Time  // since when the server lets us in; zero = it doesn't, or had ended all connections

	most   int       // connections that the server allows; 0 = any number, as far as we know
	until  time.Time // when most is forgotten
	lesson int       // counts the times when most was learnt
	sure   bool      // one that had been refused was let in when there was room
	room   int       // seats that were taken from those that stay, because others waited for long
	roomed time.Time // when that happened last
	deaf   time.Time // until when refusals without words mean nothing
	said   int       // the limit of which the user was told last
}

func newCrowd() *crowd { return &crowd{seats: &limit{most: math.MaxInt32}} }

// join changes the number of members by n.
func (c *crowd) join(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.members += n
}

// sit waits for a seat; those that wait longest come first. The error is why ctx ended.
func (c *crowd) sit(ctx context.Context, late func()) error {
	if c.isLimited() {
		timer := time.AfterFunc(crowdWait, late)
		defer timer.Stop()
	}
	return c.seats.enter(ctx, normal)
}

// rise gives the seat back.
func (c *crowd) rise() {
	if c.isLimited() {
		// The server still counts a connection for a moment after it was closed.
		time.AfterFunc(crowdGap, c.seats.leave)
		return
	}
	c.seats.leave()
}

// isEmpty tells whether no connection is logged in.
func (c *crowd) isEmpty() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open == 0
}

// isCalm tells whether the server lets us in.
func (c *crowd) isCalm() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.calm.IsZero()
}

func (c *crowd) lastLesson() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lesson
}

func (c *crowd) isLimited() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.most > 0 && !time.Now().Before(c.until) {
		c.forgetLimit()
	}
	return c.most > 0
}

// settle asks to stay, for a connection that is to be open between retrievals.
func (c *crowd) settle() bool {
	limited := c.isLimited()
	c.mu.Lock()
	defer c.mu.Unlock()
	if limited && c.stay >= c.mayStay() {
		return false
	}
	c.stay++
	return true
}

// unsettle ends what settle began.
func (c *crowd) unsettle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stay--
}

// count changes by n the number of connections that are logged in and stay.
func (c *crowd) count(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.staying += n
}

// surplus is how many stay that should not. Those that are only going to don't count: most of these are being
// refused, and ask again whether they may stay.
func (c *crowd) surplus() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.most == 0 {
		return 0
	}
	return max(0, c.staying-c.mayStay())
}

// mayStay is how many may stay: all but one if few have to share that one; c.mu is held.
func (c *crowd) mayStay() int {
	// So many may stay that at most crowdTurn accounts share each of the others.
	fair := (crowdTurn*c.most - c.members) / (crowdTurn - 1)
	return max(0, min(c.most-1, fair)-c.room)
}

// makeRoom takes a seat from those that stay, because one that shares has waited for long.
func (c *crowd) makeRoom() {
	c.mu.Lock()
	defer c.mu.Unlock()
	// One at a time: many wait for the same reason, and each would take a seat.
	if c.mayStay() > 0 && time.Since(c.roomed) >= crowdWait {
		c.room, c.roomed = c.room+1, time.Now()
	}
}

// opened notes a login that succeeded; refused says that it was refused before.
func (c *crowd) opened(refused bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open++
	if c.calm.IsZero() {
		c.calm = time.Now()
	}

	if c.most == 0 {
		return
	}
	c.sure = c.sure || refused
	// It allows more than we had learnt, or somebody else's connections have ended.
	if c.open > c.most {
		c.most = c.open
		c.seats.resize(c.most)
	}
}

// closed notes the end of a connection. Once all are lost the server may be another one than before.
func (c *crowd) closed(lost bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	// All at once: the server was restarted, perhaps with other limits.
	if lost && c.open == 0 {
		c.calm = time.Time{}
		c.forgetLimit()
	}
}

// unreachable notes that no connection came about.
func (c *crowd) unreachable() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == 0 {
		c.calm = time.Time{}
	}
}

// meaning is what a refusal tells.
type meaning int

const (
	unrelated meaning = iota // to the number of connections
	unclear                  // as yet
	crowded
)

// refusal is one that a member met.
type refusal struct {
	lesson int  // the crowd's, when the connection was begun
	again  bool // the one before was taken for a crowd, too
	words  bool // the server said that it has too many connections
	alone  bool // those that are connecting don't count: they wait for this one
}

// interpret says what a refusal means, and learns from it.
func (c *crowd) interpret(r refusal) meaning {
	c.mu.Lock()
	defer c.mu.Unlock()
	// Others that are connecting at this moment; one's own is not counted.
	begun := c.seats.inside() - c.open - 1

	switch {
	// Nobody else of us is there, so it can't be about our number.
	case c.open == 0 && (begun <= 0 || r.alone):
		return unrelated
	case c.most > 0 && c.lesson != r.lesson: // it happened before we knew
		return crowded
	case !r.words && time.Now().Before(c.deaf):
		return unrelated
	case c.open == 0 || time.Since(c.calm) < crowdSettle: // the server may just be starting
		return unclear
	case r.again && !r.words: // there was room, and yet it was refused
		c.deaf = time.Now().Add(crowdDoubt)
		if !c.sure {
			c.forgetLimit()
		}
		return unrelated
	}

	// As many as are connected: the one that was refused was one too many.
	c.most, c.until, c.sure = c.open, time.Now().Add(crowdMemory), false
	c.lesson++
	c.seats.resize(c.most)
	return crowded
}

// forget forgets everything about limits.
func (c *crowd) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deaf = time.Time{}
	c.forgetLimit()
}

// forgetLimit lets everybody in; c.mu is held.
func (c *crowd) forgetLimit() {
	c.most, c.room, c.sure = 0, 0, false
	c.seats.resize(math.MaxInt32)
}

// news is the limit, if the user was not told of it yet.
func (c *crowd) news() (most int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.most == 0 || c.most == c.said {
		return 0, false
	}
	c.said = c.most
	return c.most, true
}
