package rcfile

import (
	"net"
	"strings"
)

// validate checks an entry as a whole, defaults merged.
func (b *builder) validate(p *Poll) {
	if !p.Protocol.Set {
		b.warnOnce("protocol auto", p.Pos, "the entry names no protocol", "imap is tried, then pop3; name the protocol")
	}
	for i := range p.Users {
		b.validateUser(p, &p.Users[i])
	}
	b.sharedState(p)
}

func (b *builder) validateUser(p *Poll, u *User) {
	mode := u.SSLMode.Or("none")
	if proto := u.SSLProto; proto.Set && proto.Value == "" && (u.SSL.Or(false) || mode != "none") {
		b.warn(proto.Pos, `sslproto "" does nothing beside ssl and sslmode`, "leave it out")
	} else if proto.Set && proto.Value == "" && !p.local() {
		b.warn(proto.Pos, `sslproto "": `+noTLS, "")
	}
	if ck := u.SSLCertCk; !ck.Or(true) && len(u.SSLPins)+len(u.SSLFingerprints) == 0 {
		b.warnOnce("sslcertck "+ck.Pos.String(), ck.Pos, `"no sslcertck": anyone can pose as this server`, "use sslpin or sslcertfile instead")
	}
	if (len(u.Locals) > 1 || u.Wildcard) && p.Envelope.Or("") == "" {
		b.warnOnce("multidrop "+p.Name, u.Pos, "several local names without the envelope option", "name the header that holds the recipient: envelope X-Original-To")
	}
}

// local tells whether nothing leaves this machine: the server is this machine by its very name, or behind a plugin.
func (p *Poll) local() bool {
	host := strings.Trim(p.Via.Or(p.Name), "[]")
	return p.Plugin.Or("") != "" || host == "localhost" || net.ParseIP(host).IsLoopback()
}

// sharedState warns of two users that the journal can't tell apart.
func (b *builder) sharedState(p *Poll) {
	for _, u := range p.Users {
		key := strings.Join([]string{"shared", p.Name, p.Via.Value, p.Service.Value, u.Remote.Value}, "\x00")
		if b.warned[key] {
			b.warnf(u.Pos, "give one of the entries another name, and via", "the account %q at %q is named twice, both would share what was fetched", u.Remote.Value, clip(p.Name))
		}
		if b.warned == nil {
			b.warned = map[string]bool{}
		}
		b.warned[key] = true
	}
}
