package foreign

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fetchd/cmd/fetchd/internal/shell"
)

// getmailBuilder makes the account of a file of getmail. Each setting is taken once.
type getmailBuilder struct {
	builder
	sections  []*section
	retriever *section
	options   *section
	taken     map[*section]map[string]bool
	isIMAP    bool
}

// convertGetmail reads a configuration file of getmail6, which has one account. dir is where getmail keeps
// its records, the directory of the file unless it was told otherwise.
func convertGetmail(text []byte, dir string) (Account, error) {
	sections, err := readIni(text)
	if err != nil {
		return Account{}, err
	}

	b := &getmailBuilder{sections: sections, taken: map[*section]map[string]bool{}}
	b.retriever, b.options = b.section("retriever"), b.section("options")
	if b.retriever == nil {
		return Account{}, errors.New("it has no section [retriever]")
	}
	if b.options == nil {
		b.options = &section{}
	}

	if err := b.kind(); err != nil {
		return Account{}, err
	}
	b.login()
	b.tls()
	b.mailboxes()
	b.messages()
	b.destination()
	b.rest()

	host, user := b.value("server"), b.value("username")
	a, err := b.account(host, host)
	if !b.isIMAP {
		a.Seen = b.record(dir, user, host)
	}
	a.Notes = append(a.Notes, b.firstContact()...)
	return a, err
}

func (b *getmailBuilder) section(name string) *section {
	i := slices.IndexFunc(b.sections, func(s *section) bool { return s.name == name })
	if i < 0 {
		return nil
	}
	return b.sections[i]
}

// of takes a value of a section.
func (b *getmailBuilder) of(s *section, name string) string {
	if b.taken[s] == nil {
		b.taken[s] = map[string]bool{}
	}
	b.taken[s][name] = true
	return s.values[name].value
}

// value takes a value of the retriever.
func (b *getmailBuilder) value(name string) string { return b.of(b.retriever, name) }

// yes takes a switch of a section.
func (b *getmailBuilder) yes(s *section, name string, def bool) bool {
	switch strings.ToLower(b.of(s, name)) {
	case "":
		return def
	case "true", "yes", "on", "1":
		return true
	case "false", "no", "off", "0":
		return false
	}
	b.note("%s %q is not understood; %t is assumed", name, b.of(s, name), def)
	return def
}

// copy stores a value of the retriever under a keyword of ours.
func (b *getmailBuilder) copy(name, keyword string) {
	if value := b.value(name); value != "" {
		b.set(keyword, value)
	}
}

// kind sets what the type of the retriever says.
func (b *getmailBuilder) kind() error {
	kind := b.value("type")
	rest, ok := strings.CutSuffix(kind, "Retriever")
	rest, ssl := strings.CutSuffix(rest, "SSL")
	switch rest {
	case "SimplePOP3", "MultidropPOP3":
		b.set("protocol", "pop3")
	case "BrokenUIDLPOP3":
		b.set("protocol", "pop3")
		b.note("%s: a server without UIDL is refused here as long as messages are kept", kind)
	case "MultidropSDPS":
		b.set("protocol", "sdps")
	case "SimpleIMAP", "MultidropIMAP":
		b.set("protocol", "imap")
		b.isIMAP = true
	default:
		ok = false
	}
	if !ok {
		return fmt.Errorf("line %d: there is no retriever %.40q", b.retriever.values["type"].line, kind)
	}

	if ssl {
		b.flag("ssl", true)
	} else {
		b.clearText("getmail")
	}
	if strings.HasPrefix(rest, "Multidrop") {
		b.multidrop()
	}
	return nil
}

// multidrop is for a mailbox of several users: whom a message is for, a header field says.
func (b *getmailBuilder) multidrop() {
	field, number, counted := strings.Cut(b.value("envelope_recipient"), ":")
	if field != "" {
		b.set("envelope", strings.TrimSpace(field))
	}
	if n, err := strconv.Atoi(strings.TrimSpace(number)); counted && err == nil && n > 1 && field != "" {
		b.set("envskip", strconv.Itoa(n-1))
	}
	b.said.User.Wildcard = true
	b.note("a mailbox of several users: say with \"is\" who they are, and with localdomains which domains " +
		"are here; see fetchmailrc(5)")
}

func (b *getmailBuilder) login() {
	b.copy("port", "service")
	b.copy("username", "user")
	b.copy("password", "password")
	b.copy("timeout", "timeout")

	command, ok := tuple(b.value("password_command"))
	switch {
	case !ok:
		b.note("password_command is left out: it is no tuple of strings")
	case len(command) > 0:
		quoted := make([]string, len(command))
		for i, word := range command {
			quoted[i] = shell.Quote(word)
		}
		b.set("passwordeval", strings.Join(quoted, " "))
	case b.value("password") == "":
		b.noteKeyring("getmail")
	}

	if b.yes(b.retriever, "use_xoauth2", false) {
		b.set("auth", "xoauth2")
		b.noteToken()
	}
	if b.yes(b.retriever, "use_apop", false) {
		b.set("protocol", "apop")
	}
	if b.yes(b.retriever, "use_cram_md5", false) {
		b.set("auth", "cram-md5")
	}
}

