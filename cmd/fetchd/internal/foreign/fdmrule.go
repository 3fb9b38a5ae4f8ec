package foreign

// fdmRule says what is done with the messages for which its conditions hold.
type fdmRule struct {
	line       int
	conditions []fdmCondition
	items      []fdmItem
	nested     []*fdmRule
	users      []string
	continues  bool
}

// fdmCondition is one condition of a rule. Of most kinds it depends on the message.
type fdmCondition struct {
	operator string // and, or; "" = it is the first
	not      bool
	kind     string   // all, matched, unmatched, account or string; "" = it depends on the message
	names    []string // of accounts; of string the text and the expression
	isCase   bool     // upper and lower case differ
}

// rule reads what comes after match.
func (p *fdmParser) rule(line int) *fdmRule {
	r := &fdmRule{line: line, conditions: []fdmCondition{p.condition("")}}
	for p.at("and", "or") {
		operator := p.token.text
		p.next()
		r.conditions = append(r.conditions, p.condition(operator))
	}

	if p.accept("{") {
		r.continues = true
		for !p.accept("}") && p.token.kind != fdmEnd {
			line := p.token.line
			if p.accept("match") {
				r.nested = append(r.nested, p.rule(line))
			} else {
				p.statement()
			}
		}
		return r
	}

	r.users = p.users()
	r.items = p.actions()
	r.continues = p.accept("continue")
	return r
}

// actions reads what a rule does: names of actions, or what they would do.
func (p *fdmParser) actions() []fdmItem {
	line := p.token.line
	p.expect("action", "actions")
	if p.atText() {
		return []fdmItem{{verb: "action", line: line, names: []string{p.text()}}}
	}
	if !p.accept("{") {
		return []fdmItem{p.item()}
	}
	if !p.atText() {
		return p.rest()
	}

	called := fdmItem{verb: "action", line: line}
	for !p.accept("}") && p.token.kind != fdmEnd {
		called.names = append(called.names, p.text())
	}
	return []fdmItem{called}
}

// items reads what an action does: one thing, or several in braces.
func (p *fdmParser) items() []fdmItem {
	if p.accept("{") {
		return p.rest()
	}
	return []fdmItem{p.item()}
}

// rest reads what an action does up to the brace that ends it.
func (p *fdmParser) rest() []fdmItem {
	var all []fdmItem
	for !p.accept("}") && p.token.kind != fdmEnd {
		all = append(all, p.item())
	}
	return all
}

// item reads one thing that an action does.
func (p *fdmParser) item() fdmItem {
	item := fdmItem{verb: p.token.text, line: p.token.line}
	if p.token.kind != fdmWord {
		p.fail("an action")
		return item
	}

	if p.at("imap", "imaps") {
		item.server = &fdmAccount{line: item.line}
		p.server(item.server)
		return item
	}
	p.next()
	switch item.verb {
	case "drop", "keep", "stdout":
	case "exec", "pipe", "rewrite", "write", "append", "maildir":
		item.text = p.text()
	case "mbox":
		item.text = p.text()
		if p.accept("compress") {
			item.verb = "mbox … compress"
		}
	case "action", "actions":
		item.verb, item.names = "action", p.texts()
	case "smtp", "lmtp":
		p.mailServer(&item)
	default:
		p.change(item.verb)
	}
	return item
}

// change reads the arguments of an action that changes what is known of a message.
func (p *fdmParser) change(verb string) {
	switch verb {
	case "remove-header", "remove-headers":
		p.texts()
	case "tag":
		p.text()
		if p.accept("value") {
			p.text()
		}
	case "add-header":
		p.text()
		p.accept("value")
		p.text()
	case "add-to-cache", "to-cache", "remove-from-cache":
		p.text()
		p.expect("key")
		p.text()
	default:
		p.lexer.fail("%.40q is no action", verb)
	}
}

// mailServer reads the server of an action that delivers by SMTP or LMTP.
func (p *fdmParser) mailServer(item *fdmItem) {
	item.server = &fdmAccount{line: item.line, words: map[string]fdmToken{}}
	p.expect("server")
	item.server.words["server"] = p.value()
	for p.at("port", "from", "to") {
		word := p.token.text
		p.next()
		item.server.words[word] = p.value()
	}
}

// condition reads one condition.
func (p *fdmParser) condition(operator string) fdmCondition {
	c := fdmCondition{operator: operator, not: p.accept("not")}
	word := p.token.text

	switch {
	case p.accept("all", "matched", "unmatched"):
		c.kind = word
	case p.accept("account", "accounts"):
		c.kind, c.names = "account", p.texts()
	case p.accept("string"):
		c.kind, c.names = "string", []string{p.text()}
		p.expect("to")
		c.isCase = p.accept("case")
		c.names = append(c.names, p.text())
	case p.accept("case"), p.atText():
		p.text()
		if p.accept("in") {
			p.expect("headers", "body", "all")
		}
	default:
		p.otherCondition()
	}
	return c
}

// otherCondition reads one that depends on the message, or on something else that is not known here.
func (p *fdmParser) otherCondition() {
	switch {
	case p.accept("tagged"):
		p.text()
	case p.accept("size"):
		p.compare()
	case p.accept("age"):
		if !p.accept("invalid") {
			p.compare()
		}
	case p.accept("in-cache"):
		p.text()
		p.expect("key")
		p.text()

	case p.accept("attachment"):
		if p.accept("any-type", "any-name") {
			p.text()
			return
		}
		p.expect("count", "total-size", "any-size")
		p.compare()

	case p.accept("exec", "pipe"):
		p.commandCondition()
	default:
		p.fail("a condition")
	}
}

// compare reads a comparison with a size, a time or a number.
func (p *fdmParser) compare() {
	p.expect("<", ">", "==", "!=")
	p.measure()
}

// commandCondition reads the command, and what it must return and print.
func (p *fdmParser) commandCondition() {
	p.text()
	if p.accept("user") {
		p.text()
	}
	p.expect("returns")
	p.expect("(")
	if !p.at(",") {
		p.value()
	}
	p.expect(",")
	if !p.at(")") {
		p.accept("case")
		p.text()
	}
	p.expect(")")
}
