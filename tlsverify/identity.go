package tlsverify

import (
	"net/netip"
	"strings"

	"fetchd/tlsverify/hints"
	"fetchd/tlsverify/internal/show"
)

// IDKind is a kind of identifier (RFC 6125 §1.8, RFC 9525 §2).
type IDKind int

// The kinds. URI-ID is never used (RFC 7817 §3). CNID is a presented identifier only, and a last resort.
const (
	DNSID IDKind = iota
	SRVID
	IPID
	CNID
)

// String gives "DNS-ID" and so on.
func (k IDKind) String() string { return [...]string{"DNS-ID", "SRV-ID", "IP-ID", "CN-ID"}[k] }

// ReferenceID is an identity made from the user's words, never from what DNS or the peer said.
type ReferenceID struct {
	Kind    IDKind
	Name    string // A-labels, lower case, no trailing dot; "*.example.net" only from sslcommonname
	Service string // SRVID: "imaps"
	IP      netip.Addr
}

// String gives "DNS-ID mail.example.org", "SRV-ID _imaps.example.net" or "IP-ID 192.0.2.1".
func (r ReferenceID) String() string {
	switch r.Kind {
	case SRVID:
		return "SRV-ID _" + r.Service + "." + r.Name
	case IPID:
		return "IP-ID " + r.IP.String()
	}
	return r.Kind.String() + " " + r.Name
}

// WithoutKind is the name in the text of an identity: its kind is jargon.
func WithoutKind(identity string) string {
	_, name, _ := strings.Cut(identity, "-ID ")
	return name
}

// plainIdentity is the text of an identity for people: the one kind that matters to them is the last resort.
func plainIdentity(identity string) string {
	if strings.HasPrefix(identity, CNID.String()) {
		return WithoutKind(identity) + " (its common name only)"
	}
	return WithoutKind(identity)
}

func (r ReferenceID) name() string {
	if r.Kind == IPID {
		return r.IP.String()
	}
	return r.Name
}

// references makes the reference identities: sslcommonname alone, else SRV-ID and DNS-ID of the domain that
// was looked up, else the host.
func references(o Options) ([]ReferenceID, error) {
	switch {
	case o.CommonName != "":
		r, err := parseCommonName(o.CommonName)
		return []ReferenceID{r}, err
	// Never the host that the SRV record names: DNS can be forged, and only the user's own word counts.
	case o.SRVDomain != "" || o.Service != "":
		return srvReferences(o.SRVDomain, o.Service)
	}
	r, err := ParseReference("host", o.Host)
	return []ReferenceID{r}, err
}

const wildcard = "*."

// parseCommonName reads sslcommonname, which may be a wildcard: then the certificate must present that very
// wildcard, as with fetchmail.
func parseCommonName(text string) (ReferenceID, error) {
	const word = "sslcommonname"
	rest, ok := strings.CutPrefix(text, wildcard)
	if !ok {
		return ParseReference(word, text)
	}

	name, err := HostName(rest)
	if err == nil && !strings.Contains(name, ".") { // RFC 7817 §3: two labels at least
		err = errNoHostName
	}
	if err != nil {
		return ReferenceID{}, hints.Errorf("write the host name that the certificate is to be for",
			"%s %s: %w", word, show.Quote(text), err)
	}

	return ReferenceID{Kind: DNSID, Name: wildcard + name}, nil
}

// isWildcard tells whether r stands for the wildcard itself, which is no host's name.
func (r ReferenceID) isWildcard() bool { return strings.HasPrefix(r.Name, wildcard) }

func srvReferences(domain, service string) ([]ReferenceID, error) {
	r, err := ParseReference("SRV domain", domain)
	if err != nil {
		return nil, err
	}

	service = strings.ToLower(service)
	if r.Kind != DNSID || !validService(service) {
		return nil, hints.Errorf("name the server itself",
			"SRV service %s of %s: not a service of a domain", show.Quote(service), show.Quote(domain))
	}
	// The SRV-ID first: it says more, as it names the service too.
	return []ReferenceID{{Kind: SRVID, Name: r.Name, Service: service}, r}, nil
}

// ParseReference reads a host name or an address literal. The error calls it what.
func ParseReference(what, text string) (ReferenceID, error) {
	if ip, ok := parseIP(text); ok {
		return ReferenceID{Kind: IPID, IP: ip}, nil
	}

	name, err := HostName(text)
	if err != nil {
		return ReferenceID{}, hints.Errorf("write the host name that the certificate is to be for",
			"%s %s: %w", what, show.Quote(text), err)
	}
	return ReferenceID{Kind: DNSID, Name: name}, nil
}

// parseIP reads an address literal, which may have brackets and a zone; a zone has no place in a certificate.
func parseIP(text string) (netip.Addr, bool) {
	if inner, ok := strings.CutPrefix(text, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		if !ok || !strings.Contains(inner, ":") {
			return netip.Addr{}, false
		}
		text = inner
	}

	ip, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}, false
	}
	// Unmapped: ::ffff:192.0.2.1 and 192.0.2.1 are one address, which certificates hold in four bytes.
	return ip.WithZone("").Unmap(), true
}
