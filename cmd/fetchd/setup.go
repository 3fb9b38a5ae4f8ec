package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"fetchd/cmd/fetchd/internal/account"
	"fetchd/cmd/fetchd/internal/account/secret"
	"fetchd/cmd/fetchd/internal/cli"
	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/cmd/fetchd/internal/setup"
	"fetchd/rcfile"
	"fetchd/tlsverify/check"
	"fetchd/tlsverify/hints"
)

func setupCommand() cli.Subcommand {
	return cli.Subcommand{
		Name: "setup", Args: "[option…] ADDRESS [SERVER]",
		Summary: "Finds the mail server of a mail address, unless SERVER (host[:port]) names it, and " +
			"checks that it proves who it is, asks for what else is needed, adds the account to the " +
			"rc file, and retrieves once. It asks before each step. Options for an account, such as " +
			"--maildir or --passwordeval, answer in advance.",
	}
}

// wizard adds an account to the rc file.
type wizard struct {
	*dialogue
	c       *cli.CommandLine
	at      *places
	service *service
	address setup.Address
	named   *check.Options // the server that the user names; nil = it is looked for
	path    string         // of the rc file
	before  *rcfile.Config // what it says; nil = there is none yet
}

func runSetup(ctx context.Context, p *program, c *cli.CommandLine) exit.Status {
	if len(c.Servers) < 1 || len(c.Servers) > 2 || c.Rcfile.Value == "-" {
		return p.usage(errors.New("setup takes a mail address, a server if you know it, and an rc file " +
			"that is a file"))
	}
	address, err := setup.ParseAddress(c.Servers[0])
	if err != nil {
		return p.usage(err)
	}
	named, err := namedServer(c)
	if err != nil {
		return p.usage(err)
	}
	at, s, err := p.targetService(c)
	if err != nil {
		return p.fail(exit.Internal, err)
	}

	w := &wizard{dialogue: p.newDialogue(), c: c, at: at, service: s, address: address, named: named,
		path: c.Rcfile.Or(at.rcfile)}
	// Before the questions: an account that can't be added needs none.
	if w.before, err = w.loader().Load(w.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return p.failConfig(err)
	}
	return w.run(ctx)
}

// namedServer is the server behind the address, if there is one.
func namedServer(c *cli.CommandLine) (*check.Options, error) {
	if len(c.Servers) < 2 {
		return nil, nil
	}
	o, err := parseTarget(c, c.Servers[1])
	return &o, err
}

func (w *wizard) loader() rcfile.Loader {
	return rcfile.Loader{Format: w.c.Format(), Credentials: secret.Credentials(w.p.env)}
}

// run asks from the server to the first retrieval.
func (w *wizard) run(ctx context.Context) exit.Status {
	offer, err := w.find(ctx)
	if err != nil {
		return w.fail(exit.Socket, err)
	}
	entry, err := w.entry(offer)
	if err != nil {
		return w.fail(exit.Syntax, err)
	}
	if lacksClient(entry) {
		return w.explainOAuth(entry)
	}

	added, err := w.add(entry)
	if err != nil {
		return w.fail(exit.IO, err)
	}
	if !added {
		return w.p.fail(exit.Syntax, errors.New("nothing was written"))
	}
	if entry.Users[0].OAuth.Set {
		if ready, st := w.logIn(ctx, entry); !ready {
			return st
		}
	}
	return w.tryOnce(ctx, entry)
}

// fail reports an error and returns s. That an answer is missing is the same mistake everywhere.
func (w *wizard) fail(s exit.Status, err error) exit.Status {
	if errors.Is(err, errNoAnswer) {
		s = exit.Syntax
	}
	return w.p.fail(s, err)
}

