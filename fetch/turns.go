package fetch

import "context"

// Turns lets retrievals transfer messages in turn, since each that does holds some of them in memory. A
// Retriever calls it from one goroutine at a time.
type Turns interface {
	// Begin waits for a turn. The error is why ctx ended.
	Begin(ctx context.Context) error
	// End ends the turn, if there is one.
	End()
	// Wanted tells whether the turn should end at the next chance, and another begin, so that others can
	// transfer meanwhile.
	Wanted() bool
}

// always is everybody's turn.
type always struct{}

func (always) Begin(context.Context) error { return nil }
func (always) End()                        {}
func (always) Wanted() bool                { return false }
