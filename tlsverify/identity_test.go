package tlsverify

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"net"
	"net/url"
	"strings"
	"testing"

	"fetchd/tlsverify/tlstest"
)

// identityCase: does a certificate with these names prove that it is the server asked for?
type identityCase struct {
	name    string
	host    string   // what the user wrote
	cn      string   // sslcommonname
	srv     string   // "imaps example.net": found by SRV
	dns     []string // presented …
	ip      []string
	srvID   []string
	uri     []string
	subject string // presented common name
	want    string // matched identity; "" = refused; "invalid" = the words name no server
}

var identityCases = []identityCase{
	// DNS-ID, RFC 9525 §6.3
	{name: "equal", host: "mail.example.org", dns: []string{"mail.example.org"},
		want: "DNS-ID mail.example.org"},
	{name: "second of several", host: "mail.example.org", dns: []string{"a.example.org", "mail.example.org"},
		want: "DNS-ID mail.example.org"},
	{name: "other", host: "mail.example.org", dns: []string{"www.example.org"}},
	{name: "case in the certificate", host: "mail.example.org", dns: []string{"MAIL.Example.ORG"},
		want: "DNS-ID mail.example.org"},
	{name: "case in the host", host: "Mail.EXAMPLE.org", dns: []string{"mail.example.org"},
		want: "DNS-ID mail.example.org"},
	{name: "trailing dot in the host", host: "mail.example.org.", dns: []string{"mail.example.org"},
		want: "DNS-ID mail.example.org"},
	{name: "trailing dot in the certificate", host: "mail.example.org", dns: []string{"mail.example.org."},
		want: "DNS-ID mail.example.org"},
	{name: "trailing dot in both", host: "mail.example.org.", dns: []string{"mail.example.org."},
		want: "DNS-ID mail.example.org"},
	{name: "two trailing dots", host: "mail.example.org", dns: []string{"mail.example.org.."}},
	{name: "name is a suffix", host: "mail.example.org", dns: []string{"example.org"}},
	{name: "host is a suffix", host: "example.org", dns: []string{"mail.example.org"}},
	{name: "same ending without a dot", host: "evilexample.org", dns: []string{"example.org"}},
	{name: "single label", host: "localhost", dns: []string{"localhost"}, want: "DNS-ID localhost"},
	{name: "underscore", host: "mail_1.example.org", dns: []string{"mail_1.example.org"},
		want: "DNS-ID mail_1.example.org"},
	{name: "digits first", host: "1and1.example", dns: []string{"1and1.example"},
		want: "DNS-ID 1and1.example"},
	{name: "no names at all", host: "mail.example.org"},
	{name: "empty name", host: "mail.example.org", dns: []string{""}},
	{name: "leading dot", host: "mail.example.org", dns: []string{".mail.example.org"}},
	{name: "leading dot is no wildcard", host: "mail.example.org", dns: []string{".example.org"}},
	{name: "empty label", host: "mail.example.org", dns: []string{"mail..example.org"}},
	{name: "blank before", host: "mail.example.org", dns: []string{" mail.example.org"}},
	{name: "blank after", host: "mail.example.org", dns: []string{"mail.example.org "}},
	{name: "line break after", host: "mail.example.org", dns: []string{"mail.example.org\n"}},
	{name: "port", host: "mail.example.org", dns: []string{"mail.example.org:993"}},
	{name: "user", host: "mail.example.org", dns: []string{"ann@mail.example.org"}},
	{name: "label over 63", host: strings.Repeat("a", 64) + ".example.org", dns: []string{"*.example.org"},
		want: "invalid"},
	{name: "host over 253", host: strings.Repeat("a.", 122) + "example.org", want: "invalid"},
	{name: "host of 253", host: strings.Repeat("a.", 121) + "example.org",
		dns:  []string{strings.Repeat("a.", 121) + "example.org"},
		want: "DNS-ID " + strings.Repeat("a.", 121) + "example.org"},
	{name: "presented name over 253", host: "mail.example.org",
		dns: []string{strings.Repeat("a.", 130) + "example.org"}},

	// embedded NUL, fetchmail-SA-2009-01
	{name: "NUL in a DNS-ID", host: "mail.example.org", dns: []string{"mail.example.org\x00.evil.example"}},
	{name: "NUL beside a good name", host: "mail.example.org",
		dns: []string{"mail.example.org", "x\x00.evil.example"}},
	{name: "NUL in the common name", host: "mail.example.org", subject: "mail.example.org\x00.evil.example"},
	{name: "NUL in the common name beside a good DNS-ID", host: "mail.example.org",
		dns: []string{"mail.example.org"}, subject: "x\x00y"},
	{name: "NUL at the end", host: "mail.example.org", dns: []string{"mail.example.org\x00"}},
	{name: "NUL in the host", host: "mail.example.org\x00", dns: []string{"mail.example.org"},
		want: "invalid"},

	// wildcards, RFC 9525 §6.3, RFC 7817 §3
	{name: "wildcard", host: "mail.example.org", dns: []string{"*.example.org"},
		want: "DNS-ID mail.example.org"},
	{name: "wildcard in upper case", host: "mail.example.org", dns: []string{"*.EXAMPLE.org"},
		want: "DNS-ID mail.example.org"},
	{name: "wildcard with a trailing dot", host: "mail.example.org", dns: []string{"*.example.org."},
		want: "DNS-ID mail.example.org"},
	{name: "wildcard for the domain itself", host: "example.org", dns: []string{"*.example.org"}},
	{name: "wildcard two labels deep", host: "a.mail.example.org", dns: []string{"*.example.org"}},
	{name: "wildcard of a single-label suffix", host: "example.com", dns: []string{"*.com"}},
	{name: "wildcard of everything", host: "localhost", dns: []string{"*"}},
	{name: "wildcard and a dot", host: "localhost", dns: []string{"*."}},
	{name: "wildcard of the root", host: "example.org", dns: []string{"*.org."}},
	{name: "partial, end", host: "foo.example.org", dns: []string{"*oo.example.org"}},
	{name: "partial, middle", host: "foo.example.org", dns: []string{"f*o.example.org"}},
	{name: "partial, start", host: "foo.example.org", dns: []string{"fo*.example.org"}},
	{name: "partial in an A-label", host: "xn--bcher-kva.example.org", dns: []string{"xn--*.example.org"}},
	{name: "wildcard for a whole A-label", host: "xn--bcher-kva.example.org", dns: []string{"*.example.org"},
		want: "DNS-ID xn--bcher-kva.example.org"},
	{name: "wildcard in the second label", host: "mail.a.example.org", dns: []string{"mail.*.example.org"}},
	{name: "two wildcards", host: "a.b.example.org", dns: []string{"*.*.example.org"}},
	{name: "double star", host: "a.example.org", dns: []string{"**.example.org"}},
	{name: "wildcard and an empty label", host: "a.example.org", dns: []string{"*..example.org"}},
	{name: "wildcard with an address as suffix", host: "1.2.3.4", dns: []string{"*.2.3.4"}},
	{name: "wildcard in the host", host: "*.example.org", dns: []string{"*.example.org"}, want: "invalid"},
	{name: "exact beside wildcard", host: "example.org", dns: []string{"*.example.org", "example.org"},
		want: "DNS-ID example.org"},

	// internationalised names
	{name: "U-label host", host: "bücher.example", dns: []string{"xn--bcher-kva.example"},
		want: "DNS-ID xn--bcher-kva.example"},
	{name: "U-label host in upper case", host: "BÜCHER.example", dns: []string{"xn--bcher-kva.example"},
		want: "DNS-ID xn--bcher-kva.example"},
	{name: "A-label host", host: "XN--BCHER-KVA.example", dns: []string{"xn--bcher-kva.example"},
		want: "DNS-ID xn--bcher-kva.example"},
	{name: "ideographic full stop", host: "mail。example。org", dns: []string{"mail.example.org"},
		want: "DNS-ID mail.example.org"},
	{name: "U-label in the certificate", host: "bücher.example", dns: []string{"bücher.example"}},
	{name: "U-label in the common name", host: "bücher.example", subject: "bücher.example"},
	{name: "look-alike", host: "exаmple.org", dns: []string{"example.org"}}, // the а is Cyrillic
	{name: "full-width digits are no address", host: "１２７.0.0.1", ip: []string{"127.0.0.1"}, want: "invalid"},
	{name: "not UTF-8", host: "mail\xff.example.org", dns: []string{"mail.example.org"}, want: "invalid"},
	{name: "zero-width joiner", host: "mail\u200d.example.org", dns: []string{"mail.example.org"},
		want: "invalid"},

	// addresses
	{name: "IPv4", host: "192.0.2.1", ip: []string{"192.0.2.1"}, want: "IP-ID 192.0.2.1"},
	{name: "other IPv4", host: "192.0.2.1", ip: []string{"192.0.2.2"}},
	{name: "IPv4 as DNS-ID", host: "192.0.2.1", dns: []string{"192.0.2.1"}},
	{name: "IPv4 as common name", host: "192.0.2.1", subject: "192.0.2.1"},
	{name: "IPv6", host: "2001:db8::1", ip: []string{"2001:db8::1"}, want: "IP-ID 2001:db8::1"},
	{name: "IPv6 in brackets", host: "[2001:db8::1]", ip: []string{"2001:db8::1"}, want: "IP-ID 2001:db8::1"},
	{name: "IPv6 written long", host: "2001:0DB8:0:0:0:0:0:1", ip: []string{"2001:db8::1"},
		want: "IP-ID 2001:db8::1"},
	{name: "IPv6 with a zone", host: "fe80::1%eth0", ip: []string{"fe80::1"}, want: "IP-ID fe80::1"},
	{name: "IPv6 in brackets with a zone", host: "[fe80::1%eth0]", ip: []string{"fe80::1"},
		want: "IP-ID fe80::1"},
	{name: "IPv4 mapped into IPv6", host: "::ffff:192.0.2.1", ip: []string{"192.0.2.1"},
		want: "IP-ID 192.0.2.1"},
	{name: "IPv4 in brackets", host: "[192.0.2.1]", ip: []string{"192.0.2.1"}, want: "invalid"},
	{name: "open bracket", host: "[2001:db8::1", ip: []string{"2001:db8::1"}, want: "invalid"},
	{name: "short IPv4", host: "127.1", ip: []string{"127.0.0.1"}, want: "invalid"},
	{name: "IPv4 as a number", host: "2130706433", dns: []string{"2130706433"}, want: "invalid"},
	{name: "IPv4 in hexadecimal", host: "0x7f000001", dns: []string{"0x7f000001"}, want: "invalid"},
	{name: "a name's address does not count", host: "mail.example.org", ip: []string{"192.0.2.1"}},
	{name: "an address's name does not count", host: "192.0.2.1", dns: []string{"mail.example.org"},
		ip: []string{"192.0.2.9"}},

	// CN-ID, RFC 6125 §6.4.4
	{name: "common name alone", host: "mail.example.org", subject: "mail.example.org",
		want: "CN-ID mail.example.org"},
	{name: "common name in upper case", host: "mail.example.org", subject: "MAIL.EXAMPLE.ORG",
		want: "CN-ID mail.example.org"},
	{name: "wildcard common name", host: "mail.example.org", subject: "*.example.org",
		want: "CN-ID mail.example.org"},
	{name: "common name of a suffix", host: "example.com", subject: "*.com"},
	{name: "common name with text", host: "mail.example.org", subject: "mail.example.org server"},
	{name: "common name beside a DNS-ID", host: "mail.example.org", dns: []string{"www.example.org"},
		subject: "mail.example.org"},
	{name: "common name beside an SRV-ID", host: "mail.example.org", srvID: []string{"_imaps.example.org"},
		subject: "mail.example.org"},
	{name: "common name beside a malformed SRV-ID", host: "mail.example.org", srvID: []string{"*"},
		subject: "mail.example.org"},
	{name: "common name beside an address", host: "mail.example.org", ip: []string{"192.0.2.1"},
		subject: "mail.example.org"},
	{name: "common name beside a URI-ID", host: "mail.example.org", uri: []string{"imap://www.example.org"},
		subject: "mail.example.org"},

	// URI-ID, RFC 7817 §3
	{name: "URI-ID", host: "mail.example.org", uri: []string{"imap://mail.example.org"}},

	// SRV-ID, RFC 4985, RFC 6186 §6, RFC 7817 §3
	{name: "SRV-ID", srv: "imaps example.net", srvID: []string{"_imaps.example.net"},
		want: "SRV-ID _imaps.example.net"},
	{name: "SRV-ID in upper case", srv: "imaps example.net", srvID: []string{"_IMAPS.Example.NET"},
		want: "SRV-ID _imaps.example.net"},
	{name: "SRV-ID of another service", srv: "imaps example.net", srvID: []string{"_imap.example.net"}},
	{name: "SRV-ID of a web service", srv: "imaps example.net", srvID: []string{"_http.example.net"}},
	{name: "SRV-ID of another domain", srv: "imaps example.net", srvID: []string{"_imaps.example.org"}},
	{name: "SRV-ID of a domain below", srv: "imaps example.net", srvID: []string{"_imaps.mail.example.net"}},
	{name: "SRV-ID, second", srv: "pop3s example.net",
		srvID: []string{"_imaps.example.net", "_pop3s.example.net"}, want: "SRV-ID _pop3s.example.net"},
	{name: "SRV-ID with a wildcard service", srv: "imaps example.net", srvID: []string{"_*.example.net"}},
	{name: "SRV-ID with a wildcard for the service", srv: "imaps example.net",
		srvID: []string{"*.example.net"}},
	{name: "SRV-ID with a wildcard name", srv: "imaps mail.example.net",
		srvID: []string{"_imaps.*.example.net"}},
	{name: "SRV-ID with a protocol label", srv: "imaps example.net",
		srvID: []string{"_imaps._tcp.example.net"}},
	{name: "SRV-ID without underscore", srv: "imaps example.net", srvID: []string{"imaps.example.net"}},
	{name: "SRV-ID with NUL", srv: "imaps example.net",
		srvID: []string{"_imaps.example.net\x00.evil.example"}},
	{name: "SRV-ID with a trailing dot", srv: "imaps example.net", srvID: []string{"_imaps.example.net."},
		want: "SRV-ID _imaps.example.net"},
	{name: "SRV-ID is no DNS-ID", host: "_imaps.example.net", srvID: []string{"_imaps.example.net"}},
	{name: "found by SRV, DNS-ID of the domain", srv: "imaps example.net", dns: []string{"example.net"},
		want: "DNS-ID example.net"},
	{name: "found by SRV, DNS-ID of the target", srv: "imaps example.net", host: "mail.example.net",
		dns: []string{"mail.example.net"}},
	{name: "found by SRV, target confirmed", srv: "imaps example.net", cn: "mail.example.net",
		dns: []string{"mail.example.net"}, want: "DNS-ID mail.example.net"},
	{name: "found by SRV, SRV-ID not of the confirmed target", srv: "imaps example.net",
		cn: "mail.example.net", srvID: []string{"_imaps.example.net"}},
	{name: "found by SRV, internationalised", srv: "imaps bücher.example",
		srvID: []string{"_imaps.xn--bcher-kva.example"}, want: "SRV-ID _imaps.xn--bcher-kva.example"},
	{name: "SRV of an address", srv: "imaps 192.0.2.1", srvID: []string{"_imaps.192.0.2.1"}, want: "invalid"},
	{name: "SRV service malformed", srv: "im_aps example.net", srvID: []string{"_im_aps.example.net"},
		want: "invalid"},
	{name: "SRV-ID without SRV", host: "example.net", srvID: []string{"_imaps.example.net"}},

	// sslcommonname
	{name: "sslcommonname", host: "192.0.2.1", cn: "mail.example.org", dns: []string{"mail.example.org"},
		want: "DNS-ID mail.example.org"},
	{name: "sslcommonname is the only name", host: "mail.example.org", cn: "other.example.org",
		dns: []string{"mail.example.org"}},
	{name: "sslcommonname, wildcard certificate", host: "x", cn: "mail.example.org",
		dns: []string{"*.example.org"}, want: "DNS-ID mail.example.org"},
	{name: "sslcommonname is an address", host: "mail.example.org", cn: "192.0.2.1",
		ip: []string{"192.0.2.1"}, want: "IP-ID 192.0.2.1"},
	{name: "sslcommonname is a wildcard", host: "mail.example.net", cn: "*.example.net",
		dns:  []string{"*.example.net"},
		want: "DNS-ID *.example.net"},
	{name: "sslcommonname is a wildcard, in other letters", host: "x", cn: "*.Example.NET.",
		dns:  []string{"*.EXAMPLE.net"},
		want: "DNS-ID *.example.net"},
	{name: "sslcommonname is a wildcard, presented as common name", host: "x", cn: "*.example.net",
		subject: "*.example.net", want: "CN-ID *.example.net"},
	{name: "sslcommonname is a wildcard, a name under it is presented", host: "mail.example.net",
		cn:  "*.example.net",
		dns: []string{"mail.example.net"}},
	{name: "sslcommonname is a wildcard, another is presented", host: "x", cn: "*.example.net",
		dns: []string{"*.example.org", "*.a.example.net", "*.net", "example.net"}},
	{name: "sslcommonname is a wildcard of a single label", host: "x", cn: "*.net", dns: []string{"*.net"},
		want: "invalid"},
	{name: "sslcommonname is a partial wildcard", host: "x", cn: "m*.example.net",
		dns:  []string{"m*.example.net"},
		want: "invalid"},
	{name: "sslcommonname malformed", host: "mail.example.org", cn: "mail example",
		dns: []string{"mail.example.org"}, want: "invalid"},
	{name: "no host", dns: []string{"mail.example.org"}, want: "invalid"},
	{name: "host is a dot", host: ".", want: "invalid"},
	{name: "host with a slash", host: "mail.example.org/x", want: "invalid"},
	{name: "host with a port", host: "mail.example.org:993", want: "invalid"},
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	if len(identityCases) < 80 {
		t.Errorf("only %d rows", len(identityCases))
	}

	seen := map[string]bool{}
	for _, c := range identityCases {
		if seen[c.name] {
			t.Errorf("two rows are named %q", c.name)
		}
		seen[c.name] = true
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := c.match(t)
			if got != c.want {
				t.Errorf("matched %q, want %q", got, c.want)
			}
		})
	}
}

