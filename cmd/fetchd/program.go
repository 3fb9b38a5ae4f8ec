package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"fetchd/cmd/fetchd/internal/cli"
	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/tlsverify/hints"
)

// program is one run of the program: its streams and what it takes from the process around it.
type program struct {
	name           string // as it was called: fetchd or fetchmail
	subcommand     string // "" = it polls
	args           []string
	stdin          io.Reader
	stdout, stderr io.Writer
	env            func(string) string
	uid            int
	surroundings
	journalStream string  // see logging.IsJournal
	signals       signals // none is caught before signals.catch

	detached  *detached         // nil = in the foreground
	collected map[string]string // passwords obtained at the start, by account or keyPassID; nil = not yet
	rctext    io.Reader         // the rc file as read from standard input, for the daemon; nil = it is a file
	rcfiles   *rcFiles          // of the last configuration
}

// run runs the subcommand that the arguments name, or else polls.
func (p *program) run(ctx context.Context) exit.Status {
	subs := subcommands()
	// A server may be called "status" or "login", and old scripts must go on working.
	if p.name == "fetchmail" {
		subs = nil
	}

	c, err := cli.Parse(p.args, subs)
	switch {
	case err != nil:
		return p.usage(err)
	case c.Mode == cli.ModeHelp && c.Command != nil:
		cli.PrintSubcommandHelp(p.stdout, p.name, c.Command)
		return exit.Mail
	case c.Mode == cli.ModeHelp:
		cli.PrintHelp(p.stdout, p.name, subs)
		return exit.Mail
	case c.Command == nil:
		return p.poll(ctx, c)
	}

	p.subcommand = c.Command.Name
	all := commands()
	i := slices.IndexFunc(all, func(known command) bool { return known.Name == c.Command.Name })
	return all[i].run(ctx, p, c)
}

// usage reports a mistake on the command line.
func (p *program) usage(err error) exit.Status {
	p.fail(exit.Syntax, err)
	fmt.Fprintf(p.stderr, "Try \"%s --help\".\n", strings.TrimSpace(p.name+" "+p.subcommand))
	return exit.Syntax
}

// fail prints err on the error output, each hint on a line of its own, and returns s.
func (p *program) fail(s exit.Status, err error) exit.Status {
	before := p.name + ": "
	if logging.IsJournal(p.stderr, p.journalStream) {
		before = logging.JournalPrefix(slog.LevelError)
	}
	for _, l := range hints.Lines(err) {
		fmt.Fprintf(p.stderr, "%s%s\n", before, logging.Escape(l.Problem))
		if l.Hint != "" {
			fmt.Fprintf(p.stderr, "%shint: %s\n", before, logging.Escape(l.Hint))
		}
	}
	return s
}
