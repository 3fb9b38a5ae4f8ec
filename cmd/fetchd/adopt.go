package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fetchd/cmd/fetchd/internal/cli"
	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/fetch"
)

func adoptCommand() cli.Subcommand {
	return cli.Subcommand{
		Name: "adopt", Args: "[--refetch] ACCOUNT",
		Summary: "Lets what is in an account's mailboxes now count as delivered, if these are stopped " +
			"because nobody knows what is new in them. A running daemon goes on at once. " +
			"The status is 0, or 1 if none is stopped.",
		Options: []cli.Option{{Long: "refetch", Help: "retrieve it all again instead"}},
	}
}

func runAdopt(ctx context.Context, p *program, c *cli.CommandLine) exit.Status {
	if len(c.Servers) != 1 {
		return p.usage(errors.New("adopt takes an account"))
	}

	at, cfg, j, st := p.openJournal(ctx, c)
	if j == nil {
		return st
	}
	defer j.Close()

	decision := fetch.Adopt
	if c.Has("refetch") {
		decision = fetch.Refetch
	}

	known, found := false, 0
	resolver := p.newService(c, at, logging.NewWarnings(p.stderr), false).resolver
	err := eachNamed(resolver, cfg, c.Servers, func(name, key string) error {
		known = true
		stopped, err := fetch.StoppedMailboxes(ctx, j, key)
		if err != nil || len(stopped) == 0 {
			return err
		}
		found += len(stopped)
		p.showDecision(name, decision, stopped)
		return fetch.DecideStopped(ctx, j, key, decision, time.Now())
	})

	switch {
	case err != nil:
		return p.fail(exit.IO, err)
	case !known:
		return p.fail(exit.Syntax, p.unknownAccount(c.Servers[0]))
	case found == 0:
		fmt.Fprintln(p.stdout, "No mailbox of it is stopped.")
		return exit.NoMail
	}
	return p.wakeFor("goes on", cfg.Globals.Pidfile.Or(at.pidfile))
}

func (p *program) showDecision(name string, decision fetch.Decision, stopped []fetch.Stopped) {
	what := "counts as delivered, and stays there"
	if decision == fetch.Refetch {
		what = "is retrieved again"
	}
	for _, s := range stopped {
		where := ""
		if s.Mailbox != "" {
			where = fmt.Sprintf(" in %q", s.Mailbox)
		}
		line := fmt.Sprintf("%s: what is%s on the server %s", name, where, what)
		fmt.Fprintln(p.stdout, logging.Escape(line))
	}
}
