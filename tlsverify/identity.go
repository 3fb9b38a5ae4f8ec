package tlsverify

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

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
	Name    string // A-labels, lower case, no trailing dot
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

func (r ReferenceID) name() string {
	if r.Kind == IPID {
		return r.IP.String()
	}
	return r.Name
}

func referenceStrings(refs []ReferenceID) []string {
	var s []string
	for _, r := range refs {
		s = append(s, r.String())
	}
	return s
}

// references makes the reference identities: sslcommonname alone, else SRV-ID and DNS-ID of the domain that was looked
// up, else the host.
func references(o Options) ([]ReferenceID, error) {
	switch {
	case o.CommonName != "":
		r, err := ParseReference("sslcommonname", o.CommonName)
		return []ReferenceID{r}, err
	case o.SRVDomain != "" || o.Service != "":
		return srvReferences(o.SRVDomain, o.Service)
	}
	r, err := ParseReference("host", o.Host)
	return []ReferenceID{r}, err
}

func srvReferences(domain, service string) ([]ReferenceID, error) {
	r, err := ParseReference("SRV domain", domain)
	if err != nil {
		return nil, err
	}
	service = strings.ToLower(service)
	if r.Kind != DNSID || !validService(service) {
		return nil, show.Fail("name the server itself",
			"SRV service %s of %s: not a service of a domain", show.Quote(service), show.Quote(domain))
	}
	return []ReferenceID{{Kind: SRVID, Name: r.Name, Service: service}, r}, nil
}

// ParseReference reads a host name or an address literal; what names it in the error.
func ParseReference(what, text string) (ReferenceID, error) {
	if ip, ok := parseIP(text); ok {
		return ReferenceID{Kind: IPID, IP: ip}, nil
	}
	name, err := HostName(text)
	if err != nil {
		return ReferenceID{}, show.Fail("write the host name that the certificate is to be for", "%s %s: %w", what, show.Quote(text), err)
	}
	return ReferenceID{Kind: DNSID, Name: name}, nil
}

// parseIP reads an address literal, with brackets and zone as they may be; a zone has no place in a certificate.
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
	return ip.WithZone("").Unmap(), true
}

// maxHostName is longer than any host name, which has 253 octets and so as many characters at most. Converting a longer
// one takes time in proportion to the square of its length (RFC 3492 §6).
const maxHostName = 253 * utf8.UTFMax

// HostName gives a host name as lower-case A-labels without the trailing dot.
func HostName(text string) (string, error) {
	if len(text) > maxHostName {
		return "", errors.New("too long for a host name")
	}
	name := strings.TrimSuffix(text, ".")
	if !utf8.ValidString(name) {
		return "", errors.New("not UTF-8")
	}
	if !isASCII(name) {
		a, err := idna.Lookup.ToASCII(name)
		if err != nil {
			return "", errors.New("not an internationalised host name")
		}
		name = strings.TrimSuffix(a, ".")
	}
	name, ok := dnsName(name)
	if !ok {
		return "", errors.New("not a host name")
	}
	return name, nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// dnsName checks a name of letters, digits, hyphens and underscores (which DNS knows and some hosts have) and gives it
// in lower case. A last label of digits alone is refused: some resolvers read such a name as an address.
func dnsName(s string) (string, bool) {
	if s == "" || len(s) > 253 {
		return "", false
	}
	labels := strings.Split(s, ".")
	for _, l := range labels {
		if !validLabel(l) {
			return "", false
		}
	}
	last := labels[len(labels)-1]
	if strings.Trim(last, "0123456789") == "" || strings.HasPrefix(strings.ToLower(last), "0x") {
		return "", false
	}
	return strings.ToLower(s), true
}

func validLabel(l string) bool {
	if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
		return false
	}
	for i := range len(l) {
		c := l[i] | 0x20
		if !(c >= 'a' && c <= 'z') && !(l[i] >= '0' && l[i] <= '9') && l[i] != '-' && l[i] != '_' {
			return false
		}
	}
	return true
}

