package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"fetchd/cmd/fetchd/internal/demo"
)

func demoCommand() subcommand {
	return subcommand{
		name: "demo", args: "[--keep-files]",
		summary: "Shows a retrieval: starts an IMAPS and a POP3S server on this machine with a dozen messages each, writes an rc file, and runs the program on it twice. Everything happens in a temporary directory.",
		options: []option{{long: "keep-files", help: "leave the temporary directory for a closer look"}},
		run:     runDemo,
	}
}

func runDemo(ctx context.Context, p *program, c *commandLine) status {
	dir, err := os.MkdirTemp("", "fetchd-demo-")
	if err != nil {
		return p.fail(exitIO, err)
	}
	st, err := p.showDemo(ctx, c, dir)
	if c.has("keep-files") {
		fmt.Fprintf(p.stdout, "\nEverything is in %s.\n", dir)
	} else {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	if err != nil {
		return p.fail(max(st, exitIO), err)
	}
	return st
}

func (p *program) showDemo(ctx context.Context, c *commandLine, dir string) (status, error) {
	servers, err := demo.Start(demo.Messages())
	if err != nil {
		return exitInternal, err
	}
	defer servers.Close()
	rc, err := writeDemoFiles(dir, servers)
	if err != nil {
		return exitIO, err
	}
	fmt.Fprintf(p.stdout, "An IMAPS server listens on port %d, a POP3S server on port %d. The rc file:\n\n%s\n", servers.IMAPPort, servers.POP3Port, rc)
	fmt.Fprintf(p.stdout, "First run: %s -f %s\n\n", p.name, filepath.Join(dir, "fetchmailrc"))
	if st := p.runInDemo(ctx, c, dir); st != exitMail {
		return st, fmt.Errorf("the first run ended with status %d", st)
	}
	if err := p.listMaildir(dir); err != nil {
		return exitIO, err
	}
	fmt.Fprint(p.stdout, "\nSecond run, which finds nothing new (status 1):\n\n")
	if st := p.runInDemo(ctx, c, dir); st != exitNoMail {
		return exitInternal, fmt.Errorf("the second run ended with status %d, not 1", st)
	}
	fmt.Fprint(p.stdout, demoFarewell)
	return exitMail, nil
}

const demoFarewell = `
For your own account put this into ~/.fetchmailrc, with chmod 600:

    poll imap.example.org proto imap
        user "you" password "your password" ssl keep

ssl is TLS from the first byte; without it STARTTLS is demanded. No sslcertfile
is needed: the system's certificates are trusted. keep leaves the mail on the
server; remove it once you are content. "fetchd check-config" checks the file,
"fetchd" retrieves once into ~/Maildir, "fetchd -d 300" every five minutes.
`

// writeDemoFiles writes the rc file and what it names, and returns its text with the password hidden.
func writeDemoFiles(dir string, s *demo.Servers) (string, error) {
	text := func(password string) string {
		return fmt.Sprintf(`set pidfile "pid"
set idfile "ids"
defaults user %q password %q ssl sslcertfile "root.pem" maildir "Maildir"
poll imaps via %s proto imap port %d keep
poll pop3s via %s proto pop3 port %d
`, s.User, password, demo.Host, s.IMAPPort, demo.Host, s.POP3Port)
	}
	files := map[string][]byte{"root.pem": s.Root, "fetchmailrc": []byte(text(s.Password))}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return "", err
		}
	}
	return text("***"), nil
}

// runInDemo runs the program itself on the demonstration's rc file.
func (p *program) runInDemo(ctx context.Context, c *commandLine, dir string) status {
	run := *p
	run.early = nil
	run.args = []string{"-f", filepath.Join(dir, "fetchmailrc")}
	for range c.verbose {
		run.args = append(run.args, "-v")
	}
	own := map[string]string{"HOME": dir, "FETCHMAILHOME": "", "HOME_ETC": ""}
	run.env = func(name string) string {
		if v, ok := own[name]; ok {
			return v
		}
		return p.env(name)
	}
	return run.run(ctx)
}

func (p *program) listMaildir(dir string) error {
	files, err := os.ReadDir(filepath.Join(dir, "Maildir", "new"))
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "\n%d messages in %s:\n\n", len(files), filepath.Join(dir, "Maildir", "new"))
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "  %8d  %s\n", info.Size(), f.Name())
	}
	return nil
}
