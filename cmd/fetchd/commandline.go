package main

import "fetchd/rcfile"

type optString = rcfile.Opt[string]

// mode is what the command line asks for.
type mode int

const (
	modePoll mode = iota
	modeHelp
	modeVersion
	modeDump
)

// commandLine is what the arguments say.
type commandLine struct {
	mode    mode
	command *subcommand // nil = none
	servers []string    // or the arguments of the subcommand

	check, nodetach, quit, silent, nomailOK, showSecrets bool

	quitLast  bool // --quit was the last option
	verbose   int
	rcfile    optString
	rcformat  optString
	logFormat optString
	said      rcfile.Said // what overrides the rc file

	own      map[string]string // options of the subcommand, by long name; a flag has the value ""
	warnings []string
	given    []string // long names of all options, in order
}

// has tells whether the subcommand's option was given.
func (c *commandLine) has(name string) bool {
	_, ok := c.own[name]
	return ok
}
