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
}

// KeepsPace tells whether err, of a retrieval, says no more than that messages wait for one of several
// destinations: that is tried again in its own time, and what goes elsewhere is not to wait for it.
func KeepsPace(err error) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, part := range joined.Unwrap() {
			if !KeepsPace(part) {
				return false
			}
		}
		return true
	}
	undelivered, ok := errors.AsType[*UndeliveredError](err)
	return ok && undelivered.Waiting
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
