package main

import (
	"context"
	"fmt"
	"slices"

	"fetchd/cmd/fetchd/internal/account/oauth"
	"fetchd/cmd/fetchd/internal/account/secret"
	"fetchd/cmd/fetchd/internal/cli"
	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/rcfile"
	"fetchd/tlsverify/hints"
)

// What stands in an entry for what its user does not have yet.
const (
	noIssuer = "https://ISSUER"
	noClient = "CLIENT-ID"
	noSecret = "CLIENT-SECRET"
)

// lacksClient tells whether the entry can only be shown.
func lacksClient(entry rcfile.Poll) bool {
	u := &entry.Users[0]
	return u.OAuth.Value == noIssuer || u.OAuthClient.Value == noClient
}

// askOAuth makes the entry one of OAuth; "" is a provider that is not known. Empty answers leave an entry
// that lacks a client.
func (w *wizard) askOAuth(u *rcfile.User, provider string) (err error) {
	if provider == "" {
		if provider, err = w.ask("OAuth issuer, https://… (empty: how to find it)", ""); err != nil {
			return err
		}
	}
	id := ""
	if provider == "" {
		provider = noIssuer
	} else if id, err = w.ask("Client id (empty: how to get one)", ""); err != nil {
		return err
	}

	u.OAuth, u.OAuthClient = rcfile.Some(provider), rcfile.Some(id)
	switch {
	case id == "":
		u.OAuthClient = rcfile.Some(noClient)
		if provider == oauth.Google {
			u.OAuthSecret = rcfile.Some(rcfile.NewSecret(noSecret))
		}
	case provider == oauth.Microsoft: // a public client, which must send no secret
		return w.askTenant(u)
	default:
		return w.askClientSecret(u)
	}
	return nil
}

// askTenant asks whose users the account is among.
func (w *wizard) askTenant(u *rcfile.User) error {
	usual := w.address.Domain
	if slices.Contains([]string{"outlook.com", "hotmail.com", "live.com", "msn.com"}, usual) {
		usual = "consumers"
	}
	tenant, err := w.ask("Directory at Microsoft (consumers: Outlook.com, Hotmail, Live)", usual)
	u.OAuthTenant = rcfile.Some(tenant)
	return err
}

func (w *wizard) askClientSecret(u *rcfile.User) error {
	text, err := w.secret("Client secret (empty: none)")
	if err == nil && text != "" {
		u.OAuthSecret = rcfile.Some(rcfile.NewSecret(text))
	}
	return err
}

// explainOAuth shows what a person has to do for an account that logs in by OAuth.
func (w *wizard) explainOAuth(entry rcfile.Poll) exit.Status {
	w.show("The entry, once you have a client of the provider:")
	if err := w.showEntry(entry); err != nil {
		return w.p.fail(exit.Internal, err)
	}
	next := fmt.Sprintf("%s help oauth says how to get a client; then run %s setup %s again", w.p.name,
		w.p.name, w.address)
	return w.p.fail(exit.Auth, hints.Errorf(next, "nothing was written: oauth needs a client"))
}

// logIn gets the grant of the new account, if the user wants that now. Without it the account is not ready,
// and the status says why.
func (w *wizard) logIn(ctx context.Context, entry rcfile.Poll) (ready bool, st exit.Status) {
	name := w.service.resolver.Name(&entry, &entry.Users[0])
	now, err := w.agrees("Log in at the provider now?", true)
	if err != nil || !now {
		fmt.Fprintf(w.p.stdout, "Next: %s login %s, and then %s\n", w.p.name, shown(name), w.p.name)
		return false, exit.Mail
	}

	way := consentWay{paste: w.line}
	if secret.OAuthFlow(&entry.Users[0].Secrets) == oauth.FlowBrowser {
		here, err := w.agrees("Is there a browser on this machine?", true)
		if err != nil {
			return false, w.fail(exit.Syntax, err)
		}
		if !here {
			way.name = "paste"
		}
	}

	// As a login of its own would find it, in the file as it is now.
	c := &cli.CommandLine{Command: w.c.Command, Servers: []string{name}, Rcfile: rcfile.Some(w.path),
		Rcformat: w.c.Rcformat}
	a, st := w.p.oauthAccount(c)
	if a == nil {
		return false, st
	}
	if st = w.p.logIn(ctx, a, way); st != exit.Mail {
		w.show("The entry is in %s; %s login %s tries this again.", w.path, w.p.name, name)
	}
	return st == exit.Mail, st
}
