package foreign

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// convertFdm reads the configuration of fdm. Its accounts become entries, and where their mail goes is said
// there as far as the rules don't look into the messages.
func convertFdm(text []byte) (Configuration, error) {
	file, err := readFdm(text)
	if err != nil {
		return Configuration{}, err
	}

	found := Configuration{Notes: file.notes}
	for _, a := range file.accounts {
		if !strings.HasPrefix(a.kind, "pop3") && !strings.HasPrefix(a.kind, "imap") {
			found.Notes = append(found.Notes, fmt.Sprintf("line %d, account %.100q, is left out: mail is "+
				"retrieved by POP3 and IMAP only, and not from %s", a.line, a.name, a.kind))
			continue
		}
		account, err := (&fdmBuilder{file: file, from: a}).convert()
		if err != nil {
			return Configuration{}, err
		}
		found.Accounts = append(found.Accounts, account)
	}

	found.Notes = append(found.Notes, file.unused()...)
	if len(found.Accounts) == 0 {
		return found, errors.New("it has no account on a POP3 or IMAP server")
	}
	return found, nil
}

// fdmBuilder makes the entry of an account.
type fdmBuilder struct {
	builder
	file *fdmFile
	from *fdmAccount
}

func (b *fdmBuilder) convert() (Account, error) {
	protocol, ssl := strings.CutSuffix(b.from.kind, "s")
	b.set("protocol", protocol)
	if ssl {
		b.flag("ssl", true)
	}
	b.login()
	b.tls(ssl)
	b.messages(protocol == "imap")
	b.delivery()

	// A server that a command connects to has no name but that of the account.
	host, user := cmp.Or(b.from.word("server"), b.from.name), b.from.word("user")
	a, err := b.account(b.from.name, host)
	a.Poll.Active = !b.from.disabled
	if cache := b.from.word("cache"); protocol == "pop3" && cache != "" {
		file, known := fdmMail{account: b.from.name}.replace(cache, "~")
		if known {
			a.Seen = Record{File: file, User: user, Host: host, read: fdmUIDs}
		}
		a.Notes = append(a.Notes, "convert --from fdm --uids takes over what fdm has retrieved; see fetchd "+
			"help moving")
	}
	return a, err
}

func (b *fdmBuilder) login() {
	for _, name := range []string{"server", "port", "user", "pass"} {
		t := b.from.words[name]
		if _, known := (fdmMail{account: b.from.name}).replace(t.text, "~"); !known {
			b.note("line %d, %s: the tags in it have no equivalent: write it", t.line, name)
		}
		if t.kind == fdmCommand && name != "pass" {
			b.note("line %d: %s is what a command prints, which is not run here: write it", t.line, name)
		}
	}

	if port := b.from.word("port"); port != "" {
		b.set("service", port)
	}
	if user := b.from.word("user"); user != "" {
		b.set("user", user)
	} else if b.from.pipe == "" {
		b.note("fdm takes the user from ~/.netrc; write user, by which fetchd finds the password there")
	}

	switch pass := b.from.words["pass"]; {
	case pass.kind == fdmCommand:
		b.set("passwordeval", pass.text)
	case pass.text != "":
		b.set("password", b.from.word("pass"))
	}

	switch {
	case b.from.has("oauthbearer"), b.from.has("xoauth2"):
		auth := "xoauth2"
		if b.from.has("oauthbearer") {
			auth = "oauthbearer"
		}
		b.set("auth", auth)
		b.noteToken()
	case b.from.has("no-plain"), b.from.has("no-login"), b.from.has("no-cram-md5"):
		b.note("which login was left out in fdm is not said here: the best that the server offers is used; " +
			"see auth")
	}
	if b.from.has("no-uidl") {
		b.note("no-uidl: a server without UIDL is refused here as long as messages are kept")
	}
}