func (c identityCase) match(t *testing.T) string {
	service, domain, _ := strings.Cut(c.srv, " ")
	refs, err := references(Options{Host: c.host, CommonName: c.cn, SRVDomain: domain, Service: service})
	if err != nil {
		return "invalid"
	}
	matched, err := matchIdentity(refs, presentedBy(c.certificate(t)))
	var id *IdentityError
	if (err != nil) != (matched == "") || err != nil && !errors.As(err, &id) {
		t.Fatalf("matched %q with error %v", matched, err)
	}
	return matched
}

// certificate is made by hand, without a signature, so that any bytes can be in its names.
func (c identityCase) certificate(t *testing.T) *x509.Certificate {
	cert := &x509.Certificate{DNSNames: c.dns}
	for _, ip := range c.ip {
		p := net.ParseIP(ip)
		if v4 := p.To4(); v4 != nil {
			p = v4
		}
		cert.IPAddresses = append(cert.IPAddresses, p)
	}

	for _, u := range c.uri {
		parsed, err := url.Parse(u)
		if err != nil {
			t.Fatal(err)
		}
		cert.URIs = append(cert.URIs, parsed)
	}
	if c.subject != "" {
		cert.RawSubject = rawSubject(t, c.subject)
	}
	if c.srvID != nil {
		cert.Extensions = []pkix.Extension{{Id: oidSubjectAltName, Value: srvSAN(t, c.srvID)}}
	}

	return cert
}

