package show

import (
	"errors"
	"fmt"
	"strings"
)

// WithHint is how every error of tlsverify prints together with its next step.
func WithHint(problem, hint string) string {
	if hint == "" {
		return problem
	}
	return problem + "; hint: " + hint
}

// HintOf is the next step that err or what it wraps knows, "" if there is none.
func HintOf(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

// Split gives an error's text and its next step apart, for an error that has a place for each.
func Split(err error) (problem, hint string) {
	hint = HintOf(err)
	return strings.TrimSuffix(err.Error(), WithHint("", hint)), hint
}

// hinted is an error without a type of its own, and the next step.
type hinted struct {
	err  error
	hint string
}

// Fail makes an error with a next step. Its Hint method gives the step alone.
func Fail(hint, format string, args ...any) error {
	return &hinted{fmt.Errorf(format, args...), hint}
}

func (e *hinted) Error() string { return WithHint(e.err.Error(), e.hint) }

func (e *hinted) Hint() string { return e.hint }

func (e *hinted) Unwrap() error { return e.err }
