package delivery

import (
	"cmp"
	"slices"
	"strings"
)

// smtpRecipient is an address that mail goes to, and the local names that it stands for.
type smtpRecipient struct {
	address string
	names   []string
}

// smtpRecipients are the addresses of local names, each once; domain is that of names without one.
func (o *SMTPOptions) smtpRecipients(domain string, names []string) []smtpRecipient {
	all := make([]smtpRecipient, 0, len(names))
	for i, name := range names {
		address := o.recipient(domain, name)
		same := func(r smtpRecipient) bool { return r.address == address }
		// With smtpname all have one address, and the server is to get one copy.
		if k := slices.IndexFunc(all, same); k >= 0 {
			all[k].names = append(all[k].names, name)
			continue
		}
		all = append(all, smtpRecipient{address, names[i : i+1 : i+1]})
	}
	return all
}

// recipient is the address of a local name. One with a host stays as it is, as with fetchmail: smtpname would
// send the mail of somebody who is named in full to somebody else.
func (o *SMTPOptions) recipient(domain, name string) string {
	if !strings.Contains(name, "@") {
		name = cmp.Or(o.Recipient, name)
	}
	if strings.Contains(name, "@") {
		return name
	}
	return quoteLocal(name) + "@" + domain
}

// domain is what stands behind local names for the server.
func (o *SMTPOptions) domain(server *SMTPServer) string {
	return cmp.Or(o.Domain, AddressHost(server.Host), "localhost")
}

// quoteLocal is a local part as it stands in a command (RFC 5321 section 4.1.2).
func quoteLocal(name string) string {
	isAtom := func(r rune) bool {
		return r >= 0x80 || r < 0x80 && isAlnum(byte(r)) || strings.ContainsRune("!#$%&'*+-/=?^_`{|}~.", r)
	}
	dotted := strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") || strings.Contains(name, "..")
	if name != "" && !dotted && !strings.ContainsFunc(name, func(r rune) bool { return !isAtom(r) }) {
		return name
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
}

// smtpSender is the envelope sender of m, "" for the null sender. A name without a host gets that of the
// server that the message came from, and what is no address gives way to the account's. ascii says that the
// server takes no other.
func smtpSender(m *Message, ascii bool) string {
	usable := func(address string) bool {
		return isMailbox(address) && (!ascii || isASCII([]byte(address)))
	}
	sender := m.EnvelopeSender()
	if sender == "" {
		return ""
	}

	if usable(sender) {
		return sender
	}

	user, server := splitLast(m.Sender)
	host := "@" + AddressHost(server)
	for _, address := range []string{sender + host, user, quoteLocal(user) + host} {
		if usable(address) {
			return address
		}
	}

	return ""
}

// splitLast splits an address at its last "@".
func splitLast(address string) (local, host string) {
	i := strings.LastIndexByte(address, '@')
	if i < 0 {
		return address, ""
	}
	return address[:i], address[i+1:]
}

// isMailbox tells whether address is a local part and a host, with nothing in it that a command could not
// hold.
func isMailbox(address string) bool {
	local, host := splitLast(address)
	return local != "" && host != "" && (isQuoted(local) || !strings.ContainsAny(local, `@"(),:;<>[\]`)) &&
		!breaksAddress(address)
}

// Takes tells whether a command can hold the address of a local name.
func (d *SMTP) Takes(name string) bool {
	address := d.o.recipient(d.o.domain(&d.o.Servers[0]), name)
	return len(address) <= addressLimit && isMailbox(address)
}
