package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"fetchd/cmd/fetchd/internal/cli"
	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/rcfile"
	"fetchd/tlsverify"
	"fetchd/tlsverify/check"
)

func pinCommand() cli.Subcommand {
	return cli.Subcommand{
		Name: "pin", Args: "[option…] host[:port]",
		Summary: "Shows a server's certificate and the rc line that pins its public key.",
		Options: append(targetOptions(), cli.Option{Long: "write",
			Help: "after asking, put that line into the rc file"}),
	}
}

func runPin(ctx context.Context, p *program, c *cli.CommandLine) exit.Status {
	if len(c.Servers) != 1 {
		return p.usage(errors.New("pin takes one host"))
	}

	at, s, err := p.targetService(c)
	if err != nil {
		return p.failTargets(c, err)
	}

	o, accounts, err := s.pinTarget()
	if err != nil {
		return p.failTargets(c, err)
	}

	ctx, stop := interrupted(ctx)
	defer stop()
	verdict, judgement, err := check.ShowServer(ctx, o)
	if err != nil {
		return p.fail(exit.Socket, err)
	}
	// Shown also with --write: the user is asked below whether this is the right key.
	if err := p.showPin(verdict, judgement); err != nil {
		return p.fail(exit.IO, err)
	}
	if !c.Has("write") {
		return exit.Mail
	}
	if len(accounts) == 0 {
		err := p.noAccount(c, at, o)
		return p.fail(statusOfConfig(err), err)
	}
	// Before the question: what is written depends on it, and the question says so.
	if err := judgeAccounts(ctx, accounts, verdict); err != nil {
		return p.fail(exit.IO, err)
	}
	if err := p.writePin(c, at, accounts, tlsverify.PinOf(verdict.Presented[0]).String()); err != nil {
		return p.fail(statusOfConfig(err), err)
	}

	return exit.Mail
}

// showPin prints the certificate, whether it would be trusted without a pin, and the lines for the rc file.
func (p *program) showPin(v *tlsverify.Verdict, judgement error) error {
	if err := v.Describe(p.stdout); err != nil {
		return err
	}

	text := "The certificate is trusted without a pin."
	if judgement != nil {
		text = "WITHOUT A PIN THIS SERVER IS REFUSED: "
		if !pinHelps(judgement) {
			text = "THIS SERVER IS REFUSED, WITH THE PIN TOO: "
		}
		text += logging.Escape(judgement.Error()) +
			"\nPin the key only if the operator has confirmed it, and not over this connection."
	}

	lines := check.PinLines(v.Presented[0])
	if pinAlone(judgement) {
		// Second, as PinLines begins with a comment line.
		lines = slices.Insert(lines, 1, "no sslcertck")
	}

	_, err := fmt.Fprintf(p.stdout, "\n%s\n\n%s\n", text, strings.Join(lines, "\n"))
	return err
}

// pinHelps tells whether a pin would make the server acceptable. It does not cure a weak, revoked or
// malformed certificate.
func pinHelps(judgement error) bool {
	var weak *tlsverify.WeakError
	var revoked *tlsverify.RevokedError
	return !errors.As(judgement, &weak) && !errors.As(judgement, &revoked) && !malformed(judgement)
}

// pinAlone tells whether the server can be used only if nothing but the pin vouches for it.
func pinAlone(judgement error) bool {
	var chain *tlsverify.ChainError
	var identity *tlsverify.IdentityError
	return (errors.As(judgement, &chain) || errors.As(judgement, &identity)) && pinHelps(judgement)
}

// malformed tells whether the certificate has a name that no setting accepts.
func malformed(judgement error) bool {
	var identity *tlsverify.IdentityError
	return errors.As(judgement, &identity) && identity.Malformed
}

// writePin asks the user, and then adds the pin to the accounts.
func (p *program) writePin(c *cli.CommandLine, at *places, accounts []*pinAccount, pin string) error {
	path := c.Rcfile.Or(at.rcfile)
	loader := rcfile.Loader{Format: c.Format()}
	// Loaded again, without the command line's overrides: places in the file and its own settings are wanted.
	cfg, err := loader.Load(path)
	if err != nil {
		return err
	}

	var edits []pinEdit
	for _, a := range accounts {
		poll := &cfg.Polls[a.poll]
		alone := a.refused && poll.Users[a.user].SSLCertCk.Or(true)
		// To switch the check off is never done in passing: the user has to name the entry itself, or say
		// --nosslcertck.
		if alone && poll.Name != c.Servers[0] && c.Said.User.SSLCertCk.Or(true) {
			return fmt.Errorf("nothing was written: a pin helps %s only with \"no sslcertck\"; if nothing "+
				"else is to vouch for that server, run: %s pin --write %s",
				a.name, p.name, poll.Name)
		}
		edits = append(edits, pinEdit{a.poll, a.user, nextPlace(cfg, a.poll, a.user), pinLine{pin, alone}})
	}

	fmt.Fprintf(p.stdout, "\nAdd %s in %s? [y/N] ", additions(accounts, edits), path)
	// An error or an end of input is an empty answer, which means no.
	answer, _ := bufio.NewReader(p.stdin).ReadString('\n')
	fmt.Fprintln(p.stdout)
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return errors.New("nothing was written")
	}

	return insertPin(loader, path, cfg, edits)
}

// additions says what is added to which accounts.
func additions(accounts []*pinAccount, edits []pinEdit) string {
	var texts []string
	for _, alone := range []bool{true, false} {
		var names []string
		var add pinLine
		for i, e := range edits {
			if e.add.alone == alone {
				add, names = e.add, append(names, accounts[i].name)
			}
		}
		if len(names) > 0 {
			texts = append(texts, add.words()+" to "+strings.Join(names, ", "))
		}
	}
	return strings.Join(texts, ", and ")
}
