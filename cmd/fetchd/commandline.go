package main

import "fetchd/rcfile"

type (
	optString = rcfile.Opt[string]
	optBool   = rcfile.Opt[bool]
	optInt    = rcfile.Opt[int]
)

// mode is what the command line asks for.
type mode int

const (
	modePoll mode = iota
	modeHelp
	modeVersion
	modeDump
)

// commandLine is what the arguments say. What overrides the rc file stands in globals, poll and user, where only the
// values that were said are Set.
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
	globals   rcfile.Globals
	poll      rcfile.Poll
	user      rcfile.User

	own      map[string]string // options of the subcommand, by long name; a flag has the value ""
	warnings []string
	given    []string // long names of all options, in order
	parsing  string   // long name of the option that is being parsed
}

// has tells whether the subcommand's option was given.
func (c *commandLine) has(name string) bool {
	_, ok := c.own[name]
	return ok
}
