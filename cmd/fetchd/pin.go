package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"fetchd/rcfile"
	"fetchd/tlsverify"
)

func pinCommand() subcommand {
	return subcommand{
		name: "pin", args: "[option…] host[:port]",
		summary: "Shows a server's certificate and the rc line that pins its public key.",
		options: append(targetOptions(), option{long: "write", help: "after asking, put that line into the rc file"}),
		run:     runPin,
	}
}

func runPin(ctx context.Context, p *program, c *commandLine) status {
	if len(c.servers) != 1 {
		return p.usage(errors.New("pin takes one host"))
	}
	targets, err := p.targets(c)
	if err != nil {
		return p.failTargets(c, err)
	}
	ctx, stop := interrupted(ctx)
	defer stop()
	verdict, judgement, err := tlsverify.Look(ctx, targets[0])
	if err != nil {
		return p.fail(exitSocket, err)
	}
	if err := p.showPin(verdict, judgement); err != nil {
		return p.fail(exitIO, err)
	}
	if !c.has("write") {
		return exitMail
	}
	add := pinLine{tlsverify.PinOf(verdict.Presented[0]).String(), pinAlone(judgement)}
	if err := p.writePin(c, targets[0], add); err != nil {
		return p.fail(statusOfConfig(err), err)
	}
	return exitMail
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
		text += escape(judgement.Error()) +
			"\nPin the key only if the operator confirmed it by another way than this connection."
	}
	lines := tlsverify.PinLines(v.Presented[0])
	if pinAlone(judgement) {
		lines = slices.Insert(lines, 1, "no sslcertck")
	}
	_, err := fmt.Fprintf(p.stdout, "\n%s\n\n%s\n", text, strings.Join(lines, "\n"))
	return err
}

// pinHelps is false where the certificate is refused for what a pin beside the checks doesn't heal.
func pinHelps(judgement error) bool {
	var weak *tlsverify.WeakError
	var revoked *tlsverify.RevokedError
	return !errors.As(judgement, &weak) && !errors.As(judgement, &revoked)
}

// pinAlone tells whether the server is of use only if nothing but the pin vouches for it.
func pinAlone(judgement error) bool {
	var chain *tlsverify.ChainError
	var identity *tlsverify.IdentityError
	return errors.As(judgement, &chain) || errors.As(judgement, &identity)
}

// writePin asks, and then adds the line to every account that reaches the server at that port.
func (p *program) writePin(c *commandLine, o tlsverify.CheckOptions, add pinLine) error {
	at, err := findPlaces(p.env, p.uid)
	if err != nil {
		return err
	}
	path := c.rcfile.Or(at.rcfile)
	loader := rcfile.Loader{Format: c.format()}
	cfg, err := loader.Load(path)
	if err != nil {
		return err
	}
	edits := pinEdits(cfg, o.Host, portOf(o))
	if len(edits) == 0 {
		return fmt.Errorf("%s has no account at %s port %d; add one, or name the port, then run this again", path, o.Host, portOf(o))
	}
	fmt.Fprintf(p.stdout, "\nAdd %s to %s in %s? [y/N] ", add.words(), accounts(cfg, edits), path)
	answer, _ := bufio.NewReader(p.stdin).ReadString('\n')
	fmt.Fprintln(p.stdout)
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return errors.New("nothing was written")
	}
	return insertPin(loader, path, edits, add)
}

// accounts names those that are to be edited.
func accounts(cfg *rcfile.Config, edits []pinEdit) string {
	var names []string
	for _, e := range edits {
		poll := &cfg.Polls[e.poll]
		names = append(names, poll.Users[e.user].Remote.Value+"@"+poll.Name)
	}
	return strings.Join(names, ", ")
}
