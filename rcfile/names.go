package rcfile

// userHead reads what follows "user": NAME, NAME there, or local names here.
func (p *parser) userHead() {
	k := words.entry["user"].Keyword
	first, ok := p.value(k, false)
	if !ok {
		return
	}

	switch next := p.peek(); {
	case !next.quoted && next.text == "there":
		p.token()
		p.setWord(&p.entry.user.Remote, k, first)
	// One name more, a mapping or a "here" shows that these are local names, of a list that ends in "here".
	case next.equals, p.isName(*next), p.isHere(*next):
		p.hereList(first, *next)
	default:
		p.setWord(&p.entry.user.Remote, k, first)
	}
}

func (p *parser) isHere(w word) bool { return !w.quoted && !w.end && w.text == "here" }

// isName tells whether w can be one more local name.
func (p *parser) isName(w word) bool {
	_, key := p.keyword(w, false)
	return !w.end && !w.equals && !key
}

// hereList reads the rest of a list of local names that must end in "here".
func (p *parser) hereList(first, second word) {
	p.names("user", first)
	if p.isHere(*p.peek()) {
		p.token()
		return
	}
	if p.behindQuoted(second) {
		return
	}
	p.afterUser(second)
}

// isList reads what follows "is" or "to".
func (p *parser) isList(k *Keyword) {
	first, ok := p.value(k, false)
	if !ok {
		return
	}
	if next := p.peek(); !next.quoted && next.text == "there" {
		p.token()
		p.setWord(&p.entry.user.Remote, words.entry["user"].Keyword, first)
		return
	}

	p.names(k.Name, first)
	if p.isHere(*p.peek()) {
		p.token()
	}
}

// names reads local names up to a keyword, the first of which was read.
func (p *parser) names(list string, w word) {
	line := w.pos.Line
	for {
		name := LocalName{Server: w.text, Local: w.text}
		if p.peek().equals {
			p.token()
			local := p.next()
			if local.end || local.equals {
				p.errf(w.pos, "write server=local, as in ann=anna",
					"a local name must follow \"=\", found %s", described(local))
				p.unreadWord(local)
				return
			}
			name.Local = local.text
			p.doubtEscape(words.entry["is"].Keyword, local)
		}

		p.doubtEscape(words.entry["is"].Keyword, w)
		p.doubtPath(w)
		p.builder.addName(p.entry.user, name)
		next := p.peek()
		if next.end || next.equals || p.endsList(list, *next, line) {
			return
		}

		w = p.token()
		p.reportSuspectElement(list, w)
	}
}

// isEmpty tells whether a part of the name is missing.
func (n LocalName) isEmpty() bool { return n.Server == "" || n.Local == "" }

func (b *builder) addName(u *User, name LocalName) {
	if name.Server == "*" && name.Local == "*" {
		u.Wildcard = true
		return
	}
	u.Locals = append(u.Locals, name)
}
