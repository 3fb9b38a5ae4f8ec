package rcfile

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Refusals are the mistakes for which the account of u can't be retrieved from, in the order of their places:
// values that this program won't do, though they could be read. The other accounts are none the worse for
// them.
func (p *Poll) Refusals(u *User) []*Error {
	var all []*Error
	if p.Name == "" {
		all = append(all, &Error{
			Pos: p.Pos, Msg: "the name of the poll is empty", Next: "write the server's name",
		})
	}
	for i := range serverWords {
		if k := &serverWords[i]; k.Name != "port" { // another word for "service"
			all = appendRefused(all, k.server(p))
			all = k.appendEmpty(all, k.server(p), p.Pos)
		}
	}

	for i := range loginWords {
		k := &loginWords[i]
		all = appendRefused(all, k.user(u))
		all = k.appendEmpty(all, k.user(u), u.Pos)
	}
	if slices.ContainsFunc(u.Locals, LocalName.isEmpty) {
		all = append(all, &Error{Pos: u.Pos, Msg: "a local name is empty", Next: "remove it"})
	}

	all = append(all, u.lmtpRefusals()...)
	slices.SortStableFunc(all, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
	})
	return all
}

func appendRefused(all []*Error, slot any) []*Error {
	var e *Error
	switch s := slot.(type) {
	case *Opt[string]:
		e = s.Refused
	case *Opt[Secret]:
		e = s.Refused
	case *Opt[int]:
		e = s.Refused
	}
	if e == nil {
		return all
	}
	return append(all, e)
}

// appendEmpty appends the mistake of a list with an element that is empty; pos is where the list may be.
func (k *Keyword) appendEmpty(all []*Error, slot any, pos Pos) []*Error {
	empty := false
	switch s := slot.(type) {
	case *[]string:
		empty = slices.ContainsFunc(*s, k.hasEmpty)
	case *[]Opt[string]:
		for _, o := range *s {
			if k.hasEmpty(o.Value) {
				empty, pos = true, o.Pos
			}
		}
	}
	if !empty {
		return all
	}
	return append(all, &Error{Pos: pos, Msg: `an element of "` + k.Name + `" is empty`, Next: "remove it"})
}

// hasEmpty tells whether a value is an empty element of a list, of which none may be.
func (k *Keyword) hasEmpty(value string) bool {
	return k.Kind == TextList && value == "" && k.Name != "smtphost"
}

// refusal tells why the value w of k, which fits, is refused, or nil.
func (r *reporter) refusal(k *Keyword, w word) *Error {
	v, known := k.value(w.text)
	switch {
	case w.stray && k.Scope != Global && k.Kind != TextList:
		// It is read up to the next blank, as fetchmail reads it, so that what follows it is understood all
		// the same. An element of a list can't be refused, so there it stays a mistake of the file.
		return r.withdraw(w.pos)
	case k.Kind == Enum && !known:
		return k.unknown(w)
	case k.Kind == Enum && v.Verdict == Refused:
		return &Error{Pos: w.pos, Msg: fmt.Sprintf("%s %q is not supported", k.Name, w.text), Next: v.Note}
	case k.Name == "port" || k.Name == "service":
		return servicePort(w)
	}
	return nil
}

// servicePort refuses port numbers that don't exist; names are resolved when the connection is made.
func servicePort(w word) *Error {
	if strings.Trim(w.text, "0123456789") != "" {
		return nil
	}
	if n, err := strconv.Atoi(w.text); err == nil && n >= 1 && n <= 65535 {
		return nil
	}
	return &Error{Pos: w.pos, Msg: fmt.Sprintf("no port %q", clip(w.text)), Next: "ports go from 1 to 65535"}
}

// lmtpRefusals refuse LMTP to the port of SMTP, as RFC 2033 section 5 does.
func (u *User) lmtpRefusals() []*Error {
	if !u.LMTP.Value {
		return nil
	}

	refused := func(format string, args ...any) *Error {
		return &Error{Pos: u.LMTP.Pos, Msg: fmt.Sprintf(format, args...),
			Next: "name a port or a socket: smtphost localhost/24, smtphost /run/lmtp"}
	}

	if len(u.SMTPHosts) == 0 {
		return []*Error{refused("lmtp without an smtphost that has a port")}
	}

	var all []*Error
	for _, host := range u.SMTPHosts {
		// A socket has no port that could be SMTP's.
		if strings.HasPrefix(host, "/") {
			continue
		}
		if port := hostPort(host); port == "" || port == "25" || port == "smtp" {
			all = append(all, refused("lmtp can't use the SMTP port of %q", clip(host)))
		}
	}

	return all
}

// hostPort finds the port among the suffixes of an smtphost.
func hostPort(host string) string {
	parts := strings.Split(host, "/")
	for _, part := range parts[1:] {
		if _, err := strconv.Atoi(part); err == nil || part == "smtp" || part == "lmtp" {
			return part
		}
	}
	return ""
}