// tls sets what is known of the connection.
func (b *fdmBuilder) tls(ssl bool) {
	_, verifies := b.file.settings["verify-certificates"]
	switch {
	case b.from.pipe != "":
		// The command sees to it that nobody listens.
		b.set("plugin", b.from.pipe)
		b.set("sslproto", "")
		if b.from.word("user") == "" {
			b.set("auth", "implicit")
		}
		return
	case !ssl && !b.from.has("starttls"):
		b.clearText("fdm")
	case !verifies || b.from.has("no-verify"):
		b.note("fdm believed any server here; now it must prove who it is: fetchd check-tls says whether " +
			"it does, and fetchd pin how to trust its key alone")
	}
	if b.from.has("insecure") {
		b.note("insecure: TLS 1.2 is the oldest version here; sslproto tls1+ lets older ones in")
	}
}

// messages sets what is retrieved, and what happens to it on the server.
func (b *fdmBuilder) messages(isIMAP bool) {
	keep, isNew := b.from.has("keep"), b.from.has("new-only")
	b.flag("keep", keep)
	switch {
	case b.from.has("old-only"):
		b.note("old-only has no equivalent: what is new is retrieved")
	case isNew && isIMAP:
		b.note(`what is \Seen at the first contact is old here, too; from then on a journal says what is ` +
			"new, and mail that was read elsewhere is retrieved")
	case isNew:
	case keep:
		b.note("keep without new-only retrieves everything again each time; only what is new is " +
			"retrieved here, unless you write fetchall")
	default:
		b.flag("fetchall", true)
	}
	if isIMAP && len(b.from.folders) > 0 {
		b.said.User.Folders = b.from.folders
	}

	if size, is := b.file.settings["maximum-size"]; is {
		b.set("limit", size.value)
		if _, deletes := b.file.settings["delete-oversized"]; deletes {
			b.flag("limitflush", true)
		}
	}
	if n := b.file.settings["purge-after"].value; n != "" {
		b.set("expunge", n)
	}
	if seconds := b.file.settings["timeout"].value; seconds != "" {
		b.set("timeout", seconds)
	}
}

// unused notes what set says and no account needs.
func (f *fdmFile) unused() []string {
	for _, name := range []string{"maximum-size", "delete-oversized", "purge-after", "timeout",
		"verify-certificates"} {
		delete(f.settings, name)
	}

	instead := map[string]string{
		"no-received":       "set invisible leaves the Received line out",
		"proxy":             "plugin connects through a command, such as a SOCKS client",
		"lock-file":         "set pidfile names the lock file",
		"lock-wait":         "the second of two runs ends at once, with status 8",
		"lock-timeout":      "the second of two runs ends at once, with status 8",
		"allow-multiple":    "two runs with one lock file never overlap",
		"ignore-errors":     "a message that can't be delivered delays no other",
		"parallel-accounts": "all accounts are retrieved at the same time; see set maxpolls",
		"queue-high":        "how much is asked for in advance is decided here",
		"queue-low":         "how much is asked for in advance is decided here",
		"unmatched-mail":    "nothing is dropped here, and there are no rules",
		"lock-types":        "an mbox is locked with fcntl and a lock file",
		"lock-type":         "an mbox is locked with fcntl and a lock file",
		"file-umask":        "mail is readable by its owner alone",
		"file-group":        "mail is readable by its owner alone",
		"default-user":      "root writes as the owner of a Maildir or mbox; see maildir",
		"command-user":      "agents of root run as the user in FETCHMAILUSER",
	}
	var notes []string
	for _, name := range inOrder(f.settings) {
		notes = append(notes, fmt.Sprintf("line %d, set %.40s, is left out: %s", f.settings[name].line, name,
			cmp.Or(instead[name], "there is no equivalent")))
	}
	return notes
}

// linesOf names lines of the file, each once.
func linesOf(lines []int) string {
	slices.Sort(lines)
	lines = slices.Compact(lines)
	words := make([]string, len(lines))
	for i, line := range lines {
		words[i] = strconv.Itoa(line)
	}
	if len(words) == 1 {
		return "line " + words[0]
	}
	return "lines " + strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
