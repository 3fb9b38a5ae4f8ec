package rcfile

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// entry is what options are stored in: the globals, or a poll and its present user.
type entry struct {
	globals *Globals
	poll    *Poll
	user    *User
}

// slot returns a pointer to the field of k.
func (e entry) slot(k *Keyword) any {
	switch {
	case k.global != nil:
		return k.global(e.globals)
	case k.server != nil:
		return k.server(e.poll)
	}
	return k.user(e.user)
}

// setFlag stores a Flag, and says so where it does nothing.
func (r *reporter) setFlag(slot any, k *Keyword, on bool, pos Pos) {
	*slot.(*Opt[bool]) = Opt[bool]{Value: on, Set: true, Pos: pos}
	switch {
	case k.Verdict == Warned && on:
		r.warnOnce(k.Name, pos, `"`+k.Name+`": `+k.Note, "")
	case k.Name == "uidl" && !on:
		r.warnOnce("no uidl", pos, `"no uidl" has no effect: UIDs are always used`, "leave it out")
	}
}

// setWord stores one value of any other kind; a list grows by it.
func (r *reporter) setWord(slot any, k *Keyword, w word) {
	if !r.fits(k, w) {
		return
	}

	r.doubt(k, w)
	if k.Verdict == Warned {
		r.warnOnce(k.Name, w.pos, `"`+k.Name+`": `+k.Note, "")
	}

	refused := r.refusal(k, w)
	if refused != nil && r.strict {
		r.err(refused.Pos, refused.Msg, refused.Next)
		return
	}

	switch s := slot.(type) {
	case *Opt[string]:
		*s = Opt[string]{Value: r.canonical(k, w), Set: true, Pos: w.pos, Refused: refused}
	case *Opt[Secret]:
		*s = Opt[Secret]{Value: NewSecret(w.text), Set: true, Pos: w.pos, Refused: refused}
	case *Opt[int]:
		if n, refused, ok := r.boundedCount(k, w); ok {
			*s = Opt[int]{Value: n, Set: true, Pos: w.pos, Refused: refused}
		}
	case *[]string:
		*s = append(*s, w.text)
	case *[]Opt[string]:
		*s = append(*s, Opt[string]{Value: w.text, Set: true, Pos: w.pos})
	case *[]int:
		if n, ok := r.count(k, w); ok {
			*s = append(*s, n)
		}
	}
}

// fits refuses text that can't be a value of k.
func (r *reporter) fits(k *Keyword, w word) bool {
	switch {
	case k.has(oneLine) && strings.ContainsAny(w.text, "\r\n"):
		hint := "it would go to the server as a command of its own; remove it"
		if w.odd.char != 0 {
			hint += ", or " + writeTwo
		}
		r.err(w.pos, `the value of "`+k.Name+`" holds a line end`, hint)
		return false
	// Elsewhere Refusals finds it.
	case k.hasEmpty(w.text) && (r.strict || k.Scope == Global):
		r.err(w.pos, `an element of "`+k.Name+`" is empty`, "remove it")
		return false
	case k.has(isPath) && strings.HasPrefix(w.text, "~") && !strings.HasPrefix(w.text, "~/"):
		r.warnf(w.pos, "write the whole path",
			"the ~ in %q is not replaced by a home directory", clip(w.text))
	// The rest of one that was written without quotes: it was reported with its beginning.
	case k.Name == "sslfingerprint" && !w.quoted && w.before == ':':
		return false
	case k.Name == "sslfingerprint" && !w.quoted && w.after == ':':
		r.err(w.pos, "a fingerprint with colons needs quotes", `write "AA:BB:…"`)
		return false
	case k.Name == "port":
		_, ok := r.count(k, w)
		return ok
	}

	return k.Kind != Enum || r.enumerated(k, w)
}

// enumerated refuses a word that is none of the values of k, where the grammar knows these words; where it
// knows only text, the value is refused instead. It says what is to be said about one that is.
func (r *reporter) enumerated(k *Keyword, w word) bool {
	v, ok := k.value(w.text)
	switch {
	case !ok && k.bare():
		e := k.unknown(w)
		r.err(e.Pos, e.Msg, e.Next)
		return false
	case v.Verdict == Warned:
		r.warnOnce(k.Name+" "+v.Name, w.pos, k.Name+` "`+w.text+`": `+v.Note, "")
	}
	return true
}

// unknown is the mistake of a word that is none of the values of k. One that is warned of, which may let in
// what is weak, is proposed only where no other is near.
func (k *Keyword) unknown(w word) *Error {
	hint := suggest(w.text, k.valuesOf(Accepted))
	if hint == "" {
		hint = suggest(w.text, k.valuesOf(Warned))
	}
	if hint == "" {
		hint = "one of " + strings.Join(k.Accepted(), ", ")
	}
	return &Error{Pos: w.pos, Msg: fmt.Sprintf("unknown %s %q", k.Name, clip(w.text)), Next: hint}
}

func (k *Keyword) valuesOf(verdicts ...Verdict) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, v := range k.Values {
			if slices.Contains(verdicts, v.Verdict) && v.Name != "" && !yield(v.Name) {
				return
			}
		}
	}
}

// canonical is how a Text or Enum is stored.
func (r *reporter) canonical(k *Keyword, w word) string {
	if v, ok := k.value(w.text); ok && k.Kind == Enum && !k.has(anyCase) {
		return v.Name
	}
	return w.text
}

// boundedCount is count, of which a number that is too large or negative is no mistake of the file where
// there is an account to refuse. It is -1 then, which is refused again where the file is written anew.
func (r *reporter) boundedCount(k *Keyword, w word) (n int, refused *Error, ok bool) {
	_, err := number(k.Kind, w.text)
	isBeyond := errors.Is(err, errNegative) || errors.Is(err, errTooLarge)
	if w.quoted || r.strict || k.Scope == Global || !isBeyond {
		n, ok = r.count(k, w)
		return n, nil, ok
	}
	return -1, &Error{Pos: w.pos, Msg: fmt.Sprintf("the value %q of %q %v", clip(w.text), k.Name, err),
		Next: numberHint(k.Kind)}, true
}

// count reads a number.
func (r *reporter) count(k *Keyword, w word) (int, bool) {
	hint := numberHint(k.Kind)
	switch k.Name {
	case "interval": // which looks like a time
		hint = `write a number of polls, 2 for every other one, or "every" and a time`
	case "port":
		hint = "write digits, without quotes, or service and a name"
	}

	if w.quoted {
		r.errf(w.pos, hint, "%q wants a number, not the text %q", k.Name, clip(w.text))
		return 0, false
	}
	n, err := number(k.Kind, w.text)
	if err != nil {
		r.errf(w.pos, hint, "the value %q of %q %v", clip(w.text), k.Name, err)
		return 0, false
	}
	return n, true
}
