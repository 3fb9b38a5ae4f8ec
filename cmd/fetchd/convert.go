package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"fetchd/cmd/fetchd/internal/cli"
	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/cmd/fetchd/internal/foreign"
	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/rcfile"
)

func convertCommand() cli.Subcommand {
	return cli.Subcommand{
		Name: "convert",
		Args: "[--from fdm|getmail|mpop [--uids]] [--to toml|fetchmailrc] [--output NEW] [FILE…]",
		Summary: "Writes an rc file in the other grammar, passwords included, to a terminal only with " +
			"--show-secrets. " +
			"Comments are lost and defaults are merged into the entries. With --from it reads the " +
			"configuration of another program, and notes what has no equivalent.",
		Options: []cli.Option{
			{Long: "from", Arg: "PROGRAM", Values: strings.Join(foreign.Names(), " "),
				Help: "FILE is of fdm, getmail6 or mpop (or several are); by default where it keeps it"},
			{Long: "uids", Help: "with --from: write which POP3 messages it has retrieved, for ~/.fetchids"},
			{Long: "to", Arg: "FORMAT", Values: "toml fetchmailrc",
				Help: "toml or fetchmailrc; by default the one that FILE is not in, with --from fetchmailrc"},
			{Long: "output", Short: "o", Arg: "NEW",
				Help: "write to NEW, which must not exist, readable by you alone"},
		},
	}
}

func runConvert(_ context.Context, p *program, c *cli.CommandLine) exit.Status {
	at, err := p.places()
	if err != nil {
		return p.fail(exit.Internal, err)
	}

	if err := checkTarget(c.Own["to"]); err != nil {
		return p.usage(err)
	}
	if c.Has("from") {
		return p.convertForeign(c, at.home)
	}

	path := c.Rcfile.Or(at.rcfile)
	switch {
	case c.Has("uids"):
		return p.usage(errors.New("--uids needs --from"))
	case len(c.Servers) > 1:
		return p.usage(errors.New("convert takes one file"))
	case len(c.Servers) == 1:
		path = c.Servers[0]
	}

	// Nothing is done that the file says, so its permissions don't matter; secrets are another question,
	// below.
	cfg, err := rcfile.Loader{Format: c.Format(), Stdin: p.stdin, AsWritten: true,
		SkipPermissions: true}.Load(path)
	if err != nil {
		return p.failConfig(err)
	}
	if err := p.refuseToShow(c, cfg); err != nil {
		return p.fail(exit.Syntax, err)
	}

	for _, w := range slices.Concat(cfg.Warnings(), refusals(cfg)) {
		fmt.Fprintf(p.stderr, "%s: WARNING: %s\n", p.name, logging.Escape(w.Error()))
	}

	if cfg.HasDefaults() {
		fmt.Fprintf(p.stderr, "%s: WARNING: the defaults are part of each entry now; a server that is "+
			"named on the command line alone no longer has them\n", p.name)
	}

	// Printed into memory first, so that an error leaves no half of a file behind.
	var text bytes.Buffer
	if err := rcfile.Fprint(&text, cfg, targetFormat(c.Own["to"], cfg)); err != nil {
		return p.fail(exit.Syntax, err)
	}
	if err := p.writeConverted(c, text.Bytes()); err != nil {
		return p.fail(exit.IO, err)
	}

	return exit.Mail
}

// refusals are the reasons why accounts of cfg can't be retrieved from. Not all are to be seen in the new
// file: a stray quote mark is a part of the text there.
func refusals(cfg *rcfile.Config) []*rcfile.Error {
	var all []*rcfile.Error
	for i := range cfg.Polls {
		poll := &cfg.Polls[i]
		for k := range poll.Users {
			all = append(all, poll.Refusals(&poll.Users[k])...)
		}
	}
	return all
}

// refuseToShow returns an error if passwords of cfg would be shown on a terminal unasked.
func (p *program) refuseToShow(c *cli.CommandLine, cfg *rcfile.Config) error {
	// A pipe or a file gets them: there the passwords are what the user wants to convert, and nobody looks
	// on.
	if c.Has("output") || c.ShowSecrets || !isTerminal(p.stdout) || !cfg.HoldsSecret() {
		return nil
	}
	return errors.New("the file holds passwords, which would be shown on the terminal; " +
		"--output NEW writes to a file, --show-secrets shows them")
}

func (p *program) writeConverted(c *cli.CommandLine, text []byte) error {
	if !c.Has("output") {
		_, err := p.stdout.Write(text)
		return err
	}
	return createPrivate(rcfile.ExpandHome(c.Own["output"]), text)
}

// createPrivate writes a file that must not exist, readable by its owner alone.
func createPrivate(path string, text []byte) error {
	// O_EXCL: the mode of a file that exists would stay, and others might read the passwords.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

func checkTarget(word string) error {
	if word == "" || word == "toml" || word == "fetchmailrc" {
		return nil
	}
	return fmt.Errorf("option --to: %q is none of: toml, fetchmailrc", word)
}

// targetFormat is the format that --to names, or else the one that the file is not in.
func targetFormat(word string, cfg *rcfile.Config) rcfile.Format {
	if word == "toml" || word == "" && cfg.Format() != rcfile.TOML {
		return rcfile.TOML
	}
	return rcfile.Fetchmailrc
}
