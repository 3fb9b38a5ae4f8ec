package fetch

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"fetchd/delivery"
)

const (
	setAsideStrikes = 3              // temporary failures, beside deliveries, that are the message's own
	strikeTime      = time.Minute    // between them: much mail may come in the time that a restart takes
	setAsideTime    = 24 * time.Hour // then it is tried again
	forgetTime      = 3 * setAsideTime
	refusedMost     = 10_000 // messages remembered
)

// Refusals is what a daemon remembers of an account from one retrieval to the next: the messages that could
// not be delivered, and what the account's owner was told. What was set aside and told is kept in the journal
// for the next daemon. Messages that are refused for good, or that alone fail again and again, are set aside:
// for a day they are neither retrieved nor count as a failure. A nil Refusals, that of a single pass,
// remembers nothing. The zero value is ready; it is safe for concurrent use.
type Refusals struct {
	mu      sync.Mutex // guards what follows
	refused map[refusedKey]*refusal
	logged  map[string]int // set aside, by mailbox, as last logged
	retried bool           // Retry was called
	tryAll  bool           // likewise, and no pass has begun since
	notices
	obstacles []Waiting // messages that can't be had

	keeping  sync.Mutex // guards what follows; it is taken before mu
	recalled bool
	note     string // what the journal has
}

// Ref names a message in its mailbox. Over POP3 one may have no UID but its place, which says where it is
// listed among those like it: another may have that by the next session, so it decides no more than what is
// retrieved first, or later.
type Ref struct {
	UIDValidity uint32 // 0 for POP3
	UID         string // or place
}

func (it *Item) ref() Ref { return Ref{it.UIDValidity, cmp.Or(it.UID, it.Place)} }

// place is the Ref by which the next session can know the message before it has retrieved it.
func (it *Item) place() Ref { return Ref{it.UIDValidity, cmp.Or(it.Place, it.UID)} }

type refusedKey struct {
	mailbox string
	Ref
}

// refusal is one message that could not be delivered.
type refusal struct {
	failure string // numbers aside, which are often times or process IDs
	strikes int
	struck  time.Time // when it got the last of them
	aside   bool
	last    time.Time
}

// failure is a message that could not be delivered in this retrieval.
type failure struct {
	Ref
	place    Ref
	class    delivery.Class
	text     string // for the notice
	refused  bool   // by the server: it could not be had
	tooLarge bool   // for the room that there is
}

// Retry forgets which messages were set aside: the next retrieval tries them again.
func (m *Refusals) Retry() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refused, m.logged, m.tryAll = nil, nil, true
	m.retried = true // what the journal has is not to come back with the first retrieval
}

// takeRetry tells whether Retry was called since the last time.
func (m *Refusals) takeRetry() bool {
	if m == nil {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	was := m.tryAll
	m.tryAll = false
	return was
}

// refuse remembers that a message was not delivered, and tells whether that is news.
func (m *Refusals) refuse(mailbox string, it *Item, err error, now time.Time) bool {
	if m == nil {
		return true
	}

	m.mu.Lock()
	defer m.mu.Unlock()

	key, failure := refusedKey{mailbox, it.ref()}, WithoutNumbers(err.Error())
	// The same message fails in each pass. The log has it once, until the reason changes.
	if r := m.refused[key]; r != nil {
		news := r.failure != failure
		r.failure, r.last = failure, now
		return news
	}

	if len(m.refused) >= refusedMost {
		return false // one line for all of them has to do
	}
	if m.refused == nil {
		m.refused = make(map[refusedKey]*refusal)
	}

	m.refused[key] = &refusal{failure: failure, last: now}
	return true
}

// delivered forgets a message that was delivered after all.
func (m *Refusals) delivered(mailbox string, it *Item) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.refused, refusedKey{mailbox, it.ref()})
}

// setAside judges the failures of a retrieval and returns how many count as one; worked tells whether it
// delivered other messages, so that the destination is not at fault.
func (m *Refusals) setAside(mailbox string, failures []failure, worked bool) (open int) {
	if m == nil {
		return len(failures)
	}

	m.mu.Lock()
	defer m.mu.Unlock()

	for _, f := range failures {
		r := m.refused[refusedKey{mailbox, f.Ref}]
		switch {
		case r == nil:
			open++
		case r.aside:
		default:
			// Where nothing is delivered the destination is at fault, perhaps, and not each message.
			if worked && f.class == delivery.Temporary && HasPassed(strikeTime, r.struck, r.last) {
				r.strikes, r.struck = r.strikes+1, r.last
			}
			// A permanent refusal won't change by itself; a temporary one may, and gets a few passes.
			if r.aside = f.class == delivery.Permanent || r.strikes >= setAsideStrikes; r.aside {
				m.announce(f.text)
			} else {
				open++
			}
		}
	}

	return open
}

// areOwn tells whether others were delivered beside each of the messages that failed and are not set aside.
func (m *Refusals) areOwn(mailbox string, failures []failure) bool {
	if m == nil {
		return false
	}

	m.mu.Lock()
	defer m.mu.Unlock()
	return !slices.ContainsFunc(failures, func(f failure) bool {
		r := m.refused[refusedKey{mailbox, f.Ref}]
		return r == nil || !r.aside && r.strikes == 0
	})
}

// aside returns the messages of a mailbox that are not to be tried now.
func (m *Refusals) aside(mailbox string, now time.Time) []Ref {
	if m == nil {
		return nil
	}

	m.mu.Lock()
	defer m.mu.Unlock()

	var refs []Ref
	for key, r := range m.refused {
		switch {
		case key.mailbox != mailbox:
		case now.Sub(r.last) > forgetTime: // it is gone from the server, as it would have been tried again
			delete(m.refused, key)
		case r.aside && !HasPassed(setAsideTime, r.last, now):
			refs = append(refs, key.Ref)
		}
	}

	return refs
}

// summary returns how many messages of a mailbox are set aside, and whether these are more than at the last
// call.
func (m *Refusals) summary(mailbox string) (n int, more bool) {
	if m == nil {
		return 0, false
	}

	m.mu.Lock()
	defer m.mu.Unlock()
	for key, r := range m.refused {
		if key.mailbox == mailbox && r.aside {
			n++
		}
	}

	// Fewer than before is no news: some were delivered, or tried again.
	if n == 0 { // as nearly always: most accounts need no map
		delete(m.logged, mailbox)
		return 0, false
	}
	if m.logged == nil {
		m.logged = make(map[string]int)
	}
	more = n > m.logged[mailbox]
	m.logged[mailbox] = n
	return n, more
}

// setObstacles notes which messages can't be had.
func (m *Refusals) setObstacles(list []Waiting) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.obstacles = list
}

// CountSetAside is how many messages wait on the server because they were refused, or can't be had.
func (m *Refusals) CountSetAside() (n int) {
	if m == nil {
		return 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n = len(m.obstacles)
	for _, r := range m.refused {
		if r.aside {
			n++
		}
	}
	return n
}

// waitingMost is how many messages are named; the others are counted.
const waitingMost = 100

// Waiting are the first of the messages that CountSetAside counts.
func (m *Refusals) Waiting() []Waiting {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	list := slices.Clone(m.obstacles)
	for key, r := range m.refused {
		if r.aside {
			list = append(list, Waiting{key.mailbox, key.Ref, r.last})
		}
	}
	sortWaiting(list)
	return list[:min(len(list), waitingMost)]
}
