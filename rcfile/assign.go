package rcfile

import (
	"strconv"
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
	if k.Verdict == Warned {
		r.warnOnce(k.Name, w.pos, `"`+k.Name+`": `+k.Note, "")
	}
	switch s := slot.(type) {
	case *Opt[string]:
		*s = Opt[string]{Value: r.canonical(k, w), Set: true, Pos: w.pos}
	case *Opt[Secret]:
		*s = Opt[Secret]{Value: NewSecret(w.text), Set: true, Pos: w.pos}
	case *Opt[int]:
		if n, ok := r.count(k, w); ok {
			*s = Opt[int]{Value: n, Set: true, Pos: w.pos}
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
		r.err(w.pos, `the value of "`+k.Name+`" holds a line end`, "it would go to the server as a command of its own; remove it")
		return false
	case k.Kind == TextList && w.text == "" && k.Name != "smtphost":
		r.err(w.pos, `an element of "`+k.Name+`" is empty`, "remove it")
		return false
	case k.has(isPath) && !k.Own && strings.HasPrefix(w.text, "~"):
		r.warnf(w.pos, "write the whole path", "the ~ in %q is not replaced by the home directory", clip(w.text))
	case k.Name == "sslfingerprint" && !w.quoted && w.before == ':':
		return false
	case k.Name == "sslfingerprint" && !w.quoted && w.after == ':':
		r.err(w.pos, "a fingerprint with colons needs quotes", `write "AA:BB:…"`)
		return false
	case k.Name == "port":
		_, ok := r.count(k, w)
		return ok && r.servicePort(w)
	case k.Name == "service":
		return r.servicePort(w)
	}
	return k.Kind != Enum || r.enumerated(k, w)
}

// servicePort refuses port numbers that don't exist; names are resolved when the connection is made.
func (r *reporter) servicePort(w word) bool {
	if strings.Trim(w.text, "0123456789") != "" {
		return true
	}
	if n, err := strconv.Atoi(w.text); err != nil || n < 1 || n > 65535 {
		r.errf(w.pos, "ports go from 1 to 65535", "no port %q", clip(w.text))
		return false
	}
	return true
}

func (r *reporter) enumerated(k *Keyword, w word) bool {
	v, ok := k.value(w.text)
	switch {
	case !ok:
		hint := suggest(w.text, func(yield func(string) bool) { k.yieldValues(yield) })
		if hint == "" {
			hint = "one of " + strings.Join(k.Accepted(), ", ")
		}
		r.errf(w.pos, hint, "unknown %s %q", k.Name, clip(w.text))
		return false
	case v.Verdict == Refused:
		r.errf(w.pos, v.Note, "%s %q is not supported", k.Name, w.text)
		return false
	case v.Verdict == Warned:
		r.warnOnce(k.Name+" "+v.Name, w.pos, k.Name+` "`+w.text+`": `+v.Note, "")
	}
	return true
}

func (k *Keyword) yieldValues(yield func(string) bool) {
	for _, v := range k.Values {
		if v.Verdict != Refused && v.Name != "" && !yield(v.Name) {
			return
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

// count reads a number.
func (r *reporter) count(k *Keyword, w word) (int, bool) {
	hint := numberHint(k.Kind)
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
