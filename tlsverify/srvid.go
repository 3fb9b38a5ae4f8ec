package tlsverify

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// srvName is a name of the form id-on-dnsSRV (RFC 4985 §2): service and domain, both in lower case.
type srvName struct{ Service, Name string }

// String gives "_imaps.example.net".
func (n srvName) String() string { return "_" + n.Service + "." + n.Name }

const (
	maxSRVName  = 320  // a DNS name and a service label, with room
	maxSANNames = 1024 // more names than any honest certificate has
)

var (
	oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidDNSSRV         = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 8, 7}
	errSRVName        = errors.New("malformed SRV name in the certificate")
)

// srvNames lists the SRV-IDs that cert presents. An error means that one of them, or an otherName, can't be
// read; it comes with the names that can.
func srvNames(cert *x509.Certificate) ([]srvName, error) {
	for _, e := range cert.Extensions {
		if e.Id.Equal(oidSubjectAltName) {
			return parseSRVNames(e.Value)
		}
	}
	return nil, nil
}

// parseSRVNames reads the value of a subjectAltName extension: GeneralNames, of which only
// otherName matters here.
func parseSRVNames(der []byte) (names []srvName, err error) {
	in := cryptobyte.String(der)
	var list cryptobyte.String
	if !in.ReadASN1(&list, cbasn1.SEQUENCE) || !in.Empty() {
		return nil, errSRVName
	}

	for n := 0; !list.Empty(); n++ {
		var name cryptobyte.String
		var tag cbasn1.Tag
		if n == maxSANNames || !list.ReadAnyASN1(&name, &tag) {
			return names, errSRVName
		}
		// Only otherName, which is [0]; the other kinds were read by crypto/x509.
		if tag != cbasn1.Tag(0).ContextSpecific().Constructed() {
			continue
		}

		srv, isSRV, ok := parseOtherName(name)
		if !ok {
			err = errSRVName
		} else if isSRV {
			names = append(names, srv)
		}
	}

	return names, err
}

// parseOtherName reads OtherName ::= SEQUENCE { type-id, value [0] EXPLICIT IA5String }.
func parseOtherName(in cryptobyte.String) (n srvName, isSRV, ok bool) {
	var oid asn1.ObjectIdentifier
	if !in.ReadASN1ObjectIdentifier(&oid) {
		return n, false, false
	}
	// Other kinds, such as those of Kerberos, are none of our business and no mistake.
	if !oid.Equal(oidDNSSRV) {
		return n, false, true
	}

	var explicit, value cryptobyte.String
	if !in.ReadASN1(&explicit, cbasn1.Tag(0).ContextSpecific().Constructed()) || !in.Empty() {
		return n, true, false
	}
	if !explicit.ReadASN1(&value, cbasn1.IA5String) || !explicit.Empty() || len(value) > maxSRVName {
		return n, true, false
	}

	n, ok = parseSRVName(string(value))
	return n, true, ok
}

// parseSRVName reads "_Service.Name"; a wildcard is as malformed as any other stray character.
func parseSRVName(s string) (srvName, bool) {
	rest, ok := strings.CutPrefix(s, "_")
	if !ok {
		return srvName{}, false
	}
	service, name, ok := strings.Cut(rest, ".")
	if !ok || !validService(strings.ToLower(service)) {
		return srvName{}, false
	}
	name, ok = dnsName(strings.TrimSuffix(name, "."))
	return srvName{strings.ToLower(service), name}, ok
}

// validService checks a service label: letters, digits and inner hyphens (RFC 6335 §5.1), in lower case.
func validService(s string) bool {
	return validLabel(s) && !strings.Contains(s, "_") && s == strings.ToLower(s)
}
