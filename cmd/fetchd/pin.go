package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
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
	if err := p.writePin(c, targets[0].Host, tlsverify.PinOf(verdict.Presented[0]).String()); err != nil {
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
		text = "WITHOUT A PIN THIS SERVER IS REFUSED: " + escape(judgement.Error()) +
			"\nPin the key only if the operator confirmed it by another way than this connection."
	}
	_, err := fmt.Fprintf(p.stdout, "\n%s\n\n%s\n", text, strings.Join(tlsverify.PinLines(v.Presented[0]), "\n"))
	return err
}

// writePin asks, and then adds the pin to every user of the polls of host.
func (p *program) writePin(c *commandLine, host, pin string) error {
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
	edits := pinEdits(cfg, host)
	if len(edits) == 0 {
		return fmt.Errorf("%s has no entry for %s; add one, then run this again", path, host)
	}
	fmt.Fprintf(p.stdout, "\nAdd sslpin %q to %d accounts of %s? [y/N] ", pin, len(edits), path)
	answer, _ := bufio.NewReader(p.stdin).ReadString('\n')
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return errors.New("nothing was written")
	}
	return insertPin(loader, path, edits, pin)
}
