package fetch

import "fmt"

// UndeliveredError is the error of messages that were not delivered and stay on the server.
type UndeliveredError struct {
	Count    int
	Err      error // what happened to one of them: the worst of all
	Reported bool  // an EventFailed has shown Err already
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
