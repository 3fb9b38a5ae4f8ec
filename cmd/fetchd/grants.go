package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"fetchd/cmd/fetchd/internal/account"
	"fetchd/cmd/fetchd/internal/account/oauth"
	"fetchd/cmd/fetchd/internal/account/secret"
	"fetchd/cmd/fetchd/internal/cli"
	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/rcfile"
	"fetchd/tlsverify/hints"
)

// oauthAccount is an account of the rc file that logs in with a grant.
type oauthAccount struct {
	service *service
	finder  *secret.Finder
	poll    *rcfile.Poll
	user    *rcfile.User
	name    string
}

func (a *oauthAccount) shown() string         { return shown(a.name) }
func (a *oauthAccount) grants() *oauth.Keeper { return a.finder.Grants }

func (a *oauthAccount) client() oauth.Client {
	return a.finder.OAuthClient(a.service.resolver.Login(a.poll, a.user))
}

func (a *oauthAccount) state() oauth.State { return a.grants().State(a.client()) }

// oauthAccounts are all accounts of the rc file with oauth, also those of entries that say "skip".
func (p *program) oauthAccounts(c *cli.CommandLine) ([]*oauthAccount, error) {
	at, s, err := p.targetService(c)
	if err != nil {
		return nil, err
	}
	cfg, err := p.rcConfiguration(c, at)
	if err != nil {
		return nil, err
	}

	finder := p.newFinder(at, s.log)
	finder.Ask = p.prompt
	var all []*oauthAccount
	for i := range cfg.Polls {
		poll := &cfg.Polls[i]
		for j := range poll.Users {
			u := &poll.Users[j]
			if u.OAuth.Set {
				all = append(all, &oauthAccount{s, finder, poll, u, s.resolver.Name(poll, u)})
			}
		}
	}
	return all, nil
}

// oauthAccount is the account that the command line's argument names: user@entry, or the entry if it has only
// one. It is nil after a mistake, which is reported.
func (p *program) oauthAccount(c *cli.CommandLine) (*oauthAccount, exit.Status) {
	if len(c.Servers) != 1 {
		return nil, p.usage(fmt.Errorf("%s takes one account", c.Command.Name))
	}
	all, err := p.oauthAccounts(c)
	if err != nil {
		return nil, p.failConfig(err)
	}

	wanted := c.Servers[0]
	var found []*oauthAccount
	for _, a := range all {
		if a.name == wanted || a.poll.Name == wanted {
			found = append(found, a)
		}
	}
	// A login name may look like the name of another entry; the whole name of an account decides.
	if exact := slices.IndexFunc(found, func(a *oauthAccount) bool { return a.name == wanted }); exact >= 0 {
		found = found[exact : exact+1]
	}

	switch {
	case len(found) == 0:
		err := hints.Errorf(fmt.Sprintf("%s help oauth says how to make it one", p.name),
			"%q is no account with oauth; there are: %s", wanted, names(all))
		return nil, p.fail(exit.Syntax, err)
	case len(found) > 1:
		return nil, p.fail(exit.Syntax, hints.Errorf("name one of them",
			"%q has several accounts: %s", wanted, names(found)))
	}

	if mistakes := account.OAuthMistakes(found[0].poll, found[0].user); len(mistakes) > 0 {
		return nil, p.failConfig(errors.Join(mistakes...))
	}
	return found[0], exit.Mail
}

func names(accounts []*oauthAccount) string {
	if len(accounts) == 0 {
		return "none"
	}
	all := make([]string, len(accounts))
	for i, a := range accounts {
		all[i] = a.name
	}
	return strings.Join(all, ", ")
}
