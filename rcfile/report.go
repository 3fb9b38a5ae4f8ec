package rcfile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// The bounds of what is reported.
const (
	maxErrors   = 100
	maxWarnings = 1000
)

// reporter collects the errors and warnings of a parse.
type reporter struct {
	errs     []*Error
	warnings []*Error
	warned   map[string]bool
	strict   bool // a refused value is a mistake: there is no account to refuse
}

func (r *reporter) err(pos Pos, msg, hint string) {
	if n := len(r.errs); n < maxErrors && (n == 0 || r.errs[n-1].Pos != pos) { // one word, one mistake
		r.errs = append(r.errs, &Error{Pos: pos, Msg: msg, Hint: hint})
	}
}

func (r *reporter) errf(pos Pos, hint, format string, args ...any) {
	r.err(pos, fmt.Sprintf(format, args...), hint)
}

func (r *reporter) warn(pos Pos, msg, hint string) {
	if len(r.warnings) < maxWarnings {
		r.warnings = append(r.warnings, &Error{Pos: pos, Msg: msg, Hint: hint})
	}
}

func (r *reporter) warnf(pos Pos, hint, format string, args ...any) {
	r.warn(pos, fmt.Sprintf(format, args...), hint)
}

// warnOnce warns the first time that it is called with key.
func (r *reporter) warnOnce(key string, pos Pos, msg, hint string) {
	if r.warned[key] {
		return
	}
	if r.warned == nil {
		r.warned = map[string]bool{}
	}
	r.warned[key] = true
	r.warn(pos, msg, hint)
}

// withdraw takes back the mistake at pos, and returns it.
func (r *reporter) withdraw(pos Pos) *Error {
	i := slices.IndexFunc(r.errs, func(e *Error) bool { return e.Pos == pos })
	if i < 0 {
		return nil
	}
	e := r.errs[i]
	r.errs = slices.Delete(r.errs, i, i+1)
	return e
}

// join returns all errors in the order of their places, or nil.
func (r *reporter) join() error {
	if len(r.errs) == 0 {
		return nil
	}
	byPlace(r.errs)
	all := make([]error, len(r.errs))
	for i, e := range r.errs {
		all[i] = e
	}
	return errors.Join(all...)
}

// byPlace sorts within each file; files stay in the order in which they were read.
func byPlace(list []*Error) {
	order := map[string]int{}
	for _, e := range list {
		if _, ok := order[e.Pos.File]; !ok {
			order[e.Pos.File] = len(order)
		}
	}
	slices.SortStableFunc(list, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(order[a.Pos.File], order[b.Pos.File]),
			cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
	})
}

// clip shortens text of a file for a message.
func clip(s string) string {
	const limit = 60
	if len(s) > limit {
		return s[:limit] + "…"
	}
	return s
}
