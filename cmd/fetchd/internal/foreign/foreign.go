// Package foreign reads the configuration of other retrieval programs, fdm, getmail6 and mpop, and says it in
// the words of our rc file. What has no equivalent becomes a note; nothing is dropped without one. It runs no
// command and reads only the records of retrieved messages that it is asked for.
package foreign

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"fetchd/rcfile"
)

// Account is one account of the other program.
type Account struct {
	Poll  rcfile.Poll // with its only user
	Notes []string    // what has no equivalent here, or means something else
	Seen  Record      // which messages the other program has retrieved
}

// Configuration is what a file, or several, of the other program says.
type Configuration struct {
	Notes    []string // what belongs to no account
	Accounts []Account
}

// Print writes the accounts as an rc file in the given grammar, the notes of each above its entry as
// comments. It contains the passwords. The error is of an account that the grammar can't say.
func Print(w io.Writer, found Configuration, format rcfile.Format) error {
	accounts := found.Accounts
	var out bytes.Buffer
	for _, note := range found.Notes {
		fmt.Fprintf(&out, "# %s\n", oneLine(note))
	}
	if len(found.Notes) > 0 {
		out.WriteByte('\n')
	}

	for i := range accounts {
		a := &accounts[i]
		if i > 0 {
			out.WriteByte('\n')
		}
		for _, note := range a.Notes {
			fmt.Fprintf(&out, "# %s: %s\n", oneLine(a.Poll.Name), oneLine(note))
		}
		cfg := &rcfile.Config{Polls: []rcfile.Poll{a.Poll}}
		if err := rcfile.Fprint(&out, cfg, format); err != nil {
			return err
		}
	}

	// Read again before anybody relies on it: other programs allow characters that an rc file can't hold.
	cfg, err := rcfile.Parse("converted", out.Bytes(), format)
	if err == nil && len(cfg.Polls) != len(accounts) {
		err = errors.New("it is read as other accounts than were written")
	}
	if err != nil {
		return fmt.Errorf("these accounts can't be said in an rc file: %w", err)
	}

	_, err = w.Write(out.Bytes())
	return err
}

// oneLine keeps a comment from ending before its line does.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}

// builder makes one account.
type builder struct {
	said  rcfile.Said
	notes []string
}

func (b *builder) note(format string, args ...any) {
	b.notes = append(b.notes, fmt.Sprintf(format, args...))
}

// noteKeyring says what becomes of a password that the other program has from the keyring.
func (b *builder) noteKeyring(program string) {
	b.note("%s asks the keyring for the password; here it is looked for in ~/.netrc and asked for "+
		"on the terminal, or write passwordeval with the keyring's command", program)
}

// noteToken says that the password is a token, which the other program gets elsewhere.
func (b *builder) noteToken() {
	b.note("the password is an access token here; with oauth fetchd gets and renews it by itself, " +
		"see fetchd help oauth")
}

// set stores the value of a keyword. What the keyword does not take becomes a note.
func (b *builder) set(keyword, text string) {
	warnings, err := b.said.Set(keyword, keyword, text)
	if err != nil {
		b.note("%s is left out: %v", keyword, err)
	}
	b.notes = append(b.notes, warnings...)
}

func (b *builder) flag(keyword string, on bool) {
	b.notes = append(b.notes, b.said.SetFlag(keyword, keyword, on)...)
}

// account is what was built: an entry of that name for a server.
func (b *builder) account(name, host string) (Account, error) {
	if host == "" {
		return Account{}, fmt.Errorf("account %q names no server", name)
	}
	poll := b.said.Poll
	poll.Name, poll.Active = name, true
	if name != host {
		poll.Via = rcfile.Some(host)
	}
	poll.Users = []rcfile.User{b.said.User}
	return Account{Poll: poll, Notes: b.notes}, nil
}

// noDestination notes that there is none.
func (b *builder) noDestination(why string) {
	b.note("%s; name the destination here: maildir, mbox, mda, smtphost or deliver", why)
}

// clearText notes that the other program sent the password without TLS.
func (b *builder) clearText(program string) {
	b.note("%s used no TLS here; STARTTLS is required now. If the server has neither: sslproto ''", program)
}
