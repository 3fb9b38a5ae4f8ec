package fetch

// Bounds of a Streak.
const (
	streakMost = 5 // messages refused in a row before others are tried, and then before none is any more
	streakTail = 2 // messages refused at last, with none given behind them
)

// Streak tells whether a server refuses single messages, or gives none at all: one that a provider allows no
// more mail for a while, or whose store is away, refuses each message as if it were to blame. After some in a
// row the others are asked for from the other end, so that bad messages don't keep good ones from coming. The
// zero value is ready.
type Streak struct {
	refused int // in a row
	counted int // of these, asked for since the turn
	turned  bool
	from    int
}

// Reset notes that a message came.
func (s *Streak) Reset() { *s = Streak{} }

// Refused notes that the n-th message asked for, from 1, was refused, when asked of them were asked for. turn
// says that it's time to ask for the others from the other end; over, that it's no use to ask for more.
func (s *Streak) Refused(n, asked int) (turn, over bool) {
	s.refused++
	if n <= s.from { // asked for before the turn
		return false, false
	}
	if s.counted++; s.counted < streakMost {
		return false, false
	}
	// Both ends were tried: it is the server, not the messages.
	if s.turned {
		return false, true
	}
	s.turned, s.from, s.counted = true, asked, 0
	return true, false
}

// Going tells whether the last message was refused.
func (s *Streak) Going() bool { return s.refused > 0 }

// AtEnd tells, when there is no other message, whether it was the server that refused the last ones. That of
// a single one is its own.
func (s *Streak) AtEnd() bool { return s.refused >= streakTail }

// ServerTrouble is the error of a Mailbox's Retrieve whose server refuses messages whichever they are. None
// of them is to blame; the connection is sound, and what was delivered is acknowledged.
type ServerTrouble struct {
	Err   error
	Quota bool // it says so, and would refuse what is in other mailboxes too
}

func (e *ServerTrouble) Error() string {
	return "the server gives no more messages for now, they stay there: " + e.Err.Error()
}

func (e *ServerTrouble) Unwrap() error { return e.Err }
