package tlsverify

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"testing"

	"fetchd/tlsverify/tlstest"
)

func TestSRVNames(t *testing.T) {
	t.Parallel()
	good := srvSAN(t, []string{"_imaps.example.net"})
	cases := []struct {
		name string
		der  []byte
		want string
		bad  bool
	}{
		{"one", good, "_imaps.example.net", false},
		{"two", srvSAN(t, []string{"_imaps.example.net", "_pop3s.example.net"}),
			"_imaps.example.net _pop3s.example.net", false},
		{"good beside malformed", srvSAN(t, []string{"_imaps.example.net", "_*.example.net"}),
			"_imaps.example.net", true},
		{"empty list", []byte{0x30, 0}, "", false},
		{"a DNS name only", []byte{0x30, 3, 0x82, 1, 'a'}, "", false},
		{"nothing", nil, "", true},
		{"cut short", good[:len(good)-1], "", true},
		{"bytes after the list", append(bytes.Clone(good), 0), "", true},
		{"UTF-8 string instead of IA5", bytes.Replace(good, []byte{0x16, 18}, []byte{0x0c, 18}, 1), "", true},
		{"another otherName", []byte{0x30, 11, 0xa0, 9, 6, 3, 0x2a, 3, 4, 0xa0, 2, 5, 0}, "", false},
		{"otherName without a type", []byte{0x30, 2, 0xa0, 0}, "", true},
		{"name too long", srvSAN(t, []string{"_imaps." + strings.Repeat("a.", 160) + "net"}), "", true},
		{"high bytes", srvSAN(t, []string{"_imaps.b\xfccher.example"}), "", true},
	}

	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			names, err := parseSRVNames(c.der)
			if got := joinNames(names); got != c.want || (err != nil) != c.bad {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func joinNames(names []srvName) string {
	var s []string
	for _, n := range names {
		s = append(s, n.String())
	}
	return strings.Join(s, " ")
}

func FuzzSRVNames(f *testing.F) {
	f.Add(srvSAN(f, []string{"_imaps.example.net"}))
	f.Add(srvSAN(f, []string{"_imaps.example.net", "_*.x", ""}))
	f.Add([]byte{0x30, 0x80, 0xa0, 0})
	f.Fuzz(func(t *testing.T, der []byte) {
		names, _ := parseSRVNames(der)
		if len(names) > maxSANNames {
			t.Fatalf("%d names", len(names))
		}
		for _, n := range names {
			again, ok := parseSRVName(n.String())
			if !ok || again != n {
				t.Fatalf("%q does not parse to itself", n)
			}
			if strings.ContainsAny(n.String(), "*\x00 ") {
				t.Fatalf("stray character in %q", n)
			}
		}
	})
}

func TestSRVIDLive(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	o := Options{SRVDomain: "example.net", Service: "imaps", CAFile: ca.File(t)}
	leaf := tlstest.Leaf{SRV: []string{"_imaps.example.net"}}
	v, err := meet(t, policy(t, o), ca.Leaf(leaf))
	if err != nil || v.MatchedIdentity != "SRV-ID _imaps.example.net" {
		t.Errorf("%+v, %v", v, err)
	}

	inside := ca.Intermediate(tlstest.Authority{PermittedDNS: []string{"example.net"}})
	if _, err := meet(t, policy(t, o), inside.Leaf(leaf)); err != nil {
		t.Errorf("SRV-ID inside the issuer's names: %v", err)
	}

	outside := ca.Intermediate(tlstest.Authority{PermittedDNS: []string{"example.com"}})
	if _, err := meet(t, policy(t, o), outside.Leaf(leaf)); !chainReason(NameConstraint)(err) {
		t.Errorf("SRV-ID outside the issuer's names: %v", err)
	}
}

func TestCriticalSANWithOnlySRVID(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	san := pkix.Extension{Id: oidSubjectAltName, Critical: true,
		Value: srvSAN(t, []string{"_imaps.example.net"})}
	cert := ca.Leaf(tlstest.Leaf{Extensions: []pkix.Extension{san}})
	if len(cert.Leaf.UnhandledCriticalExtensions) == 0 {
		t.Error("crypto/x509 handles it now: withoutSANCritical is no longer needed")
	}
	if _, err := meet(t, policy(t, Options{SRVDomain: "example.net", Service: "imaps", CAFile: ca.File(t)}),
		cert); err != nil {
		t.Error(err)
	}

	odd := pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}
	strange := ca.Leaf(tlstest.Leaf{DNS: []string{host}, Extensions: []pkix.Extension{odd}})
	if _, err := meet(t, policy(t, Options{Host: host, CAFile: ca.File(t)}),
		strange); !chainReason(Malformed)(err) {
		t.Errorf("unknown critical extension: %v", err)
	}
}
