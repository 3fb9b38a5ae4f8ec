// Package fault limits what a mistake in the program or a library can do: a panic ends only the work for
// one account, and becomes an Error.
package fault

import (
	"fmt"
	"runtime/debug"
	"strings"

	"fetchd/tlsverify/hints"
)

// Error is a panic in the work for one account. The messages that were being worked on stay on the server.
type Error struct {
	Value string // what panic was called with; only for the debug log, because it may contain text of a peer
	Stack string // likewise
}

func (e *Error) Error() string {
	what := "panic"
	if strings.HasPrefix(e.Value, "runtime error: ") { // which contains only numbers and names of types
		what = e.Value
	}
	return hints.Text("internal error: "+what, e.Hint())
}

// Hint is the user's next step.
func (*Error) Hint() string {
	return "this is a mistake in the program; please report it with what -v -v adds"
}

// Recover turns a panic into an *Error in *err. Each goroutine that works for an account must defer it
// directly:
//
//	defer fault.Recover(&err)
func Recover(err *error) {
	if v := recover(); v != nil {
		*err = &Error{Value: fmt.Sprint(v), Stack: string(debug.Stack())}
	}
}
