package rcfile

import (
	"errors"
	"strings"
)

// Said is what a command line says of the settings of an rc file: only what was said is Set. The zero Said
// says nothing; Config.Override makes it win.
type Said struct {
	Globals Globals
	Poll    Poll
	User    User
}

// Set stores text as the value of a keyword that is no Flag, read as in the rc file but without quotes; the
// elements of a list stand between commas, and its elements add up. An enumerated word may be in any case.
// origin is where it was said, such as "--limit", and stands for its place. The warnings begin with it.
func (s *Said) Set(keyword, origin, text string) (warnings []string, err error) {
	k := keywordNamed(keyword)
	texts := []string{text}
	switch k.Kind {
	case Enum:
		texts[0] = strings.ToLower(text)
	case TextList, Codes:
		texts = strings.Split(text, ",")
	}

	r := &reporter{strict: true}
	for _, one := range texts {
		if k.Kind == TextList || k.Kind == Codes {
			if one = strings.TrimSpace(one); one == "" {
				continue
			}
		}
		if k.has(isPath) { // the shell leaves --option=~/file alone
			one = ExpandHome(one)
		}
		r.setWord(s.slot(k), k, word{text: one, pos: Pos{File: origin}})
	}

	return r.saidWarnings(k), r.saidError()
}

// SetFlag switches a Flag on or off, as Set does with values.
func (s *Said) SetFlag(keyword, origin string, on bool) (warnings []string) {
	r, k := &reporter{}, keywordNamed(keyword)
	r.setFlag(s.slot(k), k, on, Pos{File: origin})
	return r.saidWarnings(k)
}

// slot is where the keyword's value goes.
func (s *Said) slot(k *Keyword) any { return entry{&s.Globals, &s.Poll, &s.User}.slot(k) }

// keywordNamed returns the option of that name. It panics if there is none: the names are ours.
func keywordNamed(name string) *Keyword {
	for i := range keywords {
		if k := &keywords[i]; k.Name == name && (k.Scope == Global || k.Scope == Server || k.Scope == Login) {
			return k
		}
	}
	panic("rcfile: no keyword " + name)
}

// saidWarnings are the warnings without the keyword, which the place names already.
func (r *reporter) saidWarnings(k *Keyword) []string {
	var texts []string
	for _, w := range r.warnings {
		w.err.Msg = strings.TrimPrefix(w.err.Msg, `"`+k.Name+`": `)
		texts = append(texts, w.err.Error())
	}
	return texts
}

// saidError joins the errors without their place, which the caller names.
func (r *reporter) saidError() error {
	var errs []error
	for _, e := range r.errs {
		errs = append(errs, &Error{Msg: e.Msg, Next: e.Next})
	}
	return errors.Join(errs...)
}
