package delivery

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fetchd/tlsverify/hints"
)

// agentCommand is the parsed command of the rc file.
type agentCommand struct {
	text   string
	pieces []commandPiece
	plain  []string // its words, if it means the same without a shell
	uses   bool     // any %T, %F or %s
	names  bool     // any %T or %s
}

// commandPiece is shell text, or a place for a value.
type commandPiece struct {
	text   string
	value  byte // 'T', 'F', or 0 for text
	quoted bool // the place is in double quotes
}

var (
	errNoCommand = hints.Errorf("name a delivery agent, as in mda \"procmail -d %T\"",
		"the command is empty")
	errHereDocument = hints.Errorf("put the command into a script and pass them to it",
		"%%T, %%F or %%s after \"<<\"")
)

// parseAgentCommand finds the places for values, and whether they are quoted for the shell.
func parseAgentCommand(text string) (*agentCommand, error) {
	if strings.TrimSpace(text) == "" {
		return nil, errNoCommand
	}
	if i := strings.IndexByte(text, 0); i >= 0 {
		return nil, hints.Errorf("remove it", "NUL at byte %d", i)
	}

	s := commandScanner{text: text}
	for s.at < len(text) {
		if err := s.step(); err != nil {
			return nil, err
		}
	}

	s.flush(len(text))
	return &agentCommand{
		text: text, pieces: s.pieces, plain: plainWords(text), uses: s.uses, names: s.names,
	}, nil
}

// commandScanner keeps track of the quotes in a shell command.
type commandScanner struct {
	text   string
	at     int // the next byte
	from   int // start of the text not yet in pieces
	quote  byte
	opened int  // where the quote is
	here   bool // after "<<"
	uses   bool
	names  bool
	pieces []commandPiece
}

func (s *commandScanner) flush(to int) {
	if s.from < to {
		s.pieces = append(s.pieces, commandPiece{text: s.text[s.from:to]})
	}
}

// step reads one byte, one escape, one comment or one place for a value.
func (s *commandScanner) step() error {
	c, rest := s.text[s.at], s.text[s.at+1:]

	switch {
	case c == '%' && rest != "" && strings.IndexByte("TFs", rest[0]) >= 0:
		return s.place(rest[0])
	// What follows a backslash means itself, except in single quotes, where the backslash does.
	case c == '\\' && s.quote != '\'' && rest != "":
		s.at++
	case s.quote == 0 && c == '#' && (s.at == 0 || strings.IndexByte(" \t\n;&|(", s.text[s.at-1]) >= 0):
		if i := strings.IndexByte(rest, '\n'); i >= 0 {
			s.at += i
		} else {
			s.at = len(s.text) - 1
		}
	case s.quote == 0 && (c == '\'' || c == '"'):
		s.quote, s.opened = c, s.at
	case s.quote == c:
		s.quote = 0
	case s.quote == 0 && c == '<' && strings.HasPrefix(rest, "<"):
		s.here = true
	}

	s.at++
	return nil
}

// place takes a place for a value.
func (s *commandScanner) place(letter byte) error {
	switch {
	case s.quote == '\'':
		return hints.Errorf("remove the quotes: fetchd quotes the value itself",
			"%%%c in single quotes", letter)
	case s.here:
		return errHereDocument
	case s.quote == '"' && !s.fillsQuotes():
		// Such a text is often a command for a second shell, which would parse the value too.
		hint := fmt.Sprintf("close them before it, as in \"-f\"%%%c;"+
			" a shell within them takes it as an argument: sh -c 'agent \"$1\"' sh %%%[1]c", letter)
		return hints.Errorf(hint, "%%%c in double quotes with other text", letter)
	}

	before := s.text[:s.at]
	if s.quote == '"' {
		before = before[:s.opened]
	}
	if err := checkPlace(before, letter); err != nil {
		return err
	}

	s.flush(s.at)
	if letter == 's' {
		letter = 'T'
	}

	s.pieces = append(s.pieces, commandPiece{value: letter, quoted: s.quote == '"'})
	s.uses, s.names = true, s.names || letter == 'T'
	s.at += 2
	s.from = s.at
	return nil
}

