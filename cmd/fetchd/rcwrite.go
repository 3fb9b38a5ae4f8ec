package main

import (
	"bytes"
	"fmt"
	"slices"

	"fetchd/rcfile"
)

// pinEdit adds a pin to one account. end is where the next entry begins; zero = the end of the file.
type pinEdit struct {
	poll, user int
	end        rcfile.Pos
	add        pinLine
}

// pinLine is what an account gets: a pin, and with alone also "no sslcertck", so that nothing else vouches
// for the server.
type pinLine struct {
	pin   string
	alone bool
}

func (l pinLine) words() string {
	if l.alone {
		return fmt.Sprintf("no sslcertck and sslpin %q", l.pin)
	}
	return fmt.Sprintf("sslpin %q", l.pin)
}

func (l pinLine) text(toml bool) string {
	check, pin := "    no sslcertck\n", "    sslpin %q\n"
	if toml {
		check, pin = "sslcertck = false\n", "sslpin = [%q]\n"
	}
	if !l.alone {
		check = ""
	}
	return check + fmt.Sprintf(pin, l.pin)
}

// nextPlace is where the entry after the given user begins.
func nextPlace(cfg *rcfile.Config, poll, user int) rcfile.Pos {
	switch {
	case user+1 < len(cfg.Polls[poll].Users):
		return cfg.Polls[poll].Users[user+1].Pos
	case poll+1 < len(cfg.Polls):
		return cfg.Polls[poll+1].Pos
	}
	return rcfile.Pos{}
}

// insertPin adds the lines of edits, each at the end of its account's entry. cfg is what the file says.
func insertPin(loader rcfile.Loader, path string, cfg *rcfile.Config, edits []pinEdit) error {
	toml, insert := cfg.Format() == rcfile.TOML, insertBefore
	if toml {
		insert = insertBeforeTable
	}

	return rcEdit{
		path: path, loader: loader, byHand: "add the line above by hand",
		text: func(text []byte) []byte {
			for _, e := range slices.Backward(edits) { // from the end, so that earlier positions stay valid
				text = insert(text, e.end, e.add.text(toml))
			}
			return text
		},
		meaning: func(cfg *rcfile.Config) {
			for _, e := range edits {
				u := &cfg.Polls[e.poll].Users[e.user]
				u.SSLPins = append(slices.Clone(u.SSLPins), rcfile.Some(e.add.pin))
				if e.add.alone {
					u.SSLCertCk = rcfile.Some(false)
				}
			}
		},
	}.apply()
}

// insertBefore puts line into text on a line of its own before the entry that begins at place, or at the end.
func insertBefore(text []byte, place rcfile.Pos, line string) []byte {
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, '\n')
	}
	if place.Line == 0 {
		return append(text, line...)
	}

	start := 0
	for range place.Line - 1 {
		start += bytes.IndexByte(text[start:], '\n') + 1
	}

	before := bytes.TrimRight(text[start:start+place.Col-1], " \t")
	// the position is that of the name after this word
	for _, head := range []string{"poll", "server", "skip"} {
		before = bytes.TrimSuffix(before, []byte(head))
	}

	// Several entries share the line, so it is broken before the later one.
	if len(bytes.TrimSpace(before)) > 0 {
		return slices.Insert(text, start+len(before), []byte("\n"+line)...)
	}

	return slices.Insert(text, start, []byte(line)...)
}

// insertBeforeTable is insertBefore for TOML, where the entry begins with the table's header.
func insertBeforeTable(text []byte, place rcfile.Pos, line string) []byte {
	lines := bytes.SplitAfter(text, []byte("\n"))
	for place.Line > 1 && !bytes.HasPrefix(bytes.TrimSpace(lines[place.Line-1]), []byte("[")) {
		place.Line--
	}
	place.Col = 1
	return insertBefore(text, place, line)
}
