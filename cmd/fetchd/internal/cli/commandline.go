// Package cli is the command line: its options, which are fetchmail's and some of our own, parsing, help and
// completion.
package cli

import "fetchd/rcfile"

type optString = rcfile.Opt[string]

// Mode is what the command line asks for.
type Mode int

// The modes.
const (
	ModePoll Mode = iota
	ModeHelp
	ModeVersion
	ModeDump
)

// CommandLine is the parsed command line.
type CommandLine struct {
	Mode    Mode
	Command *Subcommand // nil = none
	Servers []string    // or the arguments of the subcommand
	Meant   string      // the subcommand that the first of Servers is probably a misspelling of; "" = none

	Check, Nodetach, Quit, Silent, NomailOK, StrictExit, ShowSecrets, Yes bool

	QuitLast  bool // --quit was the last option
	Verbose   int
	Rcfile    optString
	Rcformat  optString
	LogFormat optString
	Said      rcfile.Said // what overrides the rc file

	Own      map[string]string // options of the subcommand, by long name; a flag has the value ""
	Warnings []string
	Given    []string // long names of all options, in order
}

// Has tells whether the subcommand's option was given.
func (c *CommandLine) Has(name string) bool {
	_, ok := c.Own[name]
	return ok
}

// Format is what --rcformat says.
func (c *CommandLine) Format() rcfile.Format {
	switch c.Rcformat.Value {
	case "toml":
		return rcfile.TOML
	case "fetchmailrc":
		return rcfile.Fetchmailrc
	}
	return rcfile.Auto
}
