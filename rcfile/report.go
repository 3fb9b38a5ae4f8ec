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
	maxWarnings = 10_000 // recorded, of which most are about the same
)

// warning is a warning with what it is about.
type warning struct {
	err   *Error
	key   string // of several of one key, one is enough; "" = each counts
	entry Pos    // the poll whose entry it stands in; zero = it concerns all
}

// reporter collects the errors and warnings of a parse.
type reporter struct {
	errs     []*Error
	warnings []warning
	entry    Pos                   // of the poll that is being read
	warned   map[warningPlace]bool // what warnOnce has said
	strict   bool                  // a refused value is a mistake: there is no account to refuse
}

type warningPlace struct {
	key   string
	entry Pos
}

func (r *reporter) err(pos Pos, msg, hint string) {
	if n := len(r.errs); n < maxErrors && (n == 0 || r.errs[n-1].Pos != pos) { // one word, one mistake
		r.errs = append(r.errs, &Error{Pos: pos, Msg: msg, Next: hint})
	}
}

func (r *reporter) errf(pos Pos, hint, format string, args ...any) {
	r.err(pos, fmt.Sprintf(format, args...), hint)
}

func (r *reporter) warn(pos Pos, msg, hint string) { r.record("", pos, msg, hint) }

func (r *reporter) warnf(pos Pos, hint, format string, args ...any) {
	r.warn(pos, fmt.Sprintf(format, args...), hint)
}

// warnOnce warns the first time that it is called with key, for each poll: another may be the one that
// counts.
func (r *reporter) warnOnce(key string, pos Pos, msg, hint string) {
	place := warningPlace{key, r.entry}
	if r.warned[place] {
		return
	}
	if r.warned == nil {
		r.warned = map[warningPlace]bool{}
	}
	r.warned[place] = true
	r.record(key, pos, msg, hint)
}

func (r *reporter) record(key string, pos Pos, msg, hint string) {
	if len(r.warnings) < maxWarnings {
		r.warnings = append(r.warnings, warning{&Error{Pos: pos, Msg: msg, Next: hint}, key, r.entry})
	}
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

// Warnings are what was accepted of the file but deserves a word, each with its position and once: all of
// them.
func (c *Config) Warnings() []*Error { return c.warn(func(warning) bool { return true }) }

// WarningsAbout are the Warnings that concern the polls, or the file as a whole.
func (c *Config) WarningsAbout(polls []*Poll) []*Error {
	wanted := map[Pos]bool{{}: true}
	for _, p := range polls {
		wanted[p.Pos] = true
	}
	return c.warn(func(w warning) bool { return wanted[w.entry] })
}

func (c *Config) warn(concerns func(warning) bool) []*Error {
	var all []*Error
	said := map[string]bool{"": false}
	for _, w := range c.warnings {
		if concerns(w) && !said[w.key] {
			said[w.key] = w.key != ""
			all = append(all, w.err)
		}
	}
	byPlace(all)
	return all
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
	s = withoutSecret(s)
	if len(s) > limit {
		return s[:limit] + "…"
	}
	return s
}
