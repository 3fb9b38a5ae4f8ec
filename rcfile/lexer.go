package rcfile

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// word is one token of fetchmail's grammar, or one value of the TOML grammar.
type word struct {
	text   string // escapes done
	pos    Pos
	quoted bool // quoted text, or a word with an escape, is never a keyword
	equals bool // the token "="
	end    bool // the end of the file

	after  byte // the byte straight after the token, 0 at the end of the file
	before byte // the byte straight before it, 0 at the beginning
	hidden bool // a comment and at least one line end stood before it
	stray  bool // a character in it was reported as a mistake, which as a value stops its account alone
	odd    escapeDoubt
}

// lexer cuts text into words. Where fetchmail has two readings, the longer wins, and quoted text wins a tie.
type lexer struct {
	*reporter
	file  string
	text  string
	at    int // offset of the next byte
	line  int // its line, from 1
	start int // offset of the beginning of that line
	multi Pos // where the last quoted text of several lines began

	quoteAt Pos // where the last quoted text began
}

const (
	blanks     = " \t\r\n"
	ignored    = ",;:"
	delimiters = blanks + ignored + "="
)

func (l *lexer) pos(offset int) Pos {
	return Pos{File: l.file, Line: l.line, Col: offset - l.start + 1}
}

// next returns the next token, noise words included.
func (l *lexer) next() word {
	commented, from := l.blank()
	w := word{pos: l.pos(l.at), end: l.at == len(l.text)}
	if l.at > 0 {
		w.before = l.text[l.at-1]
	}

	// A value on a line behind a comment: mostly the value itself was taken for the comment, as "#" begins
	// one.
	w.hidden = commented && l.line > from
	switch {
	case w.end:
		return w
	case l.text[l.at] == '=':
		w.equals, w.text = true, "="
		l.at++
	default:
		l.scan(&w)
	}

	if l.at < len(l.text) {
		w.after = l.text[l.at]
	}

	return w
}

// blank skips what stands between tokens, and tells whether a comment was among it and on which line it
// began.
func (l *lexer) blank() (commented bool, from int) {
	for from = l.line; l.at < len(l.text); {
		switch c := l.text[l.at]; {
		case c == '\n':
			l.newline(l.at)
			l.at++
		case strings.IndexByte(blanks+ignored, c) >= 0:
			l.at++
		case c == '#':
			commented = true
			l.at += lineLength(l.text[l.at:])
		case c == '\\' && atLineEnd(l.text[l.at+1:]):
			l.at++
		default:
			return commented, from
		}
	}
	return commented, from
}

func (l *lexer) newline(offset int) { l.line, l.start = l.line+1, offset+1 }

func lineLength(s string) int {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		return i
	}
	return len(s)
}

func atLineEnd(s string) bool { return strings.HasPrefix(s, "\n") || strings.HasPrefix(s, "\r\n") }

// scan reads quoted text or a bare word.
func (l *lexer) scan(w *word) {
	rest := l.text[l.at:]
	bare := strings.IndexAny(rest, delimiters)
	if bare < 0 {
		bare = len(rest)
	}

	mark := rest[0]
	if mark == '"' || mark == '\'' {
		// Where the bare word is longer, fetchmail's lexer takes that: text goes on behind the closing mark.
		if n := strings.IndexByte(rest[1:], mark); n >= 0 && n+2 >= bare {
			l.quoted(w, rest[1:n+1])
			return
		}
		w.stray = true
		l.badQuote(w.pos, rest, mark)
	} else if strings.ContainsAny(rest[:bare], `"'`) {
		l.strayQuote(w.pos, rest[:bare])
	}

	w.text, w.odd = l.unescape(w.pos, rest[:bare])
	// fetchmail compares words before it looks at escapes
	w.quoted = w.text != strings.TrimSuffix(rest[:bare], `\`)
	l.control(w.pos, rest[:bare])
	w.stray = l.looksOther(w.pos, rest[:bare]) || w.stray
	l.at += bare
}

func (l *lexer) quoted(w *word, inner string) {
	w.quoted = true
	l.quoteAt = w.pos
	if strings.HasSuffix(inner, `\`) && !strings.HasSuffix(inner, `\\`) {
		l.warn(w.pos, "a backslash doesn't keep a quote mark from ending the text",
			"use the other quote mark, or \\x22")
	}

	w.text, w.odd = l.unescape(w.pos, inner)
	if strings.Contains(inner, "\n") {
		l.multi = w.pos
	}

	for i := range len(inner) {
		if inner[i] == '\n' {
			l.newline(l.at + 1 + i)
		}
	}

	l.at += len(inner) + 2
}

func (l *lexer) badQuote(pos Pos, rest string, mark byte) {
	if strings.IndexByte(rest[1:], mark) < 0 {
		l.err(pos, "quoted text has no end", "add "+string(mark)+l.multiHint())
		return
	}
	l.err(pos, "stray quote mark: text goes on straight after quoted text",
		"quote the whole with the other quote mark"+l.multiHint())
}

func (l *lexer) strayQuote(pos Pos, text string) {
	if strings.ContainsAny(text[len(text)-1:], `"'`) && l.multi.Line > 0 {
		l.err(pos, "stray quote mark", "is another one missing"+l.multiHint())
		return
	}
	l.warn(pos, "quote mark inside a word", "it is part of the text; quote the whole if that is meant")
}

func (l *lexer) multiHint() string {
	if l.multi.Line == 0 {
		return ""
	}
	return "; the text quoted at " + l.multi.String() + " goes over several lines"
}

// control refuses bytes in a bare word that look like a blank but are none.
func (l *lexer) control(pos Pos, text string) {
	for i := range len(text) {
		if text[i] < ' ' || text[i] == 0x7f {
			l.errf(pos, "quote the text if it is meant", "control character %q in a word", text[i:i+1])
			return
		}
	}
	if strings.Contains(text, "\u00a0") {
		l.err(pos, "no-break space in a word", "replace it by a blank, or quote the text if it is meant")
	}
}

// looksOther reports a bare word that is not what it looks like: it begins with a quote mark of typography,
// which quotes nothing, or holds a character that can't be seen.
func (l *lexer) looksOther(pos Pos, text string) bool {
	const typographic = "“”„‟‘’‚‛«»"
	if first, _ := utf8.DecodeRuneInString(text); strings.ContainsRune(typographic, first) {
		l.errf(pos, `write " or '`, "the quote mark %c quotes nothing", first)
		return true
	}

	i := strings.IndexFunc(text, isInvisible)
	if i < 0 || strings.HasPrefix(text[i:], "\u00a0") {
		return false
	}

	r, _ := utf8.DecodeRuneInString(text[i:])
	l.errf(pos, "remove it, or quote the text if it is meant", "the invisible character %U in a word", r)
	return true
}

// isInvisible tells whether nothing is seen of r, which is no blank for fetchmail. The two joiners, which
// belong to words of some scripts, are left alone.
func isInvisible(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d'
	return r > unicode.MaxASCII && r != nonJoiner && r != joiner &&
		unicode.In(r, unicode.Cf, unicode.Zs, unicode.Zl, unicode.Zp)
}
