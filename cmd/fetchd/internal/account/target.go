package account

import (
	"fetchd/fetch"
	"fetchd/rcfile"
	"fetchd/tlsverify"
	"fetchd/tlsverify/check"
)

// Target says how to check the server of an entry without logging in. ok is false if that is impossible:
// there is no TLS, or a plugin connects. A value that makes no sense is an *rcfile.Error.
func (r *Resolver) Target(poll *rcfile.Poll, u *rcfile.User) (o check.Options, ok bool, err error) {
	for _, mistake := range []*rcfile.Error{poll.Protocol.Refused, poll.Service.Refused, u.SSLProto.Refused} {
		if mistake != nil {
			return o, false, mistake
		}
	}

	mode, err := tlsMode(u)
	// A plugin may lead anywhere; what answers directly at that host proves nothing about it.
	if err != nil || mode == fetch.ClearText || poll.Plugin.Set {
		return o, false, err
	}
	if o, err = Address(poll, u); err != nil {
		return o, false, err
	}

	a := &fetch.Account{Name: r.Name(poll, u), Poll: poll.Name, Server: fetch.Server{Host: o.Host},
		Credentials: fetch.Credentials{User: r.loginName(u)}}
	// TrustOptions takes ALPN and the names that a certificate may have from the protocol.
	r.setProtocol(a, poll)
	o.Policy, err = r.TrustOptions(a, u)
	return o, err == nil, err
}

// Address says how to reach the server of an entry. If the protocol is not named, it is taken to be IMAP.
func Address(poll *rcfile.Poll, u *rcfile.User) (check.Options, error) {
	mode, err := tlsMode(u)
	o := check.Options{Host: Host(poll), Proto: "imap", Wrapped: mode == fetch.Wrapped}
	// Everything else that proto accepts, such as apop, is POP3.
	if word := poll.Protocol.Or("auto"); word != "imap" && word != "auto" {
		o.Proto = "pop3"
	}
	if err == nil {
		o.Port, err = portOf(poll)
	}
	return o, err
}

// PortOf is the port of o, or the default one if it names none.
func PortOf(o check.Options) int {
	if o.Port != 0 {
		return o.Port
	}
	return tlsverify.PortsOf(o.Proto).Default(o.Wrapped)
}
