package main

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/rcfile"
)

// add shows the entry, and puts it into the rc file if the user agrees.
func (w *wizard) add(entry rcfile.Poll) (bool, error) {
	text, err := w.print(entry)
	if err != nil {
		return false, err
	}
	if err := w.showEntry(entry); err != nil {
		return false, err
	}

	question, usual := "Write this into the new file "+w.path+"?", true
	if w.before != nil { // never in passing: it is somebody's file
		question, usual = "Add this to "+w.path+"?", false
	}
	agreed, err := w.agrees(question, usual)
	switch {
	case err != nil || !agreed:
		return false, err
	case w.before == nil:
		return true, createPrivate(w.path, text)
	}
	return true, w.append(entry, text)
}

// format is the grammar of the rc file, or of a new one of that name.
func (w *wizard) format() rcfile.Format {
	if w.before != nil && len(w.before.Polls) > 0 {
		return w.before.Format()
	}
	if w.c.Format() == rcfile.TOML || filepath.Ext(w.path) == ".toml" {
		return rcfile.TOML
	}
	return rcfile.Fetchmailrc
}

// print is the entry as it stands in the rc file.
func (w *wizard) print(entry rcfile.Poll) ([]byte, error) {
	var text bytes.Buffer
	alone := &rcfile.Config{Polls: []rcfile.Poll{entry}}
	if err := rcfile.Fprint(&text, alone, w.format()); err != nil {
		return nil, err
	}
	// Read again: an answer may hold what an rc file can't.
	got, err := rcfile.Parse(w.path, text.Bytes(), w.format())
	if err != nil || !rcfile.Equal(alone, got) {
		return nil, errors.New("these answers can't stand in an rc file: one may hold a control character")
	}
	return text.Bytes(), nil
}

// showEntry prints the entry without its secrets.
func (w *wizard) showEntry(entry rcfile.Poll) error {
	entry.Users = slices.Clone(entry.Users)
	for _, secret := range []*rcfile.Opt[rcfile.Secret]{
		&entry.Users[0].Password, &entry.Users[0].OAuthSecret,
	} {
		if secret.Set {
			*secret = rcfile.Some(rcfile.NewSecret("***"))
		}
	}
	text, err := w.print(entry)
	for line := range strings.Lines(strings.TrimSpace(string(text))) {
		line = strings.ReplaceAll(strings.TrimRight(line, "\n"), "\t", "    ")
		fmt.Fprintln(w.p.stdout, "   ", logging.Escape(line))
	}
	return err
}

// append adds the entry at the end of the file.
func (w *wizard) append(entry rcfile.Poll, text []byte) error {
	return rcEdit{
		path: w.path, loader: w.loader(), private: true,
		byHand: "add the lines above by hand, and the password",
		text: func(old []byte) []byte {
			if len(old) > 0 && old[len(old)-1] != '\n' {
				old = append(old, '\n')
			}
			return append(old, text...)
		},
		meaning: func(cfg *rcfile.Config) { cfg.Polls = append(cfg.Polls, entry) },
	}.apply()
}
