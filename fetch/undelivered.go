package fetch

import (
	"errors"
	"fmt"
)

// UndeliveredError is the error of messages that were not delivered and stay on the server.
type UndeliveredError struct {
	Count    int
	Err      error // what happened to one of them: the worst of all
	Reported bool  // an EventFailed has shown Err already
	Waiting  bool  // for one of several destinations; the others have all of them
	Own      bool  // others were delivered beside each of them, in this retrieval or earlier
}

// KeepsPace tells whether err, of a retrieval, says no more than that messages wait for one of several
// destinations, or are not taken while others are: what can be delivered is not to wait for them.
func KeepsPace(err error) bool {
	return isUndelivered(err, func(e *UndeliveredError) bool { return e.Waiting || e.Own })
}

// AwaitsDestination tells whether err, of a retrieval, says no more than that messages wait for one of
// several destinations, which is tried again in its own time.
func AwaitsDestination(err error) bool {
	return isUndelivered(err, func(e *UndeliveredError) bool { return e.Waiting })
}

// isUndelivered tells whether err is of messages that were not delivered and nothing else, and holds for all.
func isUndelivered(err error, holds func(*UndeliveredError) bool) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, part := range joined.Unwrap() {
			if !isUndelivered(part, holds) {
				return false
			}
		}
		return true
	}
	undelivered, ok := errors.AsType[*UndeliveredError](err)
	return ok && holds(undelivered)
}

// Summary is the error without Err's text.
func (e *UndeliveredError) Summary() string {
	if e.Count == 1 {
		return "1 message not delivered, it stays on the server"
	}
	return fmt.Sprintf("%d messages not delivered, they stay on the server", e.Count)
}

func (e *UndeliveredError) Error() string { return fmt.Sprintf("%s: %v", e.Summary(), e.Err) }

func (e *UndeliveredError) Unwrap() error { return e.Err }
