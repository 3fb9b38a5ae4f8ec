package rcfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"fetchd/delivery/ownfile"
	"fetchd/tlsverify/hints"
)

// PermissionError says that others could read an rc file that holds a secret, or write any.
type PermissionError struct {
	Path string
	Mode fs.FileMode
	Msg  string // what is wrong
	Next string // the command that mends it, see Hint
}

// Error implements error.
func (e *PermissionError) Error() string { return hints.Text(e.Path+": "+e.Msg, e.Next) }

// Hint is the user's next step.
func (e *PermissionError) Hint() string { return e.Next }

// asPermission makes a *PermissionError of what package ownfile refuses.
func asPermission(err error) error {
	if unsafe, ok := errors.AsType[*ownfile.Error](err); ok {
		return &PermissionError{Path: unsafe.Path, Mode: unsafe.Mode, Msg: unsafe.Msg, Next: unsafe.Next}
	}
	return err
}

// checkWriters refuses a file that others could have written, or exchanged for another: they would say
// whose password goes where, and what is run. That holds for a file without secrets too. /dev/null always
// passes.
func checkWriters(f *os.File) error { return asPermission(ownfile.CheckWriters(f)) }

// checkReaders refuses a file that others can read, if c, which was read from it, holds a secret or runs a
// command; otherwise the complaint becomes one of c's warnings.
func checkReaders(f *os.File, c *Config) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("check the permissions of %s: %w", f.Name(), err)
	}
	if f.Name() == os.DevNull || info.Mode().Perm()&othersMay == 0 {
		return nil
	}

	msg := fmt.Sprintf("it must have no more than -rwx------ (0700) permissions, but has %04o",
		info.Mode().Perm())
	next := "run: chmod 600 " + f.Name()
	if !c.sensitive() {
		c.warnings = append(c.warnings, warning{err: &Error{Pos: Pos{File: f.Name()}, Msg: msg, Next: next}})
		return nil
	}

	return &PermissionError{Path: f.Name(), Mode: info.Mode(), Msg: msg, Next: next}
}

// othersMay are the bits that nobody but the owner may have; the group may search, as fetchmail lets it.
const othersMay fs.FileMode = 0o067

// mustBeFile refuses a pipe, a directory and a device, which have no text or no end; /dev/null is an empty
// file.
func mustBeFile(f *os.File) error {
	info, err := f.Stat()
	if err != nil || info.Mode().IsRegular() || f.Name() == os.DevNull {
		return err
	}
	return &PermissionError{Path: f.Name(), Mode: info.Mode(),
		Msg: "it must be a regular file", Next: "copy its text into one, or give it on standard " +
			"input with -f -"}
}

// HoldsSecret tells whether the file itself holds a password or a pass phrase, which Fprint prints.
func (c *Config) HoldsSecret() bool { return c.sets((*Keyword).secret) }

// sensitive tells whether c holds or names a secret, or runs a command.
func (c *Config) sensitive() bool { return c.sets((*Keyword).private) }

// sets tells whether anything is said for which is returns true: that gets a keyword and what is said for it.
func (c *Config) sets(is func(k *Keyword, slot any) bool) bool {
	for i := range globalWords {
		if k := &globalWords[i]; is(k, k.global(&c.Globals)) {
			return true
		}
	}
	return c.defaults.sets(is) || slices.ContainsFunc(c.Polls, func(p Poll) bool { return p.sets(is) })
}

func (p *Poll) sets(is func(k *Keyword, slot any) bool) bool {
	for i := range serverWords {
		if k := &serverWords[i]; is(k, k.server(p)) {
			return true
		}
	}

	for i := range p.Users {
		for j := range loginWords {
			if k := &loginWords[j]; is(k, k.user(&p.Users[i])) {
				return true
			}
		}
	}
	return false
}

func (k *Keyword) secret(slot any) bool {
	s, ok := slot.(*Opt[Secret])
	return ok && s.Set && !s.Value.IsZero()
}

func (k *Keyword) private(slot any) bool {
	switch s := slot.(type) {
	case *Opt[Secret]:
		return k.secret(slot)
	case *Opt[string]:
		return s.Set && (k.has(isCommand|namesSecret) || k.has(isDestination) && isSensitive(*s))
	case *Opt[int]:
		return k.has(namesSecret) && s.Set
	case *[]Opt[string]:
		return k.has(isDestination) && slices.ContainsFunc(*s, isSensitive)
	}
	return false
}

// isSensitive tells whether a destination runs a command or says where a secret is.
func isSensitive(destination Opt[string]) bool {
	kind, _ := kindOf(destination.Value)
	return kind.has(isCommand | namesSecret)
}
