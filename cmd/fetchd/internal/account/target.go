package account

import (
	"fetchd/fetch"
	"fetchd/rcfile"
	"fetchd/tlsverify"
	"fetchd/tlsverify/check"
)

// Target is how the server of an entry can be checked without logging in. ok is false where it can't be: there is no
// TLS, or a plugin connects. A value that makes no sense is an *rcfile.Error.
func (r *Resolver) Target(poll *rcfile.Poll, u *rcfile.User) (o check.Options, ok bool, err error) {
	for _, mistake := range []*rcfile.Error{poll.Protocol.Refused, poll.Service.Refused, u.SSLProto.Refused} {
		if mistake != nil {
			return o, false, mistake
		}
	}
	mode, err := TLSMode(u)
	if err != nil || mode == fetch.ClearText || poll.Plugin.Set {
		return o, false, err
	}
	if o, err = Address(poll, u); err != nil {
		return o, false, err
	}

	a := &fetch.Account{Name: r.Name(poll, u), Poll: poll.Name, Server: fetch.Server{Host: o.Host}, Credentials: fetch.Credentials{User: r.loginName(u)}}
	r.setProtocol(a, poll)
	o.Policy, err = r.TrustOptions(a, u)
	return o, err == nil, err
}

// Address is how the server of an entry is reached; a protocol that is tried out counts as IMAP.
func Address(poll *rcfile.Poll, u *rcfile.User) (check.Options, error) {
	mode, err := TLSMode(u)
	o := check.Options{Host: Host(poll), Proto: "imap", Wrapped: mode == fetch.Wrapped}
	if word := poll.Protocol.Or("auto"); word != "imap" && word != "auto" {
		o.Proto = "pop3"
	}
	if err == nil {
		o.Port, err = Port(poll)
	}
	return o, err
}

// PortOf is the port that is meant by o, also where none is named.
func PortOf(o check.Options) int {
	if o.Port != 0 {
		return o.Port
	}
	return tlsverify.PortsOf(o.Proto).Default(o.Wrapped)
}
