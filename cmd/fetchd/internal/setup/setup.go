// Package setup finds the mail servers of an address: by SRV records (RFC 6186), by the description that a
// domain publishes for mail programs (autoconfig), and by the usual names. It finds names and nothing more:
// whether a server proves who it is, the caller has to see.
package setup

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"

	"fetchd/tlsverify"
	"fetchd/tlsverify/check"
	"fetchd/tlsverify/hints"
)

// Address is a mail address whose server is looked for.
type Address struct {
	Local  string
	Domain string // in A-labels
}

// ParseAddress reads LOCAL@DOMAIN.
func ParseAddress(text string) (Address, error) {
	at := strings.LastIndexByte(text, '@')
	isOther := func(r rune) bool { return r <= ' ' || r == 0x7f }
	if at < 1 || at == len(text)-1 || strings.ContainsFunc(text, isOther) {
		return Address{}, hints.Errorf("write it as ann@example.org", "%.100q is no mail address", text)
	}
	ref, err := tlsverify.ParseReference("mail address", text[at+1:])
	if err != nil {
		return Address{}, err
	}
	if ref.Kind != tlsverify.DNSID {
		return Address{}, hints.Errorf("write it as ann@example.org", "%.100q has no domain", text)
	}
	return Address{Local: text[:at], Domain: ref.Name}, nil
}

// String is the address with its domain in A-labels.
func (a Address) String() string { return a.Local + "@" + a.Domain }

// owns tells whether the host is the domain or in it.
func (a Address) owns(host string) bool {
	return host == a.Domain || strings.HasSuffix(host, "."+a.Domain)
}

// Offer is a server that was found.
type Offer struct {
	Proto   string // "imap" or "pop3"
	Host    string
	Port    int
	Wrapped bool   // TLS from the first byte; else STARTTLS is mandatory
	User    string // the login's name
	OAuth   bool   // it lets nobody in with a password

	// Unproven: the name came from DNS, which nobody has signed, and is outside of the domain. The user has
	// to confirm that this is the provider (RFC 6186 section 6).
	Unproven bool
}

// String names the server and how it is reached.
func (o Offer) String() string {
	way := "STARTTLS"
	if o.Wrapped {
		way = "TLS"
	}
	return fmt.Sprintf("%s at %s port %d with %s", strings.ToUpper(o.Proto), o.Host, o.Port, way)
}

// Source is a place where servers may be named.
type Source struct {
	Name string // for the user
	// Look gives what the source names, best first. The error is why it names nothing.
	Look func(ctx context.Context) ([]Offer, error)
}

// Finder is what servers are found with.
type Finder struct {
	DNS  check.SRVResolver // nil = the system's
	HTTP *http.Client      // of package web, which bounds answers; only https is asked
}

// Sources are the places where the address's servers may be named, in the order in which they are believed.
func (f *Finder) Sources(a Address) []Source {
	sources := []Source{{"SRV records of " + a.Domain, func(ctx context.Context) ([]Offer, error) {
		return f.srv(ctx, a)
	}}}
	for _, url := range autoconfigURLs(a) {
		name, _, _ := strings.Cut(url, "?")
		sources = append(sources, Source{name, func(ctx context.Context) ([]Offer, error) {
			return f.autoconfig(ctx, url, a)
		}})
	}
	return append(sources, Source{"the usual names", func(context.Context) ([]Offer, error) {
		return usualNames(a), nil
	}})
}

func (f *Finder) srv(ctx context.Context, a Address) ([]Offer, error) {
	resolver := f.DNS
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	targets, err := check.Discover(ctx, resolver, a.Domain, []string{"imap", "pop3"})
	var offers []Offer
	for _, t := range targets {
		proto := strings.TrimSuffix(t.Service, "s")
		offers = append(offers, Offer{Proto: proto, Host: t.Host, Port: t.Port, Wrapped: t.Wrapped,
			User: a.String(), Unproven: !a.owns(t.Host)})
	}
	return offers, err
}

// usualNames are servers that many domains have.
func usualNames(a Address) []Offer {
	var offers []Offer
	for _, name := range []struct{ proto, host string }{
		{"imap", "imap"}, {"imap", "mail"}, {"pop3", "pop"}, {"pop3", "mail"},
	} {
		offers = append(offers, Offer{Proto: name.proto, Host: name.host + "." + a.Domain,
			Port: tlsverify.PortsOf(name.proto).Default(true), Wrapped: true, User: a.String()})
	}
	return offers
}

// Named is the server that the user names, which is asked in all ways, the best first. Port 0 stands for the
// usual ports; at such a port the way is known.
func Named(a Address, host string, port int) Source {
	known, isWrapped := tlsverify.ProtocolAt(port)
	isKnown := known == "imap" || known == "pop3"

	var offers []Offer
	for _, proto := range []string{"imap", "pop3"} {
		for _, wrapped := range []bool{true, false} {
			o := Offer{Proto: proto, Host: host, Port: port, Wrapped: wrapped, User: a.String()}
			if port == 0 {
				o.Port = o.DefaultPort()
			}
			if !isKnown || known == proto && isWrapped == wrapped {
				offers = append(offers, o)
			}
		}
	}
	return Source{host + ", which you have named", func(context.Context) ([]Offer, error) {
		return offers, nil
	}}
}

// Provider is the provider of OAuth that a known host belongs to, as the keyword oauth names it; "" = none.
func Provider(host string) string {
	for _, known := range []struct{ provider, domain string }{
		{"google", "gmail.com"}, {"google", "googlemail.com"}, {"google", "google.com"},
		{"microsoft", "outlook.com"}, {"microsoft", "office365.com"}, {"microsoft", "office.com"},
		{"microsoft", "hotmail.com"},
	} {
		if host == known.domain || strings.HasSuffix(host, "."+known.domain) {
			return known.provider
		}
	}
	return ""
}

// DefaultPort is the port that a server of its kind has if none is named.
func (o Offer) DefaultPort() int { return tlsverify.PortsOf(o.Proto).Default(o.Wrapped) }
