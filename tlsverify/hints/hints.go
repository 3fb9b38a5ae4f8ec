// Package hints has errors that know the user's next step. Every package may import it: it imports none of
// ours.
//
// An error tells its hint by a method Hint() string, and its text ends in "; hint: " and the hint, so that it
// is complete wherever it is printed. Where there is room for a second line, Split takes the two apart.
package hints

import (
	"errors"
	"fmt"
	"strings"
)

// Text is how every error with a hint prints.
func Text(problem, hint string) string {
	if hint == "" {
		return problem
	}
	return problem + separator + hint
}

const separator = "; hint: "

// Of is the next step that err or what it wraps knows, "" if there is none.
func Of(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

// Split takes err's text apart. The hint is "" unless the text ends in it: a server may write "; hint: " too,
// but what it says is quoted and never ends an error.
func Split(err error) (problem, hint string) {
	text, h := err.Error(), Of(err)
	if h == "" {
		return text, ""
	}
	problem, ok := strings.CutSuffix(text, separator+h)
	if !ok {
		return text, ""
	}
	return problem, h
}

// hinted is an error without a type of its own, and the next step.
type hinted struct {
	err     error
	problem string // err's text without a hint
	hint    string
}

// Errorf makes an error with a next step, which comes first and may be ""; %w wraps as in fmt.Errorf.
func Errorf(hint, format string, args ...any) error {
	return Add(fmt.Errorf(format, args...), hint)
}

// Add gives err a next step, unless err is nil or hint is "". It stands behind the one that err has already.
func Add(err error, hint string) error {
	if err == nil || hint == "" {
		return err
	}

	problem, first := Split(err)
	if first != "" {
		hint = first + "; " + hint
	}
	return &hinted{err, problem, hint}
}

func (e *hinted) Error() string { return Text(e.problem, e.hint) }

func (e *hinted) Hint() string { return e.hint }

func (e *hinted) Unwrap() error { return e.err }