func (b *getmailBuilder) tls() {
	prints, ok := tuple(b.value("ssl_fingerprints"))
	if !ok {
		b.note("ssl_fingerprints is left out: it is no tuple of strings")
	}
	for _, print := range prints {
		b.set("sslfingerprint", print)
	}
	authorities := b.value("ca_certs")
	if authorities != "" {
		b.set("sslcertfile", authorities)
	}
	switch {
	case b.said.User.SSL.Value && len(prints) == 0 && authorities == "":
		b.note("getmail believed any server without ca_certs; here it must prove who it is: " +
			"fetchd check-tls says whether it does")
	case len(b.said.User.SSLFingerprints) > 0 && authorities == "":
		b.flag("sslcertck", false) // as there, nothing else vouches for the server
	}

	b.copy("certfile", "sslcert")
	b.copy("keyfile", "sslkey")
	b.copy("ssl_cert_hostname", "sslcommonname")
}

// mailboxes are the IMAP folders.
func (b *getmailBuilder) mailboxes() {
	text := b.value("mailboxes")
	if strings.TrimSpace(text) == "ALL" {
		b.set("folderpattern", "*")
		return
	}
	names, ok := tuple(text)
	if !ok {
		b.note("mailboxes is left out: it is no tuple of strings")
	}
	b.said.User.Folders = names
}

// messages are the options of what is retrieved, and what happens to it on the server.
func (b *getmailBuilder) messages() {
	remove, all := b.yes(b.options, "delete", false), b.yes(b.options, "read_all", true)
	b.flag("keep", !remove)
	switch {
	case all && remove:
		b.flag("fetchall", true)
	case all:
		b.note("read_all without delete retrieves everything again each time; only what is new is " +
			"retrieved here, unless you write fetchall")
	}

	if days := b.of(b.options, "delete_after"); days != "" && days != "0" && !remove {
		b.set("keepdays", days)
	}
	if size := b.of(b.options, "max_message_size"); size != "" && size != "0" {
		b.set("limit", size)
	}
	if n := b.of(b.options, "max_messages_per_session"); n != "" && n != "0" {
		b.set("fetchlimit", n)
	}

	if folder := b.value("move_on_delete"); folder != "" && remove {
		b.set("moveto", folder)
	}
	// getmail does not touch \Seen unless it is told to, and fetchmail's rule is the other way round.
	peek := b.yes(b.retriever, "use_peek", true) && !b.yes(b.options, "mark_read", false)
	if b.isIMAP && !remove && peek {
		b.flag("markseen", false)
	}
}

// firstContact says what has to be known before the first retrieval.
func (b *getmailBuilder) firstContact() []string {
	if b.isIMAP {
		return []string{`getmail's record of what it retrieved is not taken over: at the first contact ` +
			`what is \Seen is old, and the rest is new; see fetchd help moving`}
	}
	return []string{"convert --from getmail --uids takes over what getmail has retrieved; see fetchd help " +
		"moving"}
}

// rest notes what has no equivalent.
func (b *getmailBuilder) rest() {
	for _, name := range []string{"server", "username", "password"} {
		b.value(name)
	}

	instead := map[string]string{
		"message_log": "set logfile, or --logfile, is for all accounts", "message_log_verbose": "see -v",
		"message_log_syslog": "set syslog is for all accounts", "verbose": "see -v and --silent",
		"delivered_to": "no Delivered-To is added here",
		"received":     "set invisible leaves it out, for all accounts",
		"use_netrc":    "~/.netrc is read anyway", "netrc_file": "~/.netrc is read",
		"ssl_version": "sslproto names TLS versions", "ssl_ciphers": "what is weak is not spoken",
		"use_kerberos":            "there is no Kerberos here",
		"imap_search":             "there is no search here; folder names what is retrieved",
		"imap_on_delete":          "see onfetched",
		"delete_bigger_than":      "limit with limitflush deletes what is too large, unread",
		"to_oldmail_on_each_mail": "each message is recorded before it is deleted anyway",
	}

	for _, s := range b.sections {
		if strings.HasPrefix(strings.ToLower(s.name), "filter") {
			b.note(
				"[%.40s] is left out: messages are not filtered here; a delivery agent may do that", s.name)
			continue
		}
		for _, name := range inOrder(s.values) {
			if b.taken[s][name] {
				continue
			}
			why, known := instead[name]
			if !known {
				why = "there is no equivalent"
			}
			b.note("line %d, %.40s, is left out: %s", s.values[name].line, name, why)
		}
	}
}

// record is where getmail keeps the UIDs of a POP3 account.
func (b *getmailBuilder) record(dir, user, host string) Record {
	port := "110"
	if b.said.User.SSL.Value {
		port = "995"
	}
	if p := b.value("port"); p != "" {
		port = p
	}

	// As getmail's STRIP_CHAR_RE: a run of these becomes one dash.
	strange := func(r rune) bool { return strings.ContainsRune(`/\:;<>|`, r) }
	var name strings.Builder
	before := false
	for _, r := range fmt.Sprintf("oldmail-%s-%s-%s", host, port, user) {
		now := strange(r)
		if now && !before {
			name.WriteByte('-')
		} else if !now {
			name.WriteRune(r)
		}
		before = now
	}

	return Record{File: strings.TrimSuffix(dir, "/") + "/" + name.String(), User: user, Host: host,
		read: getmailUIDs}
}
