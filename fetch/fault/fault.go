// Package fault keeps a mistake in the program, or in a library, from ending more than the work for one account. Error is
// what a panic becomes.
package fault

import (
	"fmt"
	"runtime/debug"
	"strings"

	"fetchd/tlsverify/hints"
)

// Error is a panic in the work for one account. What was in hand stays on the server.
type Error struct {
	Value string // what panic was given, for the debug log: it may hold text of a peer
	Stack string // likewise
}

func (e *Error) Error() string {
	what := "panic"
	if strings.HasPrefix(e.Value, "runtime error: ") { // then it holds numbers and names of types alone
		what = e.Value
	}
	return hints.Text("internal error: "+what, e.Hint())
}

// Hint is the user's next step.
func (*Error) Hint() string {
	return "this is a mistake in the program; please report it with what -v -v adds"
}

// Recover turns a panic into an error, an *Error in *err. It is to be deferred, by itself, in each goroutine that works
// for an account:
//
//	defer fault.Recover(&err)
func Recover(err *error) {
	if v := recover(); v != nil {
		*err = &Error{Value: fmt.Sprint(v), Stack: string(debug.Stack())}
	}
}
