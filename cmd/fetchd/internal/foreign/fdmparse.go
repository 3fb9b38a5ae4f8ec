package foreign

import (
	"fmt"
	"slices"
)

// fdmFile is what a file of fdm says, in its order.
type fdmFile struct {
	accounts []*fdmAccount
	actions  []*fdmAction
	rules    []*fdmRule
	settings map[string]setting // what set says
	notes    []string
}

// fdmAccount is an account, or an IMAP server that an action delivers to.
type fdmAccount struct {
	name     string
	line     int
	kind     string // such as imaps
	pipe     string // the command in place of a server
	words    map[string]fdmToken
	folders  []string
	users    []string // as whom the mail is delivered
	disabled bool
}

func (a *fdmAccount) has(word string) bool {
	_, is := a.words[word]
	return is
}

// word is the value of a word. What a command prints is not known.
func (a *fdmAccount) word(name string) string {
	t := a.words[name]
	if t.kind == fdmCommand {
		return ""
	}
	value, _ := fdmMail{account: a.name}.replace(t.text, "~")
	return value
}

// fdmAction is a named list of what is done with a message.
type fdmAction struct {
	name  string
	users []string
	items []fdmItem
}

// fdmItem is one thing that is done with a message.
type fdmItem struct {
	verb   string
	line   int
	text   string   // its argument
	names  []string // of the actions that are called
	server *fdmAccount
	users  []string
	action string // in which it is
}

// fdmParser reads fdm.conf. After an error all that comes is the end of the file.
type fdmParser struct {
	lexer fdmLexer
	token fdmToken
	file  fdmFile
}

// readFdm reads a file of fdm.
func readFdm(text []byte) (*fdmFile, error) {
	p := &fdmParser{
		lexer: fdmLexer{text: string(text), line: 1, macros: map[string]fdmToken{}},
		file:  fdmFile{settings: map[string]setting{}},
	}
	p.next()
	for p.token.kind != fdmEnd {
		p.statement()
	}

	if lines := slices.Compact(p.lexer.unknown); len(lines) > 0 {
		p.note("%s: no command is run here; write what it prints in place of $(…)", linesOf(lines))
	}
	return &p.file, p.lexer.err
}

func (p *fdmParser) note(format string, args ...any) {
	p.file.notes = append(p.file.notes, fmt.Sprintf(format, args...))
}

func (p *fdmParser) next() { p.token = p.lexer.next() }

// fail ends the reading: p.token is not what must stand here.
func (p *fdmParser) fail(wanted string) {
	found := "the file ends"
	if p.token.kind != fdmEnd {
		found = fmt.Sprintf("%.40q stands", p.token.text)
	}
	p.lexer.line = p.token.line
	p.lexer.fail("%s where %s is expected", found, wanted)
	p.next()
}

// at tells whether one of the words or signs comes.
func (p *fdmParser) at(words ...string) bool {
	isOne := p.token.kind == fdmWord || p.token.kind == fdmSign
	return isOne && slices.Contains(words, p.token.text)
}

// accept passes over one of the words or signs, if it comes.
func (p *fdmParser) accept(words ...string) bool {
	is := p.at(words...)
	if is {
		p.next()
	}
	return is
}

func (p *fdmParser) expect(words ...string) {
	if !p.accept(words...) {
		p.fail(words[0])
	}
}

// atText tells whether a text comes, of whatever form.
func (p *fdmParser) atText() bool {
	isText := p.token.kind == fdmMacro && p.token.text[0] == '$'
	return isText || p.token.kind == fdmText || p.token.kind == fdmCommand
}

// value takes a text, in parts with + between them, or a number. Its kind is fdmCommand if it is what a
// command prints.
func (p *fdmParser) value() fdmToken {
	value := p.part()
	for p.accept("+") {
		value.text = p.lexer.inText(value)
		value.kind = fdmText
		value.text += p.lexer.inText(p.part())
	}
	return value
}

func (p *fdmParser) part() fdmToken {
	t := p.token
	switch t.kind {
	case fdmMacro:
		value, is := p.lexer.macros[t.text]
		if !is {
			p.lexer.fail("the macro %.40s is not defined; files that are included are not read", t.text)
		}
		t.kind, t.text = value.kind, value.text
	case fdmText, fdmNumber, fdmCommand:
	default:
		p.fail("a text or a number")
		return fdmToken{line: t.line}
	}
	p.next()
	return t
}

// text takes a text of which only the words count.
func (p *fdmParser) text() string { return p.lexer.inText(p.value()) }

// texts takes a text, or several in braces.
func (p *fdmParser) texts() []string {
	if !p.accept("{") {
		return []string{p.text()}
	}
	var all []string
	for !p.accept("}") && p.token.kind != fdmEnd {
		all = append(all, p.text())
	}
	return all
}

// statement reads one of the file.
func (p *fdmParser) statement() {
	line := p.token.line
	switch {
	case p.token.kind == fdmMacro:
		name := p.token.text
		p.next()
		p.expect("=")
		value := p.value()
		if len(value.text) > maxLine {
			p.lexer.fail("the macro %.40s is longer than %d bytes", name, maxLine)
		}
		p.lexer.macros[name] = value

	case p.accept("set"):
		p.set(line)
	case p.accept("account"):
		p.account(line)
	case p.accept("action"):
		a := &fdmAction{name: p.text(), users: p.users()}
		a.items = p.items()
		p.file.actions = append(p.file.actions, a)

	case p.accept("match"):
		p.file.rules = append(p.file.rules, p.rule(line))
	case p.accept("cache"):
		p.text()
		if p.accept("expire") {
			p.measure()
		}
	case p.accept("include"):
		p.note("line %d, include %.200q, is left out: convert that file, too", line, p.text())
	default:
		p.fail("a statement")
	}
}

// users are those as whom the mail is delivered.
func (p *fdmParser) users() []string {
	if !p.accept("user", "users") {
		return nil
	}
	return p.texts()
}

// set reads an option.
func (p *fdmParser) set(line int) {
	name := p.token.text
	if p.token.kind != fdmWord {
		p.fail("an option")
		return
	}
	p.next()

	value := ""
	switch name {
	case "lock-wait", "delete-oversized", "ignore-errors", "allow-multiple", "verify-certificates",
		"no-received", "no-create":
	case "lock-types", "lock-type", "lookup-order":
		for p.accept("fcntl", "flock", "dotlock", "none", "passwd", "courier") {
		}
	case "unmatched-mail", "purge-after", "file-umask", "file-group":
		if !p.accept("drop", "keep", "none", "user") {
			value = p.text()
		}
	case "maximum-size", "timeout", "lock-timeout":
		value = p.measure()
	default:
		value = p.text()
	}
	p.file.settings[name] = setting{value, line}
}
