package foreign

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"
)

// maxLine bounds a line of a foreign file; mpop itself takes some hundred bytes.
const maxLine = 64 << 10

// setting is one value of the other program, and where it stands.
type setting struct {
	value string
	line  int
}

// mpopAccount is an account as the file of mpop says it.
type mpopAccount struct {
	name     string
	base     map[string]setting // of the defaults
	own      map[string]setting // of the account, and of those that it is derived from
	isCopied bool               // it says nothing of its own
}

// convertMpop reads the configuration of mpop.
func convertMpop(text []byte) (Configuration, error) {
	read, err := readMpop(text)
	if err != nil {
		return Configuration{}, err
	}

	var found Configuration
	for _, m := range read {
		// "account default : work" only says which account is meant by default; all are polled here.
		if m.name == "default" && m.isCopied {
			continue
		}
		a, err := m.convert()
		if err != nil {
			return Configuration{}, err
		}
		found.Accounts = append(found.Accounts, a)
	}
	return found, nil
}

// readMpop reads the accounts, derived from each other as mpop does it.
func readMpop(text []byte) ([]*mpopAccount, error) {
	var all []*mpopAccount
	defaults := map[string]setting{}
	var into map[string]setting
	var current *mpopAccount

	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		word, value := mpopCommand(lines.Text())
		switch {
		case word == "":
		case word == "defaults":
			into, current = defaults, nil
		case word == "account":
			a, err := newMpopAccount(value, n, defaults, all)
			if err != nil {
				return nil, err
			}
			all, into, current = append(all, a), a.own, a
		case into == nil:
			return nil, fmt.Errorf("line %d: %.40q stands before the first account", n, word)
		default:
			if word == "eval" { // there may be several
				word += "#" + strconv.Itoa(n)
			}
			into[word] = setting{value, n}
			if current != nil {
				current.isCopied = false
			}
		}
	}
	return all, lines.Err()
}

// mpopCommand splits a line into its command and its argument, which may be in double quotes.
func mpopCommand(line string) (word, value string) {
	line = strings.Trim(line, " \t\r")
	if line == "" || line[0] == '#' {
		return "", ""
	}
	end := strings.IndexAny(line, " \t")
	if end < 0 {
		return line, ""
	}
	return line[:end], unquoted(line[end:])
}

// unquoted is a text without blanks around it, and without the double quotes that enclose it.
func unquoted(text string) string {
	text = strings.Trim(text, " \t")
	if len(text) > 1 && text[0] == '"' && text[len(text)-1] == '"' {
		return text[1 : len(text)-1]
	}
	return text
}

// newMpopAccount begins the account of a line "account NAME : OTHER, OTHER".
func newMpopAccount(text string, line int, defaults map[string]setting,
	all []*mpopAccount) (*mpopAccount, error) {
	name, others, isDerived := strings.Cut(text, ":")
	a := &mpopAccount{name: unquoted(name), base: maps.Clone(defaults), own: map[string]setting{},
		isCopied: isDerived}
	if a.name == "" {
		return nil, fmt.Errorf("line %d: the account has no name", line)
	}

	for other := range strings.SplitSeq(others, ",") {
		if !isDerived {
			break
		}
		from := findMpop(all, unquoted(other))
		if from == nil {
			return nil, fmt.Errorf("line %d: account %.40q is not defined before", line, unquoted(other))
		}
		maps.Copy(a.own, from.own)
	}
	return a, nil
}

func findMpop(all []*mpopAccount, name string) *mpopAccount {
	for _, a := range all {
		if a.name == name {
			return a
		}
	}
	return nil
}

// convert says the account in our words.
func (m *mpopAccount) convert() (Account, error) {
	all := maps.Clone(m.base)
	maps.Copy(all, m.own)
	b := &mpopBuilder{all: all}
	b.set("protocol", "pop3")
	b.login()
	b.tls()
	b.messages()
	b.delivery()
	b.rest()

	host, user := b.value("host"), b.value("user")
	a, err := b.account(m.name, host)
	a.Seen = mpopRecord(b.value("uidls_file"), user, host)
	return a, err
}

// mpopBuilder makes an account of mpop's settings, each of which is taken once.
type mpopBuilder struct {
	builder
	all   map[string]setting
	taken map[string]bool
}

func (b *mpopBuilder) value(name string) string {
	if b.taken == nil {
		b.taken = map[string]bool{}
	}
	b.taken[name] = true
	return b.all[name].value
}

// on is a switch of mpop: a word without a value means on.
func (b *mpopBuilder) on(name string, def bool) bool {
	value := b.value(name)
	if _, said := b.all[name]; !said {
		return def
	}
	if value != "" && value != "on" && value != "off" {
		b.note("%s %q is not understood; %t is assumed", name, value, def)
		return def
	}
	return value != "off"
}

// copy stores a value of mpop under a keyword of ours, if there is one.
func (b *mpopBuilder) copy(name, keyword string) {
	if value := b.value(name); value != "" {
		b.set(keyword, value)
	}
}

func (b *mpopBuilder) login() {
	b.copy("port", "service")
	b.copy("user", "user")
	b.copy("password", "password")
	b.copy("passwordeval", "passwordeval")
	_, named := b.all["password"]
	if _, eval := b.all["passwordeval"]; !named && !eval {
		b.noteKeyring("mpop")
	}

	switch auth := b.value("auth"); auth {
	case "", "on":
	case "apop":
		b.set("protocol", "apop")
	case "user":
		b.set("auth", "password")
	default:
		b.set("auth", auth)
	}
	if timeout := b.value("timeout"); timeout == "off" {
		b.note("timeout off: there is always a limit here, 300 seconds")
	} else if timeout != "" {
		b.set("timeout", timeout)
	}
}

