package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"fetchd/rcfile"
	"fetchd/tlsverify/hints"
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

// insertPin adds the lines of edits, each at the end of its account's entry, and replaces the file. It does
// so only if the new text means the same as the old one plus the pins; otherwise the file stays as it is.
func insertPin(loader rcfile.Loader, path string, edits []pinEdit) error {
	// A link stays a link: people keep their files in a repository and link to them.
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

	toml, insert := loader.Format == rcfile.TOML || loader.Format == rcfile.Auto &&
		filepath.Ext(real) == ".toml", insertBefore
	if toml {
		insert = insertBeforeTable
	}

	text := slices.Clone(old)
	for _, e := range slices.Backward(edits) { // from the end, so that earlier positions stay valid
		text = insert(text, e.end, e.add.text(toml))
	}

	// Text is edited where grammar would be needed, so the proof comes afterwards, before anything is
	// replaced.
	return replaceFile(real, info.Mode().Perm(), text, func(fresh string) error {
		return samePlusPin(loader, real, fresh, edits)
	})
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

// replaceFile writes text beside the file and renames it if the function accepts what it has written, so that
// a crash leaves either the old file or the new one.
func replaceFile(path string, mode os.FileMode, text []byte, accept func(fresh string) error) error {
	// In the same directory, as a rename works only within a file system; with the same ending, which decides
	// the grammar.
	f, err := os.CreateTemp(filepath.Dir(path), ".fetchd-*"+filepath.Ext(path)) // 0600
	if err != nil {
		return err
	}

	_, err = f.Write(text)
	// Synced before the rename: otherwise a crash could leave the new name with no contents.
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = accept(f.Name())
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}

	return nil
}

// samePlusPin returns an error unless the file fresh means the same as the file old with the pins added.
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
		return hints.Errorf("add the line above by hand", "the file has a form that can't be edited safely")
	}

	return nil
}
