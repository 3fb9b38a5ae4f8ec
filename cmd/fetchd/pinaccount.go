package main

import (
	"context"
	"strings"

	"fetchd/cmd/fetchd/internal/account"
	"fetchd/cmd/fetchd/internal/cli"
	"fetchd/rcfile"
	"fetchd/tlsverify"
	"fetchd/tlsverify/check"
	"fetchd/tlsverify/hints"
)

// pinAccount is an account of the rc file that is to get a pin.
type pinAccount struct {
	poll, user int // places in rcfile.Config
	name       string
	target     check.Options
	refused    bool // the account's settings refuse the server, so it needs "no sslcertck" too
}

// pinTarget returns the server that the argument names, and its accounts: those of the entry with that name,
// or else those at that host and port. The server is judged by the settings of the first of them. Without
// --write, naming a host needs no rc file, so mistakes in the file don't matter.
func (s *service) pinTarget() (o check.Options, accounts []*pinAccount, err error) {
	c := s.c
	cfg, rcErr := s.p.rcConfiguration(c, s.at)
	// The caller reads the file again when it has to write (noAccount), and reports the error then.
	if rcErr != nil {
		cfg = &rcfile.Config{}
	}
	if !namesTransport(c) {
		accounts = entryAccounts(cfg, c.Servers[0])
	}
	if len(accounts) == 0 {
		if o, err = s.target(c.Servers[0]); err != nil {
			return o, nil, err
		}
		// The port too: IMAP and POP3 of one host may have different keys.
		accounts = accountsAt(cfg, o.Host, account.PortOf(o))
	}

	accounts, err = s.pinTargets(cfg, accounts)
	switch {
	case err != nil:
		return o, nil, err
	case len(accounts) == 0:
		o, err = s.target(c.Servers[0])
		return o, nil, err
	case namesTransport(c):
		o.Policy = accounts[0].target.Policy
		return o, accounts, nil
	}

	return accounts[0].target, accounts, nil
}

// entryAccounts are the accounts of the entries with that name.
func entryAccounts(cfg *rcfile.Config, name string) []*pinAccount {
	return pinAccounts(cfg, func(poll *rcfile.Poll, _ *rcfile.User) bool { return poll.Name == name })
}

// accountsAt are the accounts whose server is the host at the port.
func accountsAt(cfg *rcfile.Config, host string, port int) []*pinAccount {
	return pinAccounts(cfg, func(poll *rcfile.Poll, u *rcfile.User) bool {
		o, err := account.Address(poll, u)
		return err == nil && strings.EqualFold(o.Host, host) && account.PortOf(o) == port
	})
}

func pinAccounts(cfg *rcfile.Config, wanted func(*rcfile.Poll, *rcfile.User) bool) []*pinAccount {
	var accounts []*pinAccount
	for i := range cfg.Polls {
		for j := range cfg.Polls[i].Users {
			if wanted(&cfg.Polls[i], &cfg.Polls[i].Users[j]) {
				accounts = append(accounts, &pinAccount{poll: i, user: j})
			}
		}
	}
	return accounts
}

// pinTargets completes the accounts, leaving out those for which a pin is of no use.
func (s *service) pinTargets(cfg *rcfile.Config, accounts []*pinAccount) (of []*pinAccount, err error) {
	for _, a := range accounts {
		poll := &cfg.Polls[a.poll]
		u := &poll.Users[a.user]
		a.name = s.resolver.Name(poll, u)
		var ok bool
		if a.target, ok, err = s.resolver.Target(poll, u); err != nil {
			return nil, err
		}
		if ok {
			of = append(of, a)
		}
	}
	return of, nil
}

// judgeAccounts finds out which accounts refuse the server that shown is about.
func judgeAccounts(ctx context.Context, accounts []*pinAccount, shown *tlsverify.Verdict) error {
	known := map[string]bool{}
	for _, a := range accounts {
		// Accounts with equal settings get the same answer from one connection.
		id := checkIdentity(a.target)
		refused, ok := known[id]
		if !ok {
			v, judgement, err := check.ShowServer(ctx, a.target)
			if err != nil {
				return err
			}
			// Another server behind the same name, or somebody in between: the user has confirmed a key, and
			// no other may be written.
			if tlsverify.PinOf(v.Presented[0]) != tlsverify.PinOf(shown.Presented[0]) {
				return hints.Errorf("try again, and ask the operator if it happens again",
					"nothing was written: %s is shown another key than the one above", a.name)
			}
			refused = pinAlone(judgement)
			known[id] = refused
		}
		a.refused = refused
	}

	return nil
}

// noAccount says why there is no account that the pin could be written for.
func (p *program) noAccount(c *cli.CommandLine, at *places, o check.Options) error {
	if _, err := p.rcConfiguration(c, at); err != nil {
		return err
	}
	return hints.Errorf("add one, or name the port, then run this again", "%s has no account at %s port %d",
		c.Rcfile.Or(at.rcfile), o.Host, account.PortOf(o))
}
