package foreign

import (
	"fmt"
	"strings"
)

// fdmKind is what a token of fdm.conf is.
type fdmKind byte

const (
	fdmEnd     fdmKind = iota
	fdmWord            // a keyword
	fdmText            // in quotes, or a macro of text
	fdmNumber          // digits, or a macro of a number
	fdmCommand         // $(…) or %(…)
	fdmMacro           // the name of a macro, with its sigil, where it is defined
	fdmSign            // a character of its own, == or !=
)

// fdmToken is a token. A macro in it is replaced, as fdm does it while it reads.
type fdmToken struct {
	kind fdmKind
	text string
	line int
}

// fdmLexer splits fdm.conf into tokens.
type fdmLexer struct {
	text    string
	line    int
	macros  map[string]fdmToken // by the name with its sigil, as in "$path"
	skips   bool                // within an ifdef that does not hold
	depth   int                 // of ifdef
	unknown []int               // lines in which the output of a command is a part of a text
	err     error
}

// next is the next token, after ifdef and endif were obeyed.
func (l *fdmLexer) next() fdmToken {
	for l.err == nil {
		t := l.read()
		switch {
		case t.kind == fdmEnd:
			return t
		case t.kind == fdmWord && (t.text == "ifdef" || t.text == "ifndef"):
			l.condition(t.text == "ifdef")
		case t.kind == fdmWord && t.text == "endif":
			l.depth--
			l.skips = l.skips && l.depth > 0
		case !l.skips:
			return t
		}
	}
	return fdmToken{line: l.line}
}

// condition reads the macro after ifdef. What follows is skipped up to the outermost endif, as fdm does it.
func (l *fdmLexer) condition(wanted bool) {
	l.blanks()
	name := l.macroName()
	_, is := l.macros[name]
	l.skips = l.skips || is != wanted
	l.depth++
}

func (l *fdmLexer) fail(format string, args ...any) fdmToken {
	if l.err == nil {
		l.err = fmt.Errorf("line %d: %w", l.line, fmt.Errorf(format, args...))
	}
	l.text = ""
	return fdmToken{line: l.line}
}

// blanks passes over blanks and comments.
func (l *fdmLexer) blanks() {
	for l.text != "" {
		switch l.text[0] {
		case '\n':
			l.line++
		case ' ', '\t', '\r':
		case '#':
			end := strings.IndexByte(l.text, '\n')
			if end < 0 {
				end = len(l.text)
			}
			l.text = l.text[end:]
			continue
		default:
			return
		}
		l.text = l.text[1:]
	}
}

// read is the next token, whatever ifdef says.
func (l *fdmLexer) read() fdmToken {
	l.blanks()
	t := fdmToken{line: l.line}
	if l.text == "" {
		return t
	}

	switch c := l.text[0]; {
	case c == '"' || c == '\'':
		t.kind, t.text = fdmText, l.quoted()
	case c == '$' || c == '%':
		return l.sigil(t)
	case c >= '0' && c <= '9':
		t.kind, t.text = fdmNumber, l.while(func(c byte) bool { return c >= '0' && c <= '9' })
	case isFdmName(c):
		t.kind, t.text = fdmWord, l.while(isFdmName)
	case strings.HasPrefix(l.text, "==") || strings.HasPrefix(l.text, "!="):
		t.kind, t.text, l.text = fdmSign, l.text[:2], l.text[2:]
	case strings.IndexByte("~+(),<>{}*=!", c) >= 0:
		t.kind, t.text, l.text = fdmSign, l.text[:1], l.text[1:]
	default:
		return l.fail("%q does not belong here", l.text[:1])
	}
	return t
}

func isFdmName(c byte) bool {
	return c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func (l *fdmLexer) while(holds func(byte) bool) string {
	end := 0
	for end < len(l.text) && holds(l.text[end]) {
		end++
	}
	text := l.text[:end]
	l.text = l.text[end:]
	return text
}

// sigil reads a macro or a command.
func (l *fdmLexer) sigil(t fdmToken) fdmToken {
	if len(l.text) > 1 && l.text[1] == '(' {
		l.text = l.text[2:]
		t.kind, t.text = fdmCommand, l.command()
		return t
	}
	t.kind, t.text = fdmMacro, l.macroName()
	return t
}

// macroName reads the name of a macro, in braces or not; "" = there is none.
func (l *fdmLexer) macroName() string {
	if l.text == "" || l.text[0] != '$' && l.text[0] != '%' {
		l.fail("the name of a macro is missing")
		return ""
	}
	sigil := l.text[:1]
	rest, inBraces := strings.CutPrefix(l.text[1:], "{")
	l.text = rest
	name := l.while(isFdmName)
	if inBraces {
		rest, inBraces = strings.CutPrefix(l.text, "}")
		if !inBraces {
			name = ""
		}
		l.text = rest
	}
	if name == "" {
		l.fail("the name of a macro is missing")
	}
	return sigil + name
}

// command reads a command up to the parenthesis that ends it.
func (l *fdmLexer) command() string {
	var b strings.Builder
	for depth := 0; l.text != ""; {
		c := l.text[0]
		switch {
		case c == '"' || c == '\'':
			fmt.Fprintf(&b, "%c%s%c", c, l.quoted(), c)
			continue
		case c == ')' && depth == 0:
			l.text = l.text[1:]
			return b.String()
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == '\n':
			l.line++
		}
		b.WriteByte(c)
		l.text = l.text[1:]
	}

	l.fail("the parenthesis after a command is missing")
	return ""
}

// quoted reads a text in quotes. In double quotes a backslash takes the next character as it is, but for r,
// n and t, and macros are replaced; one that is not defined is empty.
func (l *fdmLexer) quoted() string {
	quote := l.text[0]
	l.text = l.text[1:]

	var b strings.Builder
	for l.text != "" && b.Len() <= maxLine {
		c := l.text[0]
		switch {
		case c == quote:
			l.text = l.text[1:]
			return b.String()
		case quote == '"' && strings.HasPrefix(l.text, "${"), quote == '"' && strings.HasPrefix(l.text, "%{"):
			b.WriteString(l.inText(l.macros[l.macroName()]))
			continue
		case c == '\\' && quote == '"' && len(l.text) > 1:
			l.text = l.text[1:]
			c = l.text[0]
			if i := strings.IndexByte("rnt", c); i >= 0 {
				c = "\r\n\t"[i]
			}
		}
		if l.text[0] == '\n' {
			l.line++
		}
		b.WriteByte(c)
		l.text = l.text[1:]
	}
	l.fail("the mark %c that ends the text is missing, or far away", quote)
	return ""
}

// inText is a value as a part of a text: of a command, what it prints is not known.
func (l *fdmLexer) inText(t fdmToken) string {
	if t.kind != fdmCommand {
		return t.text
	}
	l.unknown = append(l.unknown, l.line)
	return "$(" + t.text + ")"
}
