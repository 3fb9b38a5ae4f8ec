package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"fetchd/cmd/fetchd/internal/account/oauth"
	"fetchd/cmd/fetchd/internal/account/secret"
	"fetchd/cmd/fetchd/internal/cli"
	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/fetch"
)

func loginCommand() cli.Subcommand {
	return cli.Subcommand{
		Name: "login", Args: "[--device | --browser | --paste] [--port N] ACCOUNT, or --list",
		Summary: "Gets the consent that an account with oauth in its entry needs, keeps it, and tries it: " +
			"with a code for a browser on any device, or with a browser that comes back to this machine.",
		Options: []cli.Option{
			{Long: "device", Help: "show a code to type in on any device"},
			{Long: "browser", Help: "show an address for a browser on this machine"},
			{Long: "paste", Help: "the same for one elsewhere: paste the address where it ended"},
			{Long: "port", Arg: "N", Help: "with --browser: the port that it comes back to; by default any"},
			{Long: "list", Help: "show how the grants of all accounts are doing"},
		},
	}
}

func runLogin(ctx context.Context, p *program, c *cli.CommandLine) exit.Status {
	if c.Has("list") {
		return p.listGrants(c)
	}
	way, err := consentOptions(c)
	if err != nil {
		return p.usage(err)
	}
	way.paste = p.readPasted
	a, st := p.oauthAccount(c)
	if a == nil {
		return st
	}
	return p.logIn(ctx, a, way)
}

// consentWay is how the user consents.
type consentWay struct {
	name  string                 // device, browser or paste; "" = as the account says
	port  int                    // of browser; 0 = any
	paste func() (string, error) // reads what the user pastes
}

// consentOptions are the way that the options name.
func consentOptions(c *cli.CommandLine) (way consentWay, err error) {
	for _, name := range []string{"device", "browser", "paste"} {
		if !c.Has(name) {
			continue
		}
		if way.name != "" {
			return way, fmt.Errorf("--%s and --%s contradict each other", way.name, name)
		}
		way.name = name
	}
	if !c.Has("port") {
		return way, nil
	}
	way.port, err = strconv.Atoi(c.Own["port"])
	if err != nil || way.port < 1 || way.port > 65535 {
		return way, fmt.Errorf("%q is not a port", c.Own["port"])
	}
	return way, nil
}

// logIn gets the grant of an account, and tries it.
func (p *program) logIn(ctx context.Context, a *oauthAccount, way consentWay) exit.Status {
	if err := p.consent(ctx, a, way); err != nil {
		return p.fail(exit.OfError(err), oauth.NextStep(err))
	}
	return p.tryLogin(ctx, a)
}

// consent lets the user consent, if the account needs that, and keeps the grant.
func (p *program) consent(ctx context.Context, a *oauthAccount, way consentWay) error {
	client := a.client()
	if err := a.service.at.checkHome(a.grants().Dir); err != nil {
		return fetch.Fail(fetch.KindJournal, err)
	}

	if !client.Flow.NeedsUser() {
		fmt.Fprintf(p.stdout, "%s needs nobody's consent: oauthflow %s\n", a.shown(), client.Flow)
		return nil
	}
	if way.name == "" {
		way.name = string(client.Flow)
	}

	fmt.Fprintf(p.stdout, "%s will ask whether the client %s may do this for %s: %s\n",
		shown(client.Provider), shown(client.ID), shown(client.User), shown(strings.Join(client.Scopes, " ")))
	switch way.name {
	case "device":
		return a.grants().Device(ctx, client, p.showDeviceCode)
	case "browser":
		return a.grants().Browser(ctx, client, way.port, p.showAddress)
	}
	return a.grants().Paste(ctx, client, p.showPaste, way.paste)
}

func shown(text string) string { return logging.Escape(logging.OneLine(text)) }

func (p *program) showDeviceCode(code oauth.DeviceCode) {
	fmt.Fprintf(p.stdout, "On any device, open %s and type in %s\n", shown(code.Address), shown(code.Code))
	if code.Complete != "" {
		fmt.Fprintf(p.stdout, "or open %s\n", shown(code.Complete))
	}
	if !code.Until.IsZero() {
		until := code.Until.Local().Format(time.TimeOnly)
		fmt.Fprintf(p.stdout, "The code is good until %s. Waiting …\n", until)
	}
}

