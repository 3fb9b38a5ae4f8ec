// Package rcfile turns the text of an rc file, in fetchmail's grammar or in TOML, into a Config.
//
// It opens no connection and runs no command. The only files it reads are the rc file, what that includes,
// and .netrc. Where a password comes from is stored, not resolved. Load reads a file, Parse a text; Fprint
// writes a Config in either grammar and Dump as JSON. All of them are driven by one table of keywords, which
// Keywords returns.
package rcfile

import "fmt"

// Pos is a place in an rc file. Line and Col count from 1; Col counts bytes. The zero Pos means "not from a
// file" (a built-in default or the command line).
type Pos struct {
	File string
	Line int
	Col  int
}

// String gives FILE:LINE:COL, or "" for the zero Pos.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Opt is a value that a file may leave unsaid, with the place where it was said.
type Opt[T any] struct {
	Value T
	Set   bool
	Pos   Pos
	// Refused says why this program won't do what the value asks for; nil = it will. It goes where the value
	// goes: into the entries that inherit it, and away when something else is said.
	Refused *Error
}

// Or returns the value, or def where nothing was said.
func (o Opt[T]) Or(def T) T {
	if o.Set {
		return o.Value
	}
	return def
}

// Some is an Opt that says v, with no place.
func Some[T any](v T) Opt[T] { return Opt[T]{Value: v, Set: true} }

// Config is what an rc file says, defaults merged.
type Config struct {
	Globals Globals
	Polls   []Poll // in file order; "skip" entries included with Active false

	warnings []warning
	defaults Poll   // what AdHoc inherits; one user, or none without a defaults entry
	format   Format // see Format
}

// Format is the grammar that the file was in: Fetchmailrc or TOML, also where it was to be found out; Auto if
// none was read.
func (c *Config) Format() Format { return c.format }

// HasDefaults tells whether the file has defaults for servers that are named on the command line alone. They
// are merged into Polls, and Fprint does not write them.
func (c *Config) HasDefaults() bool { return len(c.defaults.Users) > 0 }
