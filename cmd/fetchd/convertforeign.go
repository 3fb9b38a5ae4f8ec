package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"fetchd/cmd/fetchd/internal/cli"
	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/cmd/fetchd/internal/foreign"
	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/rcfile"
	"fetchd/tlsverify/hints"
)

// maxForeign bounds the file of another program: such a record has some dozens of bytes for each message.
const maxForeign = 64 << 20

// convertForeign writes the configuration of another program as an rc file, or with --uids what it has
// retrieved.
func (p *program) convertForeign(c *cli.CommandLine, home string) exit.Status {
	program, is := foreign.Find(c.Own["from"])
	if !is {
		return p.usage(fmt.Errorf("option --from: %q is none of: %s", c.Own["from"],
			strings.Join(foreign.Names(), ", ")))
	}

	found, err := p.readForeign(program, home, c.Servers)
	if err != nil {
		return p.fail(statusOfForeign(err), err)
	}

	// Printed into memory first, so that an error leaves no half of a file behind.
	var text bytes.Buffer
	if c.Has("uids") {
		err = p.writeUIDs(&text, found.Accounts)
	} else {
		cfg := &rcfile.Config{}
		for _, a := range found.Accounts {
			cfg.Polls = append(cfg.Polls, a.Poll)
		}
		if err := p.refuseToShow(c, cfg); err != nil {
			return p.fail(exit.Syntax, err)
		}
		err = foreign.Print(&text, found, foreignFormat(c.Own["to"]))
	}
	if err != nil {
		return p.fail(statusOfForeign(err), err)
	}

	if err := p.writeConverted(c, text.Bytes()); err != nil {
		return p.fail(exit.IO, err)
	}
	return exit.Mail
}

// statusOfForeign tells a file that can't be read from one that is not understood.
func statusOfForeign(err error) exit.Status {
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return exit.IO
	}
	return exit.Syntax
}

// foreignFormat is the grammar that --to names, or fetchmail's.
func foreignFormat(word string) rcfile.Format {
	if word == "toml" {
		return rcfile.TOML
	}
	return rcfile.Fetchmailrc
}

// readForeign reads the files, or the one where the program keeps its configuration.
func (p *program) readForeign(program foreign.Program,
	home string, files []string) (foreign.Configuration, error) {
	if len(files) == 0 {
		files = []string{p.foreignPlace(program, home)}
	}

	var all foreign.Configuration
	for _, file := range files {
		text, err := readBounded(file)
		if err != nil {
			return all, hints.Errorf("name the file", "%s: %w", program.Name, err)
		}

		found, err := program.Read(text, filepath.Dir(file))
		if err != nil {
			return all, fmt.Errorf("%s: %w", file, err)
		}
		all.Notes = append(all.Notes, found.Notes...)
		all.Accounts = append(all.Accounts, found.Accounts...)
	}
	return all, nil
}

// foreignPlace is where the program has its configuration, or would have it.
func (p *program) foreignPlace(program foreign.Program, home string) string {
	etc := p.env("XDG_CONFIG_HOME")
	if !filepath.IsAbs(etc) {
		etc = filepath.Join(home, ".config")
	}

	places := program.Places(home, etc)
	for _, place := range places {
		if _, err := os.Stat(place); err == nil {
			return place
		}
	}
	return places[0]
}

// readBounded reads a file of another program.
func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()

	text, err := io.ReadAll(io.LimitReader(f, maxForeign+1))
	if len(text) > maxForeign {
		err = fmt.Errorf("%s has more than %d bytes", path, maxForeign)
	}
	return text, err
}

// writeUIDs writes the UIDs of the messages that the program has retrieved, and says how many they are.
func (p *program) writeUIDs(w io.Writer, accounts []foreign.Account) error {
	for _, a := range accounts {
		file := rcfile.ExpandHome(a.Seen.File)
		if file == "" {
			p.say("%s: there is no record that can be taken over; see %s help moving", a.Poll.Name, p.name)
			continue
		}

		text, err := readBounded(file)
		if errors.Is(err, fs.ErrNotExist) {
			p.say("%s: there is no record %s: all that is on the server counts as new", a.Poll.Name, file)
			continue
		}
		if err != nil {
			return err
		}

		n, err := a.Seen.Write(w, text)
		if err != nil {
			return err
		}
		p.say("%s: %s of %s", a.Poll.Name, logging.Counted(int64(n), "UID"), file)
	}
	return nil
}

// say prints a line for the user beside what goes to the standard output.
func (p *program) say(format string, args ...any) {
	fmt.Fprintf(p.stderr, "%s: %s\n", p.name, logging.Escape(fmt.Sprintf(format, args...)))
}
