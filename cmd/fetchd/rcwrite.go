package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"fetchd/rcfile"
)

// pinEdit is one account that is to get a pin: the place after which its entry has ended, zero = the file's end.
type pinEdit struct {
	poll, user int
	end        rcfile.Pos
	add        pinLine
}

// pinLine is what an account gets: a pin, and with alone also that nothing else vouches for the server.
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

// nextPlace is where the user or poll after the given user begins.
func nextPlace(cfg *rcfile.Config, poll, user int) rcfile.Pos {
	switch {
	case user+1 < len(cfg.Polls[poll].Users):
		return cfg.Polls[poll].Users[user+1].Pos
	case poll+1 < len(cfg.Polls):
		return cfg.Polls[poll+1].Pos
	}
	return rcfile.Pos{}
}

// insertPin adds their lines to the accounts, at the end of each one's entry, and replaces the file. It does so only if the
// new text, read again, says what the old one said and the pins; otherwise the file stays as it is.
func insertPin(loader rcfile.Loader, path string, edits []pinEdit) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	old, err := os.ReadFile(real)
	if err != nil {
		return err
	}
	info, err := os.Stat(real)
	if err != nil {
		return err
	}
	toml, insert := loader.Format == rcfile.TOML || loader.Format == rcfile.Auto && filepath.Ext(real) == ".toml", insertBefore
	if toml {
		insert = insertBeforeTable
	}
	text := slices.Clone(old)
	for _, e := range slices.Backward(edits) { // from the end, so that places before stay right
		text = insert(text, e.end, e.add.text(toml))
	}
	return replaceFile(loader, real, info.Mode().Perm(), text, edits)
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
	for _, head := range []string{"poll", "server", "skip"} { // the place is that of the name behind it
		before = bytes.TrimSuffix(before, []byte(head))
	}
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

func replaceFile(loader rcfile.Loader, path string, mode os.FileMode, text []byte, edits []pinEdit) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".fetchd-*"+filepath.Ext(path)) // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = samePlusPin(loader, path, f.Name(), edits)
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// samePlusPin tells whether the file fresh says what the file old says, with the pins added.
func samePlusPin(loader rcfile.Loader, old, fresh string, edits []pinEdit) error {
	want, err := loader.Load(old)
	if err != nil {
		return err
	}
	for _, e := range edits {
		u := &want.Polls[e.poll].Users[e.user]
		u.SSLPins = append(slices.Clone(u.SSLPins), rcfile.Some(e.add.pin))
		if e.add.alone {
			u.SSLCertCk = rcfile.Some(false)
		}
	}
	got, err := loader.Load(fresh)
	if err != nil || !rcfile.Equal(want, got) {
		return errors.New("the file has a form that can't be edited safely; add the line above by hand")
	}
	return nil
}
