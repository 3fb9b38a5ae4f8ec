package rcfile

import (
	"bytes"
	"strings"
)

// parser reads fetchmail's grammar.
type parser struct {
	lexer
	builder *builder
	peeked  *word
	slot    word // what peeked points to
	entry   entry
	head    Pos  // the keyword whose value is read
	early   word // the user option that opened a user without a name
	last    Kind // of the last value; Flag if no value came since the last option
	place   place
	started bool // a poll, skip, defaults or include was read
}

// place is how far the reading of an entry has come.
type place int

const (
	inServer   place = iota // server options may come
	inImplicit              // user options without a user were read
	inUser                  // a user head was read
)

// parseFetchmailrc reads text, which holds no NUL and no byte order mark, into b.
func (b *builder) parseFetchmailrc(name, text string) {
	p := &parser{lexer: lexer{reporter: b.reporter, file: name, text: text, line: 1}, builder: b}
	for len(b.errs) < maxErrors && p.statement() {
	}
}

// token returns the next token that isn't noise.
func (p *parser) token() word {
	if p.peeked != nil {
		w := *p.peeked
		p.peeked = nil
		return w
	}
	for {
		if w := p.next(); w.quoted || !isNoise(w.text) {
			return w
		}
	}
}

// peek returns what token will return.
func (p *parser) peek() *word {
	if p.peeked == nil {
		p.slot = p.token()
		p.peeked = &p.slot
	}
	return p.peeked
}

func (p *parser) unreadWord(w word) { p.slot, p.peeked = w, &p.slot }

// keyword tells which keyword w is, if it is one.
func (p *parser) keyword(w word, inSet bool) (found, bool) {
	if w.quoted || w.end || w.equals {
		return found{}, false
	}
	return words.lookup(w.text, inSet)
}

// statement reads one statement and tells whether there may be more.
func (p *parser) statement() bool {
	w := p.token()
	if w.end {
		return false
	}

	f, ok := p.keyword(w, false)
	if !ok || f.Scope != Top {
		p.misplaced(w, f, ok)
		p.recover()
		return true
	}

	p.head = w.pos
	if f.Name != "set" && f.Name != "defaults" {
		p.started = true
	}

	switch f.Name {
	case "set":
		p.set()
	case "include":
		if v, ok := p.value(f.Keyword, true); ok {
			p.builder.includeFile(v)
		}
	case "defaults":
		p.defaultsEntry(w)
	default:
		p.poll(w, f.Name != "skip")
	}

	return true
}

// misplaced reports a word that begins no statement.
func (p *parser) misplaced(w word, f found, known bool) {
	switch {
	case known && f.Scope == Global:
		p.errf(w.pos, `write "set `+f.Name+`"`, "%q outside an entry", w.text)
	case known:
		p.errf(w.pos, `write "poll NAME" before it`, "option %q before the first entry", w.text)
	default:
		otherwise := "expected poll, skip, defaults, set or include"
		if strings.Contains(w.text, ".") {
			otherwise = `write "poll" before the name of a server`
		}
		p.unknown(w, func(yield func(string) bool) {
			for _, k := range topWords {
				if !k.has(tomlOnly) && !yield(k.Name) {
					return
				}
			}
		}, otherwise)
	}
}

// recover skips to the next statement.
func (p *parser) recover() {
	for {
		w := p.token()
		f, ok := p.keyword(w, false)
		switch {
		case w.end, ok && f.Scope == Top && !f.Own:
			p.unreadWord(w)
			return
		// Its value may be any word, "poll" included, and must not be taken for the next statement.
		case ok && f.has(anyWord) && !f.negated:
			if w := p.next(); w.end {
				p.unreadWord(w)
				return
			}
		}
	}
}

// set reads the rest of a set statement.
func (p *parser) set() {
	w := p.token()
	no := !w.quoted && w.text == "no"
	if no {
		w = p.token()
	}

	f, ok := p.keyword(w, true)
	if !ok || f.Scope != Global {
		p.badSet(w)
		return
	}

	p.head = w.pos
	e := entry{globals: &p.builder.cfg.Globals}
	switch {
	case f.Kind == Flag:
		p.setFlag(e.slot(f.Keyword), f.Keyword, no == f.negated, w.pos)
	case no:
		p.errf(w.pos, "leave the line out", `"set no %s" makes no sense`, w.text)
		p.recover()
	default:
		if v, ok := p.value(f.Keyword, true); ok {
			p.setWord(e.slot(f.Keyword), f.Keyword, v)
		}
	}
}

func (p *parser) badSet(w word) {
	if w.end {
		p.err(p.head, `"set" at the end of the file`, "write what is to be set")
		return
	}
	if f, ok := p.keyword(w, false); ok {
		if f.Scope == Top {
			p.errf(w.pos, `write it without "set"`, `%q can't be set`, w.text)
			p.unreadWord(w)
			return
		}
		p.errf(w.pos, "write it in an entry, or in defaults", `%q can't be set for all`, w.text)
	} else {
		p.unknown(w, func(yield func(string) bool) {
			for _, k := range globalWords {
				if !yield(k.Name) {
					return
				}
			}
		}, `expected a word like daemon or postmaster after "set"`)
	}

	p.recover()
}

// poll reads the rest of a poll or skip entry.
func (p *parser) poll(head word, active bool) {
	name := p.token()
	// A server may be called like a word of "set", or like one that is none to fetchmail.
	if f, ok := p.keyword(name, false); name.end || name.equals || ok && !f.foreign && f.Scope != Global {
		p.errf(head.pos, "write the server's name", "%q without a name", head.text)
		if name.equals {
			name = p.token()
		}
		p.unreadWord(name)
		p.recover()
		return
	}

	p.last = Flag
	p.builder.reporter.entry = name.pos
	p.commentWarning(name, head.text)
	name = p.address(name)
	p.builder.poll = Poll{Pos: name.pos, Name: name.text, Active: active}
	p.options()
	p.builder.add()
}

// defaultsEntry reads the rest of a defaults entry.
func (p *parser) defaultsEntry(head word) {
	late := p.started || p.builder.hasDefaults
	if late {
		p.err(head.pos, `"defaults" is not the first entry of the file`, "move it to the top; a file has one")
	}

	p.builder.poll = Poll{Pos: head.pos}
	p.options()
	if p.place == inUser && len(p.builder.poll.Users) > 1 {
		p.err(p.builder.poll.Users[1].Pos, `several users in "defaults"`, "they belong in poll entries")
	}
	if !late {
		p.builder.hasDefaults = true
		p.builder.setDefaults()
	}
}

// options reads the options and users of an entry into the builder's poll.
func (p *parser) options() {
	p.place = inServer
	p.entry = entry{poll: &p.builder.poll}
	for len(p.errs) < maxErrors && p.option() {
	}
}

// lines estimates the number of entries: lines that begin with poll, server or skip.
func lines(text []byte) int {
	n := 0
	for line := range bytes.Lines(text) {
		line = bytes.TrimLeft(line, " \t")
		for _, head := range []string{"poll ", "server ", "skip ", "[[poll]]"} {
			if bytes.HasPrefix(line, []byte(head)) {
				n++
			}
		}
	}
	return n
}
