package delivery

import (
	"bytes"
	"slices"
	"strings"

	"fetchd/fetch/pattern"
	"fetchd/tlsverify/hints"
)

// codeOptions are the options behind which programs of all kinds take a command, or a program's text.
var codeOptions = strings.Fields("-c -e -S --command --eval --split-string --exec -exec -execdir -ok -okdir")

// assignment is a word up to the value of a variable.
var assignment = pattern.New(`^[A-Za-z_][A-Za-z_0-9]*=`)

// checkPlace refuses a place whose value would be the name of a file that the shell opens, that of a command,
// a setting for one, or text for another interpreter: no choice of characters makes these safe, since the
// author of a message chooses the sender. before is the shell's text up to the place.
//
// What programs that are not known here do with their arguments can't be seen. But no sender has the name of
// a program, see agentSender.
func checkPlace(before string, letter byte) error {
	words, own, opens := wordsBefore(before)
	if opens {
		return hints.Errorf("write the name itself, or let a script choose it",
			"%%%c as the name of a file", letter)
	}

	isCode := len(words) > 0 && slices.Contains(codeOptions, words[len(words)-1])
	if isCode || strings.ContainsAny(own, " \t\n;|&") {
		return checkPlace(own, letter) // its word is a command by itself
	}

	if own == "" && isSetting(words) {
		return hints.Errorf("write an option before it: -f %F, -a %F or -d %T",
			"%%%c as an operand of procmail, which takes it for a setting or the name of a file", letter)
	}

	// Between "-" and the value, or behind an option for code, the value would be a setting.
	setsNothing := own == "" || strings.Trim(own, "-") != "" &&
		!slices.Contains(codeOptions, strings.TrimSuffix(own, "="))
	if assignment().MatchString(own) || setsNothing && namesCommand(words) {
		return nil
	}

	return hints.Errorf("name the command, and hand it the value as an argument",
		"%%%c in the place of a command, or of a setting for one", letter)
}

// wordsBefore splits the last command of a shell's text: its whole words, without quotes and redirections,
// and the word that has begun. opens tells that this word is the name of a file to be opened.
func wordsBefore(text string) (words []string, own string, opens bool) {
	s := wordSplitter{text: text}
	for s.at < len(text) {
		s.step()
	}
	return s.words, string(s.own), s.opens
}

// wordSplitter splits a command into words, as far as that matters for a place in it.
type wordSplitter struct {
	text  string
	at    int
	quote byte

	simpleCommand
	outer []simpleCommand // those in which substitutions and subshells are open
}

// simpleCommand is a command as far as it was read.
type simpleCommand struct {
	words []string
	own   []byte // the word that has begun
	begun bool   // there is one, which may be empty
	opens bool   // the next word is the name of a file

	within byte // what opened the command: a backquote, "$" for "$(", "(", 0 for nothing
}

// step reads one character, one escape or one comment.
func (s *wordSplitter) step() {
	c, rest := s.text[s.at], s.text[s.at+1:]
	s.at++

	switch {
	// The order matters: what a quote mark or a backslash covers is nothing of what comes below.
	case s.quote != 0 && c == s.quote:
		s.quote = 0
	case c == '\\' && s.quote == 0 && s.within == '`' && strings.HasPrefix(rest, "`"):
		s.at++ // backquotes within backquotes
		s.simpleCommand = simpleCommand{within: s.within}
	case c == '\\' && s.quote != '\'' && rest != "":
		s.at++
		if rest[0] != '\n' {
			s.add(rest[0])
		}
	case s.quote != 0:
		s.add(c)
	case c == '\'' || c == '"':
		s.quote, s.begun = c, true
	// A comment begins only where a word could.
	case c == '#' && !s.begun:
		s.at += strings.IndexByte(rest+"\n", '\n')
	case c == ' ' || c == '\t':
		s.endWord()
	case c == '<' || c == '>':
		s.redirect(rest)
	case c == '`' && s.within == '`' || c == ')':
		s.leave()
	case c == '`':
		s.enter('`')
	case c == '(' && bytes.HasSuffix(s.own, []byte("$")):
		s.enter('$')
	case c == '(':
		s.enter('(')
	case strings.IndexByte(";|&\n", c) >= 0:
		s.simpleCommand = simpleCommand{within: s.within}
	default:
		s.add(c)
	}
}

func (s *wordSplitter) add(c byte) { s.own, s.begun = append(s.own, c), true }

func (s *wordSplitter) endWord() {
	if s.begun && !s.opens {
		s.words = append(s.words, string(s.own))
	}
	s.opens = s.opens && !s.begun
	s.own, s.begun = nil, false
}

// redirect reads an operator such as 2>&1: what follows is no argument.
func (s *wordSplitter) redirect(rest string) {
	// A number right before < or > is the descriptor, and no word.
	if strings.Trim(string(s.own), "0123456789") == "" {
		s.own, s.begun = nil, false
	}
	s.endWord()
	s.opens = true
	s.at += len(rest) - len(strings.TrimLeft(rest, "<>|&"))
}

// enter begins a command within a command.
func (s *wordSplitter) enter(by byte) {
	s.outer = append(s.outer, s.simpleCommand)
	s.simpleCommand = simpleCommand{within: by}
}

// leave ends one. The result of a substitution is part of a word; nothing else goes on behind ")".
func (s *wordSplitter) leave() {
	by := s.within
	outer := simpleCommand{}
	if n := len(s.outer); n > 0 {
		outer, s.outer = s.outer[n-1], s.outer[:n-1]
	}
	if by == '`' || by == '$' {
		s.simpleCommand = outer
		s.add('$')
		return
	}
	s.simpleCommand = simpleCommand{within: outer.within}
}
