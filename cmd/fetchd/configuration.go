package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"fetchd/cmd/fetchd/internal/account"
	"fetchd/cmd/fetchd/internal/account/secret"
	"fetchd/cmd/fetchd/internal/cli"
	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/rcfile"
)

// configuration reads the rc file and lets the command line override it. Servers on the command line that are
// not in the file get entries of their own. A missing file is an error only if the command line names it.
func (p *program) configuration(c *cli.CommandLine, at *places) (*rcfile.Config, error) {
	loader := rcfile.Loader{
		Format: c.Format(), Stdin: p.stdin, SkipPermissions: c.Mode == cli.ModeVersion,
		Credentials: secret.Credentials(p.env),
		Partial:     true,
	}
	p.rcfiles = new(rcFiles)
	loader.Opened = p.rcfiles.note

	// Read whole, and kept: a daemon that is started in the background reads the same text again.
	if c.Rcfile.Value == "-" {
		text, err := io.ReadAll(io.LimitReader(p.stdin, maxHandover))
		if err != nil {
			return nil, fmt.Errorf("read the rc file from standard input: %w", err)
		}
		loader.Stdin, p.rctext = bytes.NewReader(text), bytes.NewReader(text)
	}

	cfg, err := loader.Load(c.Rcfile.Or(at.rcfile))
	if errors.Is(err, fs.ErrNotExist) && !c.Rcfile.Set {
		cfg, err = &rcfile.Config{}, nil
	}
	if err != nil && cfg != nil { // report everything that is wrong in one run
		r := account.New(account.Environment{Getenv: p.env, Home: at.home, Caller: at.caller})
		return nil, errors.Join(append([]error{err}, r.Mistakes(cfg.Polls)...)...)
	}
	if err != nil {
		return nil, err
	}

	// Only now, and before AddUnknown makes a server of the misspelt word and connects to it.
	if c.Meant != "" && !account.IsKnown(cfg, c.Servers[0]) {
		return nil, &rcfile.Error{
			Msg:  fmt.Sprintf("%q is no subcommand, and no server in the rc file", c.Servers[0]),
			Next: fmt.Sprintf("did you mean %q? An entry in the rc file makes it a server", c.Meant),
		}
	}
	account.AddUnknown(cfg, c.Servers)
	override(c, cfg)
	return cfg, nil
}

// override lets the options of the command line replace the settings of the file.
func override(c *cli.CommandLine, cfg *rcfile.Config) {
	u := &c.Said.User
	// lmtp only chooses the protocol for smtphost
	if u.MDA.Set || u.Maildir.Set || u.BSMTP.Set || len(u.SMTPHosts) > 0 {
		// Otherwise the destination of the file could count before that of the command line.
		forgetDestinations(cfg)
	}
	cfg.Override(&c.Said)
}

// forgetDestinations removes the destinations that the file names: the command line names another.
func forgetDestinations(cfg *rcfile.Config) {
	for i := range cfg.Polls {
		for j := range cfg.Polls[i].Users {
			account.ForgetDestinations(&cfg.Polls[i].Users[j])
		}
	}
}

// failConfig prints the error of configuration, a line for each mistake, and returns its status.
func (p *program) failConfig(err error) exit.Status {
	for _, e := range flatten(err) {
		p.fail(0, e)
	}
	return statusOfConfig(err)
}

func statusOfConfig(err error) exit.Status {
	var mistake *rcfile.Error
	if errors.As(err, &mistake) {
		return exit.Syntax
	}
	return exit.IO
}

// flatten returns the errors that errors.Join joined. An error that adds text of its own stays whole.
func flatten(err error) []error {
	if err == nil {
		return nil
	}

	var joined interface {
		error
		Unwrap() []error
	}
	// Joined errors may be wrapped in one that adds text; to take them apart would lose that.
	if !errors.As(err, &joined) || joined.Error() != err.Error() {
		return []error{err}
	}

	var all []error
	var texts []string
	for _, e := range joined.Unwrap() {
		all = append(all, flatten(e)...)
		texts = append(texts, e.Error())
	}

	// Some other error with several causes, such as that of fmt.Errorf with two %w.
	if strings.Join(texts, "\n") != err.Error() {
		return []error{err}
	}

	return all
}

// dump prints the merged configuration, and on the error output what is refused in it.
func (p *program) dump(c *cli.CommandLine, at *places, cfg *rcfile.Config) exit.Status {
	r := account.New(account.Environment{Getenv: p.env, Home: at.home, Caller: at.caller})
	for _, err := range r.Mistakes(cfg.Polls) {
		p.fail(exit.Syntax, err)
	}
	if err := rcfile.Dump(p.stdout, cfg, rcfile.DumpOptions{ShowSecrets: c.ShowSecrets}); err != nil {
		return p.fail(exit.IO, fmt.Errorf("write the configuration: %w", err))
	}
	return exit.Mail
}
