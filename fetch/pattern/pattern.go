// Package pattern compiles regular expressions when they are first needed.
package pattern

import (
	"regexp"
	"sync"
)

// New returns a function with the compiled expression. It is compiled at the first call, not when the
// program starts: a single pass that finds nothing new needs hardly any, and all of them took a tenth of its
// time. An expression that can't be compiled panics at that call.
func New(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