// entry asks for what the account needs beside its server.
func (w *wizard) entry(o setup.Offer) (rcfile.Poll, error) {
	said := w.c.Said
	if err := describe(&said, o); err != nil {
		return rcfile.Poll{}, err
	}
	if !said.User.Remote.Set {
		user, err := w.ask("Login name", o.User)
		if err != nil {
			return rcfile.Poll{}, err
		}
		if _, err = said.Set("user", "user", user); err != nil {
			return rcfile.Poll{}, err
		}
	}
	if w.isKnown(o.Host, said.User.Remote.Value) {
		return rcfile.Poll{}, hints.Errorf("change that entry, or remove it first",
			"%s has an entry for %s at %s already", w.path, said.User.Remote.Value, o.Host)
	}

	if err := w.askPassword(&said, o); err != nil {
		return rcfile.Poll{}, err
	}
	if !account.NamesDestination(&said.User) {
		place, err := w.ask("Deliver into the Maildir", filepath.Join(w.at.home, "Maildir"))
		if err != nil {
			return rcfile.Poll{}, err
		}
		if _, err = said.Set("maildir", "maildir", place); err != nil {
			return rcfile.Poll{}, err
		}
	}

	if err := fixPaths(&said.User); err != nil {
		return rcfile.Poll{}, err
	}
	poll := said.Poll
	poll.Name, poll.Active, poll.Users = o.Host, true, []rcfile.User{said.User}
	return poll, errors.Join(account.OAuthMistakes(&poll, &poll.Users[0])...)
}

// fixPaths makes the paths absolute that the user named from where he is: the rc file is elsewhere.
func fixPaths(u *rcfile.User) error {
	for _, path := range []*rcfile.Opt[string]{
		&u.Maildir, &u.PasswordFile, &u.BSMTP, &u.SSLCertFile, &u.SSLCertPath, &u.SSLCRLFile, &u.SSLCert,
		&u.SSLKey,
	} {
		if path.Value == "" || path.Value == "-" {
			continue
		}
		full, err := filepath.Abs(path.Value)
		if err != nil {
			return err
		}
		path.Value = full
	}
	return nil
}

// describe says how the server is reached, and that mail stays there.
func describe(said *rcfile.Said, o setup.Offer) error {
	_, err := said.Set("protocol", "protocol", o.Proto)
	if err == nil && o.Port != o.DefaultPort() {
		_, err = said.Set("service", "service", fmt.Sprint(o.Port))
	}
	if o.Wrapped {
		said.SetFlag("ssl", "ssl", true)
	}
	said.SetFlag("keep", "keep", true)
	return err
}

// isKnown tells whether the rc file has an account of that user on that server.
func (w *wizard) isKnown(host, user string) bool {
	if w.before == nil {
		return false
	}
	for i := range w.before.Polls {
		poll := &w.before.Polls[i]
		for k := range poll.Users {
			if account.Host(poll) == host && poll.Users[k].Remote.Value == user {
				return true
			}
		}
	}
	return false
}

// tryOnce makes the first retrieval, if the user wants it now.
func (w *wizard) tryOnce(ctx context.Context, entry rcfile.Poll) exit.Status {
	now, err := w.agrees("Retrieve now? The mail stays on the server too.", true)
	if err != nil || !now {
		fmt.Fprintf(w.p.stdout, "Next: %s check-config, and then %s\n", w.p.name, w.p.name)
		return exit.Mail
	}

	pass := &cli.CommandLine{
		Servers: []string{entry.Name}, Rcfile: rcfile.Some(w.path), Rcformat: w.c.Rcformat,
		Verbose: w.c.Verbose, NomailOK: true,
	}
	// One pass, whatever the rest of the file says.
	if _, err := pass.Said.Set("daemon", "daemon", "0"); err != nil {
		return w.p.fail(exit.Internal, err)
	}
	pass.Said.Globals.Pidfile = w.c.Said.Globals.Pidfile
	st := w.p.poll(ctx, pass)
	if st == exit.Mail {
		w.show(`It works. Mail is deleted on the server once "keep" is removed from %s.`, w.path)
	}
	return st
}