func (b *mpopBuilder) tls() {
	starttls := b.on("tls_starttls", true)
	if !b.on("tls", false) {
		b.clearText("mpop")
	} else if !starttls {
		b.flag("ssl", true)
	}

	if trust := b.value("tls_trust_file"); trust != "" && trust != "system" {
		b.set("sslcertfile", trust)
	}
	if print := b.value("tls_fingerprint"); print != "" {
		// As there, nothing else vouches for the server then.
		b.set("sslfingerprint", print)
		b.flag("sslcertck", false)
	} else if !b.on("tls_certcheck", true) {
		b.note("tls_certcheck off: the server is checked here; fetchd check-tls says whether it passes, " +
			"and fetchd pin how to trust its key alone")
	}
	b.taken["tls_certcheck"] = true

	b.copy("tls_cert_file", "sslcert")
	b.copy("tls_key_file", "sslkey")
	b.copy("tls_crl_file", "sslcrlfile")
	b.copy("tls_host_override", "sslcommonname")
}

// messages are the settings of what is retrieved, and what happens to it on the server.
func (b *mpopBuilder) messages() {
	if !b.on("only_new", true) {
		b.flag("fetchall", true)
	}

	_, said := b.all["keep"]
	switch keep := b.value("keep"); {
	case keep == "off", !said:
		b.flag("keep", false)
	case keep == "", keep == "on":
		b.flag("keep", true)
	default:
		b.keepFor(keep)
	}

	kill, skip := b.value("killsize"), b.value("skipsize")
	if kill != "" && kill != "off" && skip != "" && skip != "off" {
		b.note("skipsize %s is left out: there is one limit here, that of killsize", skip)
		skip = ""
	}
	b.limit("skipsize", skip)
	if b.limit("killsize", kill) {
		b.flag("limitflush", true)
	}
}

// keepFor keeps messages for a time such as 1d12h, in whole days here.
func (b *mpopBuilder) keepFor(text string) {
	var days float64
	rest := text
	for rest != "" {
		end := strings.IndexAny(rest, "dhms")
		n, err := strconv.ParseUint(rest[:max(0, end)], 10, 16)
		if end < 0 || err != nil {
			b.flag("keep", true)
			b.note("keep %q is not understood: messages are kept for good", text)
			return
		}
		units := map[byte]time.Duration{
			'd': 24 * time.Hour, 'h': time.Hour, 'm': time.Minute, 's': time.Second,
		}
		days += float64(n) * units[rest[end]].Hours() / 24
		rest = rest[end+1:]
	}

	b.flag("keep", true)
	whole := int(days)
	// Rounded up: mail that stays longer than was wanted can still be removed.
	if float64(whole) < days {
		whole++
		b.note("keep %s: whole days are kept, %d", text, whole)
	}
	b.set("keepdays", strconv.Itoa(max(1, whole)))
}

// limit sets the limit for messages of a size and more, and tells whether it did.
func (b *mpopBuilder) limit(name, text string) bool {
	if text == "" || text == "off" {
		return false
	}
	shift := map[byte]uint{'k': 10, 'm': 20}[text[len(text)-1]]
	number := text
	if shift > 0 {
		number = text[:len(text)-1]
	}
	size, err := strconv.ParseUint(number, 0, 40)
	if err != nil || size == 0 {
		b.note("%s %q has no equivalent here, and is left out", name, text)
		return false
	}
	b.set("limit", strconv.FormatUint(size<<shift-1, 10))
	return true
}

func (b *mpopBuilder) delivery() {
	kind, value, _ := strings.Cut(b.value("delivery"), " ")
	value = unquoted(value)
	switch {
	case value == "":
		b.noDestination("mpop's file says no delivery")
	case kind == "maildir", kind == "mbox":
		b.set(kind, value)
	case kind == "mda":
		// What stands for %F is safe without quotes here, and refused in these.
		b.set("mda", strings.ReplaceAll(value, "'%F'", "%F"))
	default:
		b.noDestination(fmt.Sprintf("delivery %s has no equivalent", kind))
	}
}

// rest notes what has no equivalent.
func (b *mpopBuilder) rest() {
	for _, name := range []string{"host", "user", "uidls_file"} {
		b.value(name)
	}
	instead := map[string]string{
		"eval":            "its command is not run; write what it says into this entry",
		"filter":          "messages are not filtered here; a delivery agent may do that",
		"pipelining":      "always on where the server allows it",
		"received_header": "for all accounts: set invisible leaves it out",
		"proxy_host":      "plugin connects through a command, such as a SOCKS client",
		"proxy_port":      "see proxy_host",
		"source_ip":       "there is no equivalent",
		"socket":          "plugin connects through a command",
		"ntlmdomain":      "NTLM is not spoken here",
		"tls_priorities":  "sslproto names TLS versions; what is weak is not spoken",

		"tls_min_dh_prime_bits": "what is weak is not spoken",
		"tls_force_sslv3":       "it does nothing in mpop either",
	}
	for _, name := range inOrder(b.all) {
		if b.taken[name] {
			continue
		}
		word, _, _ := strings.Cut(name, "#")
		why, known := instead[word]
		if !known {
			why = "mpop does not know it either, or it is newer than this program"
		}
		b.note("line %d, %.40s, is left out: %s", b.all[name].line, word, why)
	}
}
