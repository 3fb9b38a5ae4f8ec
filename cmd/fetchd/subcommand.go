package main

import (
	"context"

	"fetchd/cmd/fetchd/internal/exit"
)

// subcommand is a word that stands before the options and makes the program do something else than poll.
type subcommand struct {
	name    string
	args    string // for --help
	summary string
	options []option // its own; one without a set function lands in commandLine.own
	run     func(ctx context.Context, p *program, c *commandLine) exit.Status
}

// subcommands is the table of them. It is empty for a program called by the name "fetchmail", so that old scripts with
// a server of such a name go on working.
func subcommands() []subcommand {
	return []subcommand{checkTLSCommand(), checkConfigCommand(), convertCommand(), pinCommand(), completionCommand()}
}
