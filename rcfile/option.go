package rcfile

import (
	"fmt"
	"strconv"
	"strings"
)

// option reads one option or user head, and tells whether the entry goes on.
func (p *parser) option() bool {
	w := p.token()
	no := !w.quoted && w.text == "no"
	if no {
		w = p.token()
	}

	f, ok := p.keyword(w, false)
	switch {
	case w.end && !no, ok && f.Scope == Top && !no:
		p.unreadWord(w)
		return false
	case !ok, f.Scope == Filler, f.Scope == Top:
		p.badOption(w, no)
		return false
	case f.Scope == Global:
		p.errf(w.pos, `write "set `+f.Name+`" outside the entry`, "%q is not an option of an entry", w.text)
		p.recover()
		return false
	case no && f.Kind != Flag && f.Name != "envelope", no && f.negated:
		p.errf(w.pos, "leave it out", `"no %s" makes no sense`, w.text)
		p.recover()
		return false
	}

	p.head = w.pos
	p.position(f, w)
	p.parseOption(f, w, no || f.negated)
	return true
}

func (p *parser) badOption(w word, no bool) {
	switch {
	case w.end:
		p.err(w.pos, `"no" at the end of the file`, "write what is to be off")
	case no:
		p.unknown(w, yieldWords(func(k *Keyword) bool { return k.Kind == Flag && k.Scope != Global }),
			`expected an option after "no"`)
	case w.text == "here" || w.text == "there":
		p.errf(w.pos, `it stands after "user NAME" or "is NAME"`, "unexpected %q", w.text)
	default:
		p.unknown(w, yieldWords(func(k *Keyword) bool { return k.Scope == Server || k.Scope == Login }),
			"write an option here, or quotes around a value")
	}

	// The next entry begins here, and is not to be skipped like the rest of a bad option.
	if !w.end && p.isTop(w) {
		p.unreadWord(w)
		return
	}

	p.recover()
}

func (p *parser) isTop(w word) bool {
	f, ok := p.keyword(w, false)
	return ok && f.Scope == Top
}

// yieldWords yields the names of the keywords that pass.
func yieldWords(pass func(*Keyword) bool) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := range keywords {
			if k := &keywords[i]; pass(k) && !yield(k.Name) {
				return
			}
			for _, name := range keywords[i].Aliases {
				if pass(&keywords[i]) && !yield(name) {
					return
				}
			}
		}
	}
}

// position keeps server options before user options, and opens the user that an option is for.
func (p *parser) position(f found, w word) {
	switch {
	case f.Scope == Server:
		if p.place != inServer {
			p.errf(w.pos, "move it before the first user and the options of users",
				"server option %q after user options", w.text)
		}
	case f.Name == "user" && p.place == inImplicit:
		// The option has opened a user without a name, and now another user comes: for whom was it meant?
		p.errf(p.early.pos, fmt.Sprintf("move it behind the %q of line %d", w.text, w.pos.Line),
			"the user option %q stands before the first %q", p.early.text, w.text)
		p.newUser(w.pos)
		p.place = inUser
	case f.Name == "user":
		p.newUser(w.pos)
		p.place = inUser
	case p.place == inServer:
		p.newUser(w.pos)
		p.place, p.early = inImplicit, w
	}
}

func (p *parser) newUser(pos Pos) {
	p.builder.poll.Users = append(p.builder.poll.Users, User{Pos: pos})
	p.entry.user = &p.builder.poll.Users[len(p.builder.poll.Users)-1]
}

// parseOption reads and stores the value of an option.
func (p *parser) parseOption(f found, w word, no bool) {
	k := f.Keyword
	p.last = Flag

	switch {
	case k.Kind == Flag:
		p.setFlag(p.entry.slot(k), k, !no, w.pos)
		if k.Name == "keep" && !no {
			p.keepDays()
		}

	case k.Name == "envelope" && no:
		p.builder.poll.Envelope = Opt[string]{Set: true, Pos: w.pos}
	case k.Name == "envelope":
		p.envelope(k)
	case k.Name == "user":
		p.userHead()
	case k.Kind == Names:
		p.isList(k)
	case k.Kind == TextList, k.Kind == Codes:
		p.list(k)
	default:
		if v, ok := p.value(k, false); ok {
			p.setWord(p.entry.slot(k), k, v)
		}
	}
}

// keepDays reads what may follow "keep": N days.
func (p *parser) keepDays() {
	w := *p.peek()
	if w.quoted || w.end || w.equals || strings.Trim(w.text, "0123456789") != "" {
		return
	}

	k := words.entry["keepdays"].Keyword
	p.setWord(p.entry.slot(k), k, p.token())
	if unit := p.peek(); !unit.quoted && (unit.text == "days" || unit.text == "day") {
		p.token()
		return
	}
	p.err(w.pos, `"keep" is followed by a number`, `write "keep `+clip(w.text)+` days"`)
}

// envelope reads [N] HEADER.
func (p *parser) envelope(k *Keyword) {
	v, ok := p.value(k, false)
	if !ok {
		return
	}
	p.builder.poll.EnvSkip = Opt[int]{}
	// A number without quotes is the count; a header that is a number would need them.
	if n, err := number(Count, v.text); err == nil && !v.quoted {
		p.builder.poll.EnvSkip = Opt[int]{Value: n, Set: true, Pos: v.pos}
		if v, ok = p.value(k, false); !ok {
			return
		}
	}
	p.setWord(&p.builder.poll.Envelope, k, v)
}