// identifiers are what a certificate presents.
type identifiers struct {
	dns       []string
	srv       []srvName
	ips       []netip.Addr
	cns       []string
	exclusive bool // there is an identifier that rules out the CN-ID
	malformed bool // a name with an embedded NUL, which has no honest use
}

func presentedBy(cert *x509.Certificate) identifiers {
	ids := identifiers{dns: cert.DNSNames, cns: commonNames(cert)}
	srv, err := srvNames(cert)
	ids.srv = srv
	for _, ip := range cert.IPAddresses {
		if a, ok := netip.AddrFromSlice(ip); ok {
			ids.ips = append(ids.ips, a)
		}
	}
	ids.exclusive = err != nil || len(srv)+len(cert.DNSNames)+len(cert.IPAddresses)+len(cert.URIs) > 0
	for _, n := range append(append([]string(nil), ids.dns...), ids.cns...) {
		ids.malformed = ids.malformed || strings.IndexByte(n, 0) >= 0
	}
	return ids
}

var oidCommonName = asn1.ObjectIdentifier{2, 5, 4, 3}

// commonNames lists the CN-IDs: common names that stand alone in their RDN (RFC 6125 §1.8).
func commonNames(cert *x509.Certificate) []string {
	var rdns pkix.RDNSequence
	if rest, err := asn1.Unmarshal(cert.RawSubject, &rdns); err != nil || len(rest) > 0 {
		return nil
	}
	var names []string
	for _, rdn := range rdns {
		if len(rdn) != 1 || !rdn[0].Type.Equal(oidCommonName) {
			continue
		}
		if s, ok := rdn[0].Value.(string); ok {
			names = append(names, s)
		}
	}
	return names
}

// strings lists the identifiers for a message, unescaped.
func (ids identifiers) strings() []string {
	var s []string
	for _, n := range ids.srv {
		s = append(s, "SRV:"+n.String())
	}
	for _, n := range ids.dns {
		s = append(s, "DNS:"+n)
	}
	for _, ip := range ids.ips {
		s = append(s, "IP:"+ip.String())
	}
	if !ids.exclusive {
		for _, n := range ids.cns {
			s = append(s, "CN:"+n)
		}
	}
	return s
}

// matchIdentity looks for the first reference identity that the certificate presents, and says which, in the form of
// ReferenceID.String.
func matchIdentity(refs []ReferenceID, ids identifiers) (string, error) {
	if !ids.malformed {
		for _, r := range refs {
			if m, ok := r.match(ids); ok {
				return m, nil
			}
		}
	}
	return "", &IdentityError{Want: referenceStrings(refs), Presented: ids.strings(), Malformed: ids.malformed}
}

func (r ReferenceID) match(ids identifiers) (string, bool) {
	switch r.Kind {
	case IPID:
		for _, ip := range ids.ips {
			if ip == r.IP {
				return r.String(), true
			}
		}
		return "", false
	case SRVID:
		for _, n := range ids.srv {
			if n.Service == r.Service && n.Name == r.Name {
				return r.String(), true
			}
		}
		return "", false
	}
	for _, n := range ids.dns {
		if MatchDNS(n, r.Name) {
			return r.String(), true
		}
	}
	if ids.exclusive {
		return "", false
	}
	for _, n := range ids.cns {
		if MatchDNS(n, r.Name) {
			return CNID.String() + " " + r.Name, true
		}
	}
	return "", false
}

// MatchDNS compares a presented name with a reference name. A wildcard is the whole left-most label, stands for exactly
// one label, and is followed by two labels at least (RFC 9525 §6.3, RFC 7817 §3).
func MatchDNS(presented, reference string) bool {
	presented = strings.TrimSuffix(presented, ".")
	rest, wildcard := strings.CutPrefix(presented, "*.")
	name, ok := dnsName(rest)
	if !ok {
		return false
	}
	if !wildcard {
		return name == reference
	}
	first, tail, ok := strings.Cut(reference, ".")
	return ok && first != "" && tail == name && strings.Contains(name, ".")
}