func (p *program) showAddress(address string, port int) {
	fmt.Fprintf(p.stdout, "Open this in a browser on this machine:\n\n%s\n\n", shown(address))
	fmt.Fprintf(p.stdout, "It comes back to port %d. If the browser is elsewhere, name a port with --port\n"+
		"and run \"ssh -L PORT:127.0.0.1:PORT\" to this machine there, or use --paste. Waiting …\n", port)
}

func (p *program) showPaste(address string) {
	fmt.Fprintf(p.stdout, "Open this in a browser:\n\n%s\n\n", shown(address))
	fmt.Fprint(p.stdout, "It ends at a page that can't be opened. Paste the whole address of that page: ")
}

// maxPasted bounds what is pasted: a code of some kilobytes.
const maxPasted = 64 << 10

func (p *program) readPasted() (string, error) {
	line, err := bufio.NewReader(io.LimitReader(p.stdin, maxPasted)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimSpace(line), nil
}

// tryLogin logs in to the mail server with the grant, and says whether it works.
func (p *program) tryLogin(ctx context.Context, a *oauthAccount) exit.Status {
	// Through the account as a run makes it, so that TLS, via and plugin are tried with it.
	made, _, err := a.service.resolver.Account(a.poll, a.user)
	if err != nil {
		return p.fail(exit.OfRefused(err), err)
	}
	session, err := made.Connect(ctx, made)
	if err != nil {
		// Kept, as the failure may be the mail server's, and the user has just consented.
		err = fmt.Errorf("%s: the grant is kept, but the login failed: %w", a.name, err)
		return p.fail(exit.OfError(err), err)
	}
	if err := session.Close(); err != nil {
		return p.fail(exit.OfError(err), err)
	}

	fmt.Fprintf(p.stdout, "%s: the login to %s works: %s\n", a.shown(), shown(made.Host),
		shown(a.state().String()))
	return exit.Mail
}

// listGrants shows how the grants of all accounts with oauth are doing.
func (p *program) listGrants(c *cli.CommandLine) exit.Status {
	accounts, err := p.oauthAccounts(c)
	if err != nil {
		return p.failConfig(err)
	}

	st := exit.Mail
	for _, a := range accounts {
		state := a.state()
		fmt.Fprintf(p.stdout, "%s\t%s\n", a.shown(), shown(state.String()))
		if state.Condition == oauth.NeedsLogin || state.Condition == oauth.NoLogin {
			st = exit.Auth
		}
	}
	if len(accounts) == 0 {
		fmt.Fprintln(p.stdout, "No account uses oauth.")
	}
	return st
}

func logoutCommand() cli.Subcommand {
	return cli.Subcommand{
		Name: "logout", Args: "ACCOUNT",
		Summary: "Revokes the account's grant, where the provider has a way to do that, and removes it.",
	}
}

func runLogout(ctx context.Context, p *program, c *cli.CommandLine) exit.Status {
	a, st := p.oauthAccount(c)
	if a == nil {
		return st
	}

	revoked, err := a.grants().Logout(ctx, a.client())
	switch {
	case err != nil:
		return p.fail(exit.OfError(err), oauth.NextStep(err))
	case revoked:
		fmt.Fprintf(p.stdout, "%s: the grant is revoked and removed\n", a.shown())
	default:
		fmt.Fprintf(p.stdout,
			"%s: the grant is removed; your account's page at the provider revokes it\n", a.shown())
	}
	return exit.Mail
}

func tokenCommand() cli.Subcommand {
	return cli.Subcommand{
		Name: "token", Args: "ACCOUNT",
		Summary: "Prints an access token that is good for a while, for other programs with the same " +
			"mailbox.",
	}
}

func runToken(ctx context.Context, p *program, c *cli.CommandLine) exit.Status {
	a, st := p.oauthAccount(c)
	if a == nil {
		return st
	}
	token, err := a.grants().Token(ctx, a.client())
	if err != nil {
		return p.fail(statusOfToken(err), oauth.NextStep(err))
	}
	fmt.Fprintln(p.stdout, token)
	return exit.Mail
}

// statusOfToken is the status of a program that gives no token: what passes is told as passwordeval's 75 is.
func statusOfToken(err error) exit.Status {
	if st := exit.OfError(err); st == exit.Auth || st == exit.Syntax {
		return st
	}
	return exit.Status(secret.TryLater)
}