// fillsQuotes tells whether its double quotes contain nothing but the place.
func (s *commandScanner) fillsQuotes() bool {
	return s.opened == s.at-1 && strings.HasPrefix(s.text[s.at+2:], `"`)
}

// shellWords returns the arguments of a shell that runs the command for m. The values are arguments too:
// the first line puts them into variables, and the command uses these. So the shell never parses a value.
func (c *agentCommand) shellWords(m *Message) []string {
	// The last one is $0; the values are $1 and so on.
	words := []string{"sh", "-c", c.text, "sh"}
	if !c.uses {
		return words[:3]
	}

	var script strings.Builder
	script.WriteString("fetchd_F=$1")
	words = append(words, agentSender(m))
	for i, r := range m.Recipients {
		fmt.Fprintf(&script, " fetchd_T%d=${%d}", i, i+2)
		words = append(words, agentArgument(r))
	}

	fmt.Fprintf(&script, "; shift %d\n", len(words)-4)

	for _, p := range c.pieces {
		p.write(&script, len(m.Recipients))
	}

	words[2] = script.String()
	return words
}

func (p commandPiece) write(script *strings.Builder, recipients int) {
	quote := `"`
	if p.quoted {
		quote = ""
	}

	switch p.value {
	case 0:
		script.WriteString(p.text)
	case 'F':
		script.WriteString(quote + "${fetchd_F}" + quote)
	case 'T':
		for i := range recipients {
			if i > 0 {
				script.WriteByte(' ')
			}
			script.WriteString(quote + "${fetchd_T" + strconv.Itoa(i) + "}" + quote)
		}
	}
}

// words returns the words that the shell would make of the command for m, or nil if only the shell can
// tell.
func (c *agentCommand) words(m *Message) []string {
	if c.plain == nil {
		return nil
	}

	words := make([]string, 0, len(c.plain)+len(m.Recipients))
	for _, w := range c.plain {
		switch w {
		case "%T", "%s":
			for _, r := range m.Recipients {
				words = append(words, agentArgument(r))
			}
		case "%F":
			words = append(words, agentSender(m))
		default:
			words = append(words, w)
		}
	}

	return words
}

// plainWords splits a command that needs no shell; for any other it returns nil.
func plainWords(text string) []string {
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\t' })
	for i, w := range words {
		place := w == "%T" || w == "%F" || w == "%s"
		// A value as the command, an assignment, or a word that only a shell understands.
		if i == 0 && (place || strings.Contains(w, "=") || slices.Contains(shellNames, w)) {
			return nil
		}
		if !place && !plainWord(w) {
			return nil
		}
	}
	return words
}

func plainWord(w string) bool {
	for i := range len(w) {
		switch c := w[i]; {
		case isAlnum(c), strings.IndexByte("_./:@,+-=", c) >= 0:
		case c == '%' && !strings.HasPrefix(w[i+1:], "T") && !strings.HasPrefix(w[i+1:], "F") &&
			!strings.HasPrefix(w[i+1:], "s"):
		default:
			return false
		}
	}
	return true
}

// shellNames are the words that a shell itself executes: dash, bash, ksh and the BSDs' sh.
var shellNames = strings.Fields(`
	. : alias autoload bg bind bindkey break builtin caller case cd chdir command compgen complete
	compopt continue coproc declare dirs disown do done echo elif else enable esac eval exec exit
	export false fc fg fi for foreach function functions getopts hash help history if in inlib integer
	jobid jobs kill let local logout mapfile nohup popd print printf pushd pwd read readarray readonly
	return rehash select set setvar shift shopt source stop suspend test then time times trap true type
	typeset ulimit umask unalias unset until wait whence which while wordexp`)
