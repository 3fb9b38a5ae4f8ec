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

// Split takes err's text apart, also where more was said behind the hint. The hint is "" unless the text has
// it: a server may write "; hint: " too, but what it says is quoted.
func Split(err error) (problem, hint string) {
	text, h := err.Error(), Of(err)
	if h == "" {
		return text, ""
	}
	return cutOut(text, h)
}

// cutOut takes hint out of text; "" if it is not there.
func cutOut(text, hint string) (problem, found string) {
	i := strings.LastIndex(text, separator+hint)
	if i < 0 {
		return text, ""
	}
	return text[:i] + text[i+len(separator+hint):], hint
}

// Each lets add change every error that errors.Join has put together in err, or err itself.
func Each(err error, add func(error) error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return add(err)
	}

	parts := joined.Unwrap()
	texts, changed := make([]string, len(parts)), make([]error, len(parts))
	for i, part := range parts {
		texts[i], changed[i] = part.Error(), Each(part, add)
	}

	// Some other error with several causes, such as that of fmt.Errorf with two %w.
	if strings.Join(texts, "\n") != err.Error() {
		return add(err)
	}
	return errors.Join(changed...)
}

// Line is what is said on one line, and the next step, which is "" if none is known.
type Line struct{ Problem, Hint string }

// Lines takes err's text apart for the terminal. errors.Join puts each error on a line of its own, which may
// end in a hint. Here only a hint ends a line, so that two errors don't share it unless it is the same.
func Lines(err error) []Line { return LinesOf(err.Error(), err) }

// LinesOf does the same with a text that was made of err's.
func LinesOf(text string, err error) []Line {
	known := all(err)
	var lines []Line
	for s := range strings.SplitSeq(text, "\n") {
		l := cut(s, known)
		if last := len(lines) - 1; last >= 0 && (lines[last].Hint == "" || lines[last].Hint == l.Hint) {
			lines[last] = Line{lines[last].Problem + "; " + l.Problem, l.Hint}
		} else {
			lines = append(lines, l)
		}
	}

	return lines
}

// cut takes one of the known hints off the end of a line.
func cut(text string, known []string) Line {
	for _, h := range known {
		if problem, ok := strings.CutSuffix(text, separator+h); ok {
			return Line{problem, h}
		}
	}
	return Line{Problem: text}
}

// Unsaid is err as it prints without the next steps that were said before, and adds its own to these.
func Unsaid(err error, said map[string]bool) error {
	known := all(err)
	var text []string
	for s := range strings.SplitSeq(err.Error(), "\n") {
		if l := cut(s, known); said[l.Hint] {
			s = l.Problem
		}
		text = append(text, s)
	}

	for _, l := range Lines(err) {
		said[l.Hint] = l.Hint != ""
	}

	return &shortened{err, strings.Join(text, "\n")}
}

// shortened is an error that prints as text.
type shortened struct {
	err  error
	text string
}

func (e *shortened) Error() string { return e.text }

func (e *shortened) Unwrap() error { return e.err }

// all are the next steps that err, or any error in its tree, knows.
func all(err error) []string {
	var found []string
	// Not errors.As, which would stop at the first one in the tree.
	if h, ok := err.(interface{ Hint() string }); ok && h.Hint() != "" {
		found = append(found, h.Hint())
	}

	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			found = append(found, all(inner)...)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			found = append(found, all(inner)...)
		}
	}

	return found
}

// hinted is an error without a type of its own, and the next step.
type hinted struct {
	err     error
	problem string // err's text without a hint
	hint    string
}

// Errorf makes an error with a next step, which comes first and may be ""; %w wraps as in fmt.Errorf. The
// next step of what is wrapped moves to the end.
func Errorf(hint, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if problem, known := Split(err); hint == "" && known != "" {
		return &hinted{err, problem, known}
	}
	return Add(err, hint)
}

// Add gives err a next step, unless err is nil or hint is "". It stands behind the one that err has already,
// if that is another.
func Add(err error, hint string) error {
	if err == nil || hint == "" {
		return err
	}

	problem, first := Split(err)
	if first == hint {
		return err
	}
	if first != "" {
		hint = first + "; " + hint
	}
	return &hinted{err, problem, hint}
}

func (e *hinted) Error() string { return Text(e.problem, e.hint) }

func (e *hinted) Hint() string { return e.hint }

func (e *hinted) Unwrap() error { return e.err }
