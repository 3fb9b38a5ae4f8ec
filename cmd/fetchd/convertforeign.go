package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

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
	program := c.Own["from"]
	if program != "getmail" && program != "mpop" {
		return p.usage(fmt.Errorf("option --from: %q is none of: getmail, mpop", program))
	}

	accounts, err := p.foreignAccounts(program, home, c.Servers)
	if err != nil {
		return p.fail(statusOfForeign(err), err)
	}

	var text bytes.Buffer
	if c.Has("uids") {
		err = p.writeUIDs(&text, accounts)
	} else {
		cfg := &rcfile.Config{}
		for _, a := range accounts {
			cfg.Polls = append(cfg.Polls, a.Poll)
		}
		if err := p.refuseToShow(c, cfg); err != nil {
			return p.fail(exit.Syntax, err)
		}
		err = foreign.Print(&text, accounts, foreignFormat(c.Own["to"]))
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

// foreignAccounts are the accounts of the files, or of the one where the program keeps it.
func (p *program) foreignAccounts(program, home string, files []string) ([]foreign.Account, error) {
	if len(files) == 0 {
		files = []string{p.foreignFile(program, home)}
	}

	var all []foreign.Account
	for _, file := range files {
		text, err := readForeign(file)
		if err != nil {
			return nil, hints.Errorf("name the file", "%s: %w", program, err)
		}

		found, err := parseForeign(program, file, text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, found...)
	}
	return all, nil
}

func parseForeign(program, file string, text []byte) ([]foreign.Account, error) {
	if program == "mpop" {
		return foreign.Mpop(text)
	}
	a, err := foreign.Getmail(text, filepath.Dir(file))
	return []foreign.Account{a}, err
}

// foreignFile is where the program has its configuration.
func (p *program) foreignFile(program, home string) string {
	etc := p.env("XDG_CONFIG_HOME")
	if !filepath.IsAbs(etc) {
		etc = filepath.Join(home, ".config")
	}

	places := []string{filepath.Join(home, ".mpoprc"), filepath.Join(etc, "mpop", "config")}
	if program == "getmail" {
		places = []string{
			filepath.Join(etc, "getmail", "getmailrc"), filepath.Join(home, ".getmail", "getmailrc"),
		}
	}
	if _, err := os.Stat(places[0]); err != nil {
		if _, err := os.Stat(places[1]); err == nil {
			return places[1]
		}
	}
	return places[0]
}

func readForeign(path string) ([]byte, error) {
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
			p.say("%s: no record of IMAP messages can be taken over; see %s help moving", a.Poll.Name, p.name)
			continue
		}

		text, err := readForeign(file)
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