// list reads one value or more.
func (p *parser) list(k *Keyword) {
	v, ok := p.value(k, false)
	for first := v; ok; {
		p.setWord(p.entry.slot(k), k, v)
		w := p.peek()
		if w.end || w.equals || p.endsList(k.Name, *w, first.pos.Line) {
			return
		}
		v = p.glue(k, p.token())
		p.reportSuspectElement(k.Name, v)
	}
}

// endsList tells whether w is a keyword and not the next element of a list that began on the given line. Pins
// and lists of our own are no list for fetchmail, so nothing in front of w was ever read as a name.
func (p *parser) endsList(list string, w word, line int) bool {
	f, ok := p.keyword(w, false)
	isOurs := words.entry[list].Own || list == "sslfingerprint"
	if ok && f.foreign && w.pos.Line == line && !isOurs {
		p.warnOnce("ends list "+w.text, w.pos, `"`+w.text+`" is read as the keyword`,
			"quote it if it is a name in the list before it")
	}
	return ok
}

// reportSuspectElement speaks up about a list element that looks like a keyword with a slip of the pen, or
// like its value.
func (p *parser) reportSuspectElement(list string, w word) {
	// of which only a lost letter is noticed: many names are one letter away from a keyword of three
	const shortest = 3
	if !w.quoted && p.behindQuoted(w) {
		return
	}
	// The rest of a fingerprint without quotes, of which fits has told.
	if !w.quoted && w.before == ':' && list == "sslfingerprint" {
		return
	}
	if !w.quoted && w.before == ':' && list == "smtphost" && strings.Trim(w.text, "0123456789") == "" {
		p.errf(w.pos, `write "/" before it, as in localhost/25`, "port %q behind a colon", clip(w.text))
		return
	}
	if !w.quoted && strings.Trim(w.text, "-0123456789") == "" && list != "antispam" {
		p.errf(w.pos, "quote it if it is an element; else look at the word before it",
			"number in the list of %q", list)
		return
	}
	if w.quoted || len(w.text) < shortest {
		return
	}

	options := yieldWords(func(k *Keyword) bool {
		return k.Scope != Filler && k.Scope != Global && !k.has(tomlOnly)
	})
	if name := nearest(w.text, 1, options); name != "" && name != w.text && len(name) > shortest {
		what := strconv.Quote(w.text)
		if f, _ := words.lookup(name, false); f.Keyword != nil && f.Kind == Private {
			what = "a word " + concealed
		}
		p.warnf(w.pos, didYouMean(name)+" quote the word if not",
			"%s is taken as an element of %q", what, list)
	}
}

// value reads the value of k. On failure it has reported why, and the token that stands in its place comes
// next.
func (p *parser) value(k *Keyword, inSet bool) (word, bool) {
	w := p.first(k)
	f, ok := p.keyword(w, false)
	if w.equals && k.Scope == Global {
		w, ok = p.next(), false
	} else if _, meant := k.value(w.text); ok && meant { // "auth password"
		ok = false
	}

	switch {
	case w.equals:
		p.errf(p.head, `write the value straight after the word, without "="`,
			`%q needs a value, found "="`, k.Name)
		p.recover()
		return w, false
	case w.end:
		p.errf(p.head, `write the value, in quotes if it has a "#", which begins a comment`,
			"%q needs a value, found the end of the file", k.Name)
		p.unreadWord(w)
		return w, false
	// The value was forgotten, most likely. To take the keyword for it would also lose the option that it
	// begins.
	case ok && !k.has(anyWord) && reserved(f, inSet):
		p.errf(p.head, "write the value, or quote it if this is it", "%q needs a value, found the keyword %q",
			k.Name, w.text)
		p.unreadWord(w)
		return w, false
	case ok && f.foreign && !k.has(anyWord):
		p.warnf(w.pos, "quote it if that is meant", "%q is taken as the value of %q, though it is a keyword",
			w.text, k.Name)
	}

	if k.has(anyWord) {
		p.doubtLine(k, w)
	}

	p.last = k.Kind
	p.commentWarning(w, k.Name)
	return p.glue(k, w), true
}

// first returns the token after k: noise counts where any word is a value.
func (p *parser) first(k *Keyword) word {
	if k.has(anyWord) {
		return p.next()
	}
	return p.token()
}

// reserved tells whether a keyword can't be a bare value, because it may begin what comes next.
func reserved(f found, inSet bool) bool {
	switch {
	case f.foreign:
		return false
	case inSet:
		return f.Scope == Top
	}
	return f.Scope != Global && f.Name != "here" && f.Name != "there"
}

func described(w word) string {
	if w.end {
		return "the end of the file"
	}
	return strconv.Quote(clip(w.text))
}

func (p *parser) commentWarning(w word, name string) {
	if w.hidden && !w.quoted {
		p.warnf(w.pos, `put the value before the comment, or quotes around a value with "#"`,
			"%s is taken as the value of %q, from a line after a comment", p.shown(w), name)
	}
}

// shown is a word for a message, unless it may be of a secret.
func (p *parser) shown(w word) string {
	if p.last == Private {
		return "the word here"
	}
	return strconv.Quote(clip(w.text))
}

// glue puts "=" back into a value that may hold it, and colons into an address.
func (p *parser) glue(k *Keyword, w word) word {
	if k.has(isHost) {
		return p.address(w)
	}
	if !k.has(glued) || w.quoted || w.after != '=' {
		return w
	}
	eq := p.token()
	w.text, w.after = w.text+"=", eq.after
	if next := p.peek(); !next.end && !next.quoted && next.before == '=' &&
		p.lexer.text[p.lexer.at-1] != '=' {
		tail := p.token()
		w.text, w.after = w.text+tail.text, tail.after
	}
	return w
}
