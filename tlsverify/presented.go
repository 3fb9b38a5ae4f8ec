package tlsverify

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net/netip"
	"slices"
	"strings"
)

// identifiers are what a certificate presents.
type identifiers struct {
	dns       []string
	srv       []srvName
	ips       []netip.Addr
	cns       []string
	exclusive bool     // there is an identifier that rules out the CN-ID
	malformed []string // names with an embedded NUL, which have no honest use
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

	// What can't be read may well be an identifier, and so rules out the CN-ID too.
	ids.exclusive = err != nil || len(srv)+len(cert.DNSNames)+len(cert.IPAddresses)+len(cert.URIs) > 0
	for _, name := range slices.Concat(prefixed("DNS:", ids.dns), prefixed("CN:", ids.cns)) {
		if strings.IndexByte(name, 0) >= 0 {
			ids.malformed = append(ids.malformed, name)
		}
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

	s = append(s, prefixed("DNS:", ids.dns)...)

	for _, ip := range ids.ips {
		s = append(s, "IP:"+ip.String())
	}

	if !ids.exclusive {
		s = append(s, prefixed("CN:", ids.cns)...)
	}

	return s
}

func prefixed(kind string, names []string) []string {
	var all []string
	for _, n := range names {
		all = append(all, kind+n)
	}
	return all
}

// matchIdentity looks for the first reference identity that the certificate presents, and gives it in the
// form of ReferenceID.String.
func matchIdentity(refs []ReferenceID, ids identifiers) (string, error) {
	// Even if another name in it matches: somebody has made a certificate to deceive.
	if len(ids.malformed) > 0 {
		return "", &IdentityError{Want: texts(refs), Presented: ids.malformed, Malformed: true}
	}

	for _, r := range refs {
		if m, ok := r.match(ids); ok {
			return m, nil
		}
	}
	return "", &IdentityError{Want: texts(refs), Presented: ids.strings()}
}

func (r ReferenceID) match(ids identifiers) (string, bool) {
	switch r.Kind {
	case IPID:
		return r.String(), slices.Contains(ids.ips, r.IP)
	case SRVID:
		return r.String(), slices.Contains(ids.srv, srvName{r.Service, r.Name})
	}

	matches := func(presented string) bool { return MatchDNS(presented, r.Name) }
	if slices.ContainsFunc(ids.dns, matches) {
		return r.String(), true
	}
	// The common name is a last resort, and none where the certificate names a server in any other way.
	if !ids.exclusive && slices.ContainsFunc(ids.cns, matches) {
		return CNID.String() + " " + r.Name, true
	}

	return "", false
}

// MatchDNS compares a presented name with a reference name. A wildcard is the whole left-most label, stands
// for exactly one label, and is followed by two labels at least (RFC 9525 §6.3, RFC 7817 §3).
func MatchDNS(presented, reference string) bool {
	presented = strings.TrimSuffix(presented, ".")
	rest, isWildcard := strings.CutPrefix(presented, wildcard)
	// What is no host name can't match one, whatever it looks like.
	name, ok := dnsName(rest)
	if !ok {
		return false
	}
	if !isWildcard {
		return name == reference
	}

	first, tail, ok := strings.Cut(reference,
		".") // the first label may be the star itself: see parseCommonName
	return ok && first != "" && tail == name && strings.Contains(name, ".")
}
