package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"fetchd/cmd/fetchd/internal/account"
	"fetchd/cmd/fetchd/internal/account/secret"
	"fetchd/cmd/fetchd/internal/cli"
	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/cmd/fetchd/internal/process"
	"fetchd/fetch"
	"fetchd/rcfile"
	"fetchd/tlsverify/hints"
)

// poll is the program's main work: it reads the configuration, takes the lock, and makes one pass or becomes
// a daemon.
func (p *program) poll(ctx context.Context, c *cli.CommandLine) exit.Status {
	at, err := p.places()
	if err != nil {
		return p.fail(exit.Internal, err)
	}

	cfg, err := p.configuration(c, at)
	if err != nil {
		if c.QuitLast { // it must be possible to stop a daemon while its rc file is broken
			_ = p.failConfig(err)
			return p.quitRunning(ctx, c.Said.Globals.Pidfile.Or(at.pidfile))
		}
		return p.failConfig(err)
	}

	pidfile := cfg.Globals.Pidfile.Or(at.pidfile)
	switch {
	case c.Mode == cli.ModeDump:
		p.warnOnTerminal(c, cfg)
		return p.dump(c, at, cfg)
	case c.Mode == cli.ModeVersion:
		p.warnOnTerminal(c, cfg)
		return p.showVersion(c, at, cfg)
	case c.Quit && p.detached == nil: // otherwise the process that started us has done this already
		if st := p.quitRunning(ctx, pidfile); c.QuitLast {
			return st
		}
	}

	// Before passwords are asked for, which would be pointless. This does not take the lock: a daemon that is
	// started below takes it itself.
	holder, err := process.LockHolder(pidfile)
	switch {
	case err != nil:
		return p.fail(exit.IO, err)
	case holder != nil:
		return p.meetRunning(c, holder)
	case len(account.Selected(cfg, c.Servers)) == 0:
		return p.fail(exit.Syntax, p.nothingSelected(cfg, c.Rcfile.Or(at.rcfile)))
	}

	interval := cfg.Globals.Daemon.Value
	stays := !cfg.Globals.Daemon.Set && watches(account.Selected(cfg, c.Servers)) // as fetchmail's idle does
	switch {
	// --check is one look, also where the file says daemon.
	case c.Check:
		interval = 0
	case stays:
		interval = idleInterval
	}

	// Passwords are asked for before the daemon detaches: it has no terminal.
	if err := p.collectSecrets(c, at, cfg); err != nil {
		return p.fail(exit.Auth, err)
	}
	if interval > 0 && !stays && !c.Nodetach && p.detached == nil {
		return p.detach()
	}

	return p.serve(ctx, c, at, cfg, interval)
}

// idleInterval is how often, in seconds, a program that stays because of "idle" polls what it does not watch.
const idleInterval = 300

// watches tells whether an account of polls is to be watched.
func watches(polls []*rcfile.Poll) bool {
	return slices.ContainsFunc(polls, func(poll *rcfile.Poll) bool {
		return slices.ContainsFunc(poll.Users, func(u rcfile.User) bool {
			return u.Idle.Value && account.RetrievalProtocol(poll.Protocol.Value) != fetch.POP3
		})
	})
}

// nothingSelected is what is wrong where no server is to be polled and none was named.
func (p *program) nothingSelected(cfg *rcfile.Config, path string) error {
	if len(cfg.Polls) == 0 {
		next := fmt.Sprintf("write entries into %s (see fetchmailrc(5)), or name a server", path)
		if p.name != "fetchmail" { // which has no subcommands
			next = p.name + " setup ADDRESS writes an entry for your mail address; by hand, " + next
		}
		return hints.Errorf(next, "no mailservers have been specified")
	}
	return hints.Errorf(fmt.Sprintf("name the server that is meant, such as %q, or write \"poll\"",
		cfg.Polls[0].Name),
		"no mailservers have been specified: each entry of %s says \"skip\"", path)
}

// collectSecrets gets the passwords that can be obtained only at the start.
func (p *program) collectSecrets(c *cli.CommandLine, at *places, cfg *rcfile.Config) error {
	if p.collected != nil { // from the process that started us
		return nil
	}

	p.collected = map[string]string{}
	finder := &secret.Finder{Getenv: p.env, Netrc: at.netrc, Collected: p.collected,
		Warn: func(string, string) {}}
	// Only for the names of logins: the service makes its own resolver when the log is open.
	r := account.New(account.Environment{Getenv: p.env, Caller: at.caller, Secrets: finder})

	var logins []secret.Login
	for _, poll := range account.Selected(cfg, c.Servers) {
		for i := range poll.Users {
			logins = append(append(logins, r.Login(poll, &poll.Users[i])),
				r.DeliveryLogins(&poll.Users[i])...)
		}
	}
	return finder.Collect(logins, p.prompt, func(account string, err error) {
		p.fail(0, fmt.Errorf("%s: %w", account, err))
	})
}

