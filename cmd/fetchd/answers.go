package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/tlsverify/hints"
)

// errNoAnswer: the input ended before a question was answered.
var errNoAnswer = errors.New("the input ended before all was answered; nothing else is done")

// maxAnswer bounds an answer, so that a stream without lines fills no memory.
const maxAnswer = 4 << 10

// dialogue asks the user, on a terminal or through a pipe with an answer in each line.
type dialogue struct {
	p  *program
	in *bufio.Reader
}

func (p *program) newDialogue() *dialogue {
	return &dialogue{p: p, in: bufio.NewReaderSize(p.stdin, maxAnswer)}
}

// ask returns the answer to a question, which is usual if it is empty.
func (d *dialogue) ask(question, usual string) (string, error) {
	if usual != "" {
		question += " [" + usual + "]"
	}
	fmt.Fprint(d.p.stdout, logging.Escape(question)+": ")
	line, err := d.line()
	if line = strings.TrimSpace(line); line == "" {
		line = usual
	}
	return line, err
}

// agrees asks a question of which the answer is yes or no, or usual if it is empty.
func (d *dialogue) agrees(question string, usual bool) (bool, error) {
	choice := " [y/N] "
	if usual {
		choice = " [Y/n] "
	}
	fmt.Fprint(d.p.stdout, logging.Escape(question)+choice)
	line, err := d.line()
	switch answer := strings.ToLower(strings.TrimSpace(line)); {
	case err != nil:
		return false, err
	case answer == "":
		return usual, nil
	default:
		return answer == "y" || answer == "yes", nil
	}
}

// secret asks for what is not shown while it is typed.
func (d *dialogue) secret(question string) (string, error) {
	if isTerminal(d.p.stdin) {
		return d.p.prompt(question + ": ")
	}
	fmt.Fprint(d.p.stdout, logging.Escape(question)+": ")
	return d.line()
}

func (d *dialogue) line() (string, error) {
	text, err := d.in.ReadSlice('\n')
	if !isTerminal(d.p.stdin) {
		fmt.Fprintln(d.p.stdout) // as the end of the line that a user would have typed
	}
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", hints.Errorf("one answer stands in each line",
			"an answer has more than %d bytes", maxAnswer)
	case errors.Is(err, io.EOF) && len(text) == 0:
		return "", errNoAnswer
	case err != nil && !errors.Is(err, io.EOF):
		return "", err
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}
