package main

import (
	"context"
	"errors"
	"fmt"

	"fetchd/cmd/fetchd/internal/account"
	"fetchd/cmd/fetchd/internal/cli"
	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/cmd/fetchd/internal/process"
	"fetchd/fetch"
	"fetchd/fetch/journal"
	"fetchd/rcfile"
	"fetchd/tlsverify/hints"

	"golang.org/x/sys/unix"
)

func retryCommand() cli.Subcommand {
	return cli.Subcommand{
		Name: "retry", Args: "[--list] [ACCOUNT [MESSAGE]]",
		Summary: "Has messages tried again that were set aside because they were refused, or can't be had: " +
			"all, those of an account, or one. A running daemon does so at once. " +
			"The status is 0, or 1 if no message is set aside.",
		Options: []cli.Option{{Long: "list", Help: "only show them"}},
	}
}

func runRetry(ctx context.Context, p *program, c *cli.CommandLine) exit.Status {
	const most = 2
	if len(c.Servers) > most {
		return p.usage(errors.New("retry takes an account and a message"))
	}

	at, cfg, j, st := p.openJournal(ctx, c)
	if j == nil {
		return st
	}
	defer j.Close()

	r := &retrial{p: p, journal: j, only: c.Has("list")}
	r.resolver = p.newService(c, at, logging.NewWarnings(p.stderr), false).resolver
	// A daemon is woken only if there is something to do for it.
	if st, err := r.run(ctx, cfg, c.Servers); err != nil || r.found == 0 || r.only {
		if err != nil {
			return p.fail(st, err)
		}
		return st
	}
	return p.wakeFor("tries it", cfg.Globals.Pidfile.Or(at.pidfile))
}

// openJournal opens the journal of the accounts in the rc file. Without one it has said why.
func (p *program) openJournal(ctx context.Context, c *cli.CommandLine) (
	*places, *rcfile.Config, *journal.Journal, exit.Status,
) {
	at, err := p.places()
	if err != nil {
		return nil, nil, nil, p.fail(exit.Internal, err)
	}
	cfg, err := p.rcConfiguration(c, at)
	if err != nil {
		return nil, nil, nil, p.failConfig(err)
	}

	// Root looks here in vain for what is set aside, or stopped, in the system's service.
	if len(cfg.Polls) == 0 {
		return nil, nil, nil, p.fail(exit.Syntax, hints.Errorf(
			"-f names the rc file; of the system's service: "+p.name+" help service",
			"%s has no accounts", c.Rcfile.Or(at.rcfile)))
	}

	j, err := at.openJournal(ctx, cfg)
	if err != nil {
		return nil, nil, nil, p.fail(exit.IO, err)
	}
	return at, cfg, j, exit.Mail
}

// retrial goes through the accounts and has their messages tried again.
type retrial struct {
	p        *program
	journal  *journal.Journal
	resolver *account.Resolver
	only     bool // list them
	known    bool // the account that was named exists
	found    int
}

// run does so for the account and the message that the words name; without any, for all.
func (r *retrial) run(ctx context.Context, cfg *rcfile.Config, words []string) (exit.Status, error) {
	err := eachNamed(r.resolver, cfg, words, func(name, key string) error {
		r.known = true
		return r.account(ctx, name, key, words)
	})
	if err != nil {
		return exit.IO, err
	}

	switch {
	case !r.known && len(words) > 0:
		return exit.Syntax, r.p.unknownAccount(words[0])
	case r.found == 0 && len(words) > 1:
		return exit.Syntax, hints.Errorf(
			fmt.Sprintf("%s retry --list %s lists those that are", r.p.name, words[0]),
			"message %.100q of %s is not set aside", words[1], words[0])
	case r.found == 0:
		fmt.Fprintln(r.p.stdout, "No message is set aside: each pass tries what was not delivered before.")
		return exit.NoMail, nil
	}
	return exit.Mail, nil
}

// eachNamed calls do with the name and the key of each account that the first of words names; without any,
// of all accounts.
func eachNamed(
	r *account.Resolver, cfg *rcfile.Config, words []string, do func(name, key string) error,
) error {
	for i := range cfg.Polls {
		for k := range cfg.Polls[i].Users {
			poll, u := &cfg.Polls[i], &cfg.Polls[i].Users[k]
			name := r.Name(poll, u)
			if len(words) > 0 && words[0] != name && words[0] != poll.Name {
				continue
			}
			key, err := r.Key(poll, u)
			if err == nil {
				err = do(name, key)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *program) unknownAccount(name string) error {
	return hints.Errorf(p.name+" check-config lists the accounts", "no account is called %.100q", name)
}

// account does so for one account.
func (r *retrial) account(ctx context.Context, name, key string, words []string) error {
	all, err := fetch.WaitingMessages(ctx, r.journal, key)
	if err != nil {
		return err
	}

	var these []fetch.Waiting
	for _, w := range all {
		if len(words) < 2 || w.UID == words[1] {
			these = append(these, w)
			r.print(name, w)
		}
	}
	r.found += len(these)
	if r.only || len(these) == 0 {
		return nil
	}
	return fetch.RequestRetry(ctx, r.journal, key, these)
}

func (r *retrial) print(name string, w fetch.Waiting) {
	where := ""
	if w.Mailbox != "" {
		where = fmt.Sprintf(" in %q", w.Mailbox)
	}
	verb := "is to be tried again"
	if r.only {
		verb = "is set aside"
	}
	line := fmt.Sprintf("%s: message %s%s %s; last tried %s", name, w.UID, where, verb,
		w.Last.Local().Format("2006-01-02 15:04:05"))
	fmt.Fprintln(r.p.stdout, logging.Escape(line))
}

// wakeFor wakes the daemon, if there is one, to do what was asked for in the journal. The next pass does it
// of its own accord.
func (p *program) wakeFor(does, lock string) exit.Status {
	holder, err := process.LockHolder(lock)
	if err != nil {
		return p.fail(exit.IO, err)
	}
	if holder == nil || holder.PID == 0 || !holder.Daemon {
		fmt.Fprintf(p.stdout, "No daemon is running: the next pass %s, and so does a daemon that is "+
			"started.\n", does)
		return exit.Mail
	}
	if err := signalProcess(holder.PID, unix.SIGUSR2); err != nil {
		return p.fail(exit.Excluded, err)
	}
	fmt.Fprintf(p.stdout, "The background %s at %d %s now.\n", p.name, holder.PID, does)
	return exit.Mail
}