// serve holds the lock, the log and the journal while the retrievals run.
func (p *program) serve(ctx context.Context, c *cli.CommandLine, at *places, cfg *rcfile.Config,
	interval int) exit.Status {
	p.signals.catch(interval > 0) // before the lock: whoever finds it held sends SIGUSR1, which would kill us
	// Again, as another process may have started since the question above.
	l, err := process.TakeLock(cfg.Globals.Pidfile.Or(at.pidfile), interval)
	var held *process.LockedError
	switch {
	case errors.As(err, &held):
		return p.meetRunning(c, held)
	case err != nil:
		return p.fail(exit.IO, err)
	}
	defer l.Release()

	// After the lock: until then errors go to the terminal, and the log file may be that of the running
	// daemon.
	log, err := p.openLog(c, cfg, interval > 0)
	if err != nil {
		return p.fail(exit.IO, err)
	}
	defer log.Close()

	p.warn(c, cfg, log)
	s := p.newService(c, at, log, interval > 0)
	st := s.interruptibly(ctx, func(ctx context.Context) exit.Status {
		return s.work(ctx, cfg, time.Duration(interval)*time.Second)
	})
	if st == exit.NoMail && c.NomailOK {
		st = exit.Mail
	}
	if interval == 0 {
		log.Log(ctx, logging.LevelTrace, fmt.Sprintf("normal termination, status %d", st))
	}

	return st
}

// work opens the journal, and makes one pass or runs the daemon until ctx ends.
func (s *service) work(ctx context.Context, cfg *rcfile.Config, interval time.Duration) exit.Status {
	if err := s.openJournal(ctx, cfg); err != nil {
		return s.fail(exit.IO, err)
	}

	var st exit.Status
	if interval > 0 {
		st = s.runDaemon(ctx, cfg, interval)
	} else {
		st = s.once(ctx, cfg)
	}

	// After the retrievals: accounts share the connections to mail servers, which stay open between messages.
	s.resolver.Close()
	// An error here may mean records that did not reach the disk: what they are about is delivered again.
	if err := s.journal.Close(); err != nil {
		return s.fail(exit.IO, err)
	}

	return st
}

// warn logs the warnings about the configuration, the command line and the environment.
func (p *program) warn(c *cli.CommandLine, cfg *rcfile.Config, log *logging.Logger) {
	for _, w := range cfg.WarningsAbout(account.Selected(cfg, c.Servers)) {
		log.Warn(logging.EventError, "err", w)
	}

	for _, w := range c.Warnings {
		log.Warn(w)
	}

	for _, name := range []string{
		"FETCHMAIL_DISABLE_CBC_IV_COUNTERMEASURE", "FETCHMAIL_WOLFSSL_DEBUG", "SOCKS_CONF",
		"FETCHMAIL_SSL_SECLEVEL", "FETCHMAIL_SSL_CIPHERS", "FETCHMAIL_TLS13_CIPHERSUITES",
	} {
		if p.env(name) != "" {
			log.Warn("the environment variable " + name + " does nothing")
		}
	}
}

// warnOnTerminal prints on standard error what warn would log.
func (p *program) warnOnTerminal(c *cli.CommandLine, cfg *rcfile.Config) {
	if log, err := logging.Open(logging.Target{Name: p.name, Out: p.stderr, Err: p.stderr}); err == nil {
		p.warn(c, cfg, log)
		_ = log.Close()
	}
}

// How long the end waits for a reader of the log that reads nothing. Whoever looks at a pass through a pager
// is given a while; a daemon is to end.
const (
	passPatience   = 30 * time.Second
	daemonPatience = 2 * time.Second
)

// openLog opens the log that the configuration asks for. Only a detached daemon writes into a log file.
func (p *program) openLog(c *cli.CommandLine, cfg *rcfile.Config, daemon bool) (*logging.Logger, error) {
	t := logging.Target{
		Name: p.name, Out: p.stdout, Err: p.stderr, JSON: c.LogFormat.Value == "json",
		Silent: c.Silent, Verbose: c.Verbose, Syslog: cfg.Globals.Syslog.Value, Socket: p.systemLog,
		Detached: p.detached != nil, JournalStream: p.journalStream, Patience: passPatience,
	}

	if daemon {
		t.Patience = daemonPatience
	}
	if isTerminal(p.stdout) && isTerminal(p.stderr) {
		t.Columns = p.columns
	}
	if account.PrintsMail(account.Selected(cfg, c.Servers)) { // fetchmail mixes its words with the mail
		t.Out, t.Columns = p.stderr, nil
	}

	file := cfg.Globals.Logfile.Value
	switch {
	case p.detached != nil:
		return p.openDaemonLog(t, file, !cfg.Globals.Syslog.Set)
	case file != "" && daemon:
		l, err := logging.Open(t)
		if err == nil {
			l.Info("the logfile option is ignored with nodetach")
		}
		return l, err
	}
	return logging.Open(t)
}

// openDaemonLog opens the log of a daemon in the background: the file, if one is named. Where no log is
// named, or the file has no directory, it is the system log if there is one and maySyslog, so that it can be
// found out what the daemon does.
func (p *program) openDaemonLog(t logging.Target, file string, maySyslog bool) (*logging.Logger, error) {
	t.File = file
	if file != "" || t.Syslog {
		l, err := logging.Open(t)
		if !errors.Is(err, fs.ErrNotExist) || file == "" {
			return l, err
		}
		// Retrieving mail matters more than where the log goes.
		p.fail(exit.IO, err)
	}

	t.File, t.Syslog = "", t.Syslog || maySyslog
	l, err := logging.Open(t)
	if err != nil {
		t.Syslog = false
		l, err = logging.Open(t)
	}
	if err == nil {
		l.Unasked = true
	}
	return l, err
}
