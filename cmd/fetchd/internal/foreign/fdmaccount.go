package foreign

import (
	"math"
	"strconv"
)

// account reads an account.
func (p *fdmParser) account(line int) {
	a := &fdmAccount{name: p.text(), line: line}
	a.disabled = p.accept("disabled")
	a.users = p.users()
	p.server(a)
	p.file.accounts = append(p.file.accounts, a)
}

// server reads where the mail is: the kind of the account, and what belongs to it.
func (p *fdmParser) server(a *fdmAccount) {
	a.kind, a.words = p.token.text, map[string]fdmToken{}
	p.next()
	switch a.kind {
	case "stdin":
	case "maildir", "maildirs", "mbox", "mboxes":
		p.texts()
	case "pop3", "pop3s", "imap", "imaps", "nntp", "nntps":
		if p.accept("pipe") {
			a.pipe = p.text()
		} else {
			p.expect("server")
			a.words["server"] = p.value()
		}
	default:
		p.fail("a kind of account")
	}
	for p.serverWord(a) {
	}
}

// serverWord reads one more word of a server, if there is one.
func (p *fdmParser) serverWord(a *fdmAccount) bool {
	t := p.token
	switch {
	case p.accept("port", "user", "pass"):
		a.words[t.text] = p.value()
	case p.accept("folder", "folders"):
		a.folders = p.texts()
	case p.accept("group", "groups"):
		p.texts()
		p.expect("cache")
		p.text()

	case p.accept("new-only", "old-only"):
		a.words[t.text] = t
		if p.accept("cache") {
			a.words["cache"] = p.value()
		}
	case p.accept("no-apop", "no-verify", "no-uidl", "no-cram-md5", "no-plain", "no-login", "starttls",
		"insecure", "oauthbearer", "xoauth2", "keep"):
		a.words[t.text] = t
	default:
		return false
	}
	return true
}

// fdmUnits are how many bytes or seconds a unit has; a month has four weeks, and a year twelve months.
var fdmUnits = map[string]uint64{
	"b": 1, "B": 1, "byte": 1, "bytes": 1,
	"k": 1 << 10, "K": 1 << 10, "kb": 1 << 10, "KB": 1 << 10, "kilobyte": 1 << 10, "kilobytes": 1 << 10,
	"m": 1 << 20, "M": 1 << 20, "mb": 1 << 20, "MB": 1 << 20, "megabyte": 1 << 20, "megabytes": 1 << 20,
	"g": 1 << 30, "G": 1 << 30, "gb": 1 << 30, "GB": 1 << 30, "gigabyte": 1 << 30, "gigabytes": 1 << 30,

	"second": 1, "seconds": 1, "minute": 60, "minutes": 60, "hour": 3600, "hours": 3600,
	"day": 86400, "days": 86400, "week": 604800, "weeks": 604800,
	"month": 2419200, "months": 2419200, "year": 29030400, "years": 29030400,
}

// measure takes a size or a time, and returns its bytes or seconds.
func (p *fdmParser) measure() string {
	t := p.value()
	n, err := strconv.ParseUint(t.text, 10, 64)
	if unit := fdmUnits[p.token.text]; p.token.kind == fdmWord && unit > 0 {
		p.next()
		if n > math.MaxInt64/unit {
			n = math.MaxInt64 / unit // as good as none
		}
		n *= unit
	}
	if err != nil {
		return t.text
	}
	return strconv.FormatUint(n, 10)
}
