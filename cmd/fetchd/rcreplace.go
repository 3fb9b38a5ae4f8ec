package main

import (
	"errors"
	"os"
	"path/filepath"

	"fetchd/rcfile"
	"fetchd/tlsverify/hints"
)

// rcEdit is a change of an rc file's text.
type rcEdit struct {
	path    string
	loader  rcfile.Loader
	private bool                     // the new text holds a password: nobody else may read it
	text    func(old []byte) []byte  // makes the new text
	meaning func(cfg *rcfile.Config) // makes what the new text has to mean of what the old one does
	byHand  string                   // what the user can do if that fails
}

// apply replaces the file if the new text means what it should; otherwise the file stays as it is. Text is
// edited where grammar would be needed, so the proof comes afterwards.
func (e rcEdit) apply() error {
	// A link stays a link: people keep their files in a repository and link to them.
	real, err := filepath.EvalSymlinks(e.path)
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

	mode := info.Mode().Perm()
	if e.private {
		mode &= 0o600
	}
	return replaceFile(real, filepath.Ext(e.path), mode, e.text(old), e.check)
}

// check returns an error unless the file fresh means what the edit is for.
func (e rcEdit) check(fresh string) error {
	// The new file is beside the one that a link leads to: relative paths are to mean the same after all.
	e.loader.AsWritten = true
	want, err := e.loader.Load(e.path)
	if err != nil {
		return err
	}
	e.meaning(want)

	got, err := e.loader.Load(fresh)
	if err != nil || !rcfile.Equal(want, got) {
		return hints.Errorf(e.byHand, "%s has a form that can't be edited safely", e.path)
	}
	return nil
}

// replaceFile writes text beside the file and renames it if the function accepts what it has written, so that
// a crash leaves either the old file or the new one. While it is looked at, its name ends in ending, which
// decides the grammar.
func replaceFile(path, ending string, mode os.FileMode, text []byte, accept func(fresh string) error) error {
	// In the same directory, as a rename works only within a file system.
	f, err := os.CreateTemp(filepath.Dir(path), ".fetchd-*"+ending) // 0600
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