func rawSubject(t testing.TB, cns ...string) []byte {
	var rdns pkix.RDNSequence
	for _, cn := range cns {
		rdns = append(rdns, pkix.RelativeDistinguishedNameSET{{Type: oidCommonName,
			Value: asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(cn)}}})
	}
	der, err := asn1.Marshal(rdns)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func srvSAN(t testing.TB, names []string) []byte {
	var all []asn1.RawValue
	for _, n := range names {
		v, err := tlstest.SRVName([]byte(n))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}

	der, err := asn1.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}

	return der
}

// Converting a long name to ASCII takes quadratic time: 8 s for this one.
func TestOverlongHostIsRefusedUnread(t *testing.T) {
	t.Parallel()
	var long strings.Builder
	for i := range 50_000 {
		long.WriteRune(rune(0x4e00 + i%20_000))
	}

	if _, err := HostName(long.String()); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("%v", err)
	}
}

func TestCommonNameMustStandAlone(t *testing.T) {
	t.Parallel()
	multi, err := asn1.Marshal(pkix.RDNSequence{{
		{Type: oidCommonName, Value: "mail.example.org"},
		{Type: asn1.ObjectIdentifier{2, 5, 4, 10}, Value: "Example"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if names := commonNames(&x509.Certificate{RawSubject: multi}); len(names) != 0 {
		t.Errorf("a common name in a multi-valued RDN counts: %q", names)
	}
	if names := commonNames(&x509.Certificate{RawSubject: rawSubject(t, "a.example",
		"b.example")}); len(names) != 2 {
		t.Errorf("common names: %q, want both", names)
	}
}

func TestPolicyNamesItsReferences(t *testing.T) {
	t.Parallel()
	p, err := New(Options{Host: "ignored.example", SRVDomain: "example.net", Service: "IMAPS"})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(texts(p.refs),
		","); got != "SRV-ID _imaps.example.net,DNS-ID example.net" {
		t.Errorf("expects %s", got)
	}
	if p.sni() != "example.net" {
		t.Errorf("SNI %q", p.sni())
	}
}

// maxFuzzedName keeps the fuzzing quick: minimizing an input takes runs in proportion to the square of its
// length, and what lies beyond the limits of a name says nothing new.
const maxFuzzedName = 80

func FuzzIdentity(f *testing.F) {
	for _, c := range identityCases {
		for _, d := range c.dns {
			f.Add(d, c.host)
		}
	}

	f.Add("*.example.org", "mail.example.org")
	f.Add(strings.Repeat("a", 2*maxFuzzedName), "mail.example.org") // so that the limit is not found anew
	f.Fuzz(func(t *testing.T, presented, host string) {
		if len(presented)+len(host) > 2*maxFuzzedName {
			return
		}
		name, err := HostName(host)
		if err != nil || !MatchDNS(presented, name) {
			return
		}
		// Whatever matches is equal label by label, but for a first label of "*".
		p := strings.Split(strings.ToLower(strings.TrimSuffix(presented, ".")), ".")
		h := strings.Split(name, ".")
		if len(p) != len(h) {
			t.Fatalf("%q matches %q with another number of labels", presented, name)
		}
		for i := range p {
			if p[i] != h[i] && (i > 0 || p[i] != "*" || len(p) < 3) {
				t.Fatalf("%q matches %q", presented, name)
			}
		}
		if strings.ContainsAny(presented, "\x00 \n") {
			t.Fatalf("%q matches", presented)
		}
	})
}
