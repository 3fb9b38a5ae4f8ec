package tlsverify

import (
	"encoding/asn1"
	"encoding/pem"
	"testing"

	"fetchd/tlsverify/tlstest"
)

// A bundle of OpenSSL's own kind, such as Fedora's ca-bundle.trust.crt, says of each authority what it is
// trusted for.
func TestTrustedCertificates(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	clients := asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 2}
	list := func(ids ...asn1.ObjectIdentifier) []asn1.ObjectIdentifier { return ids }
	for name, tt := range map[string]struct {
		aux     *auxiliary
		trusted bool
	}{
		"nothing said":        {nil, true},
		"an alias alone":      {&auxiliary{}, true},
		"for servers":         {&auxiliary{Trust: list(clients, oidServerAuth)}, true},
		"for anything":        {&auxiliary{Trust: list(oidAnyPurpose)}, true},
		"for clients":         {&auxiliary{Trust: list(clients)}, false},
		"not for servers":     {&auxiliary{Reject: list(oidServerAuth)}, false},
		"for both and not":    {&auxiliary{Trust: list(oidServerAuth), Reject: list(oidServerAuth)}, false},
		"not for clients":     {&auxiliary{Reject: list(clients)}, true},
		"not for any purpose": {&auxiliary{Reject: list(oidAnyPurpose)}, false},
	} {
		der := append([]byte(nil), ca.Cert.Raw...)
		if tt.aux != nil {
			more, err := asn1.Marshal(*tt.aux)
			if err != nil {
				t.Fatal(err)
			}
			der = append(der, more...)
		}

		text := pem.EncodeToMemory(&pem.Block{Type: trustedType, Bytes: der})
		p, err := New(Options{Host: host, CAFile: tlstest.WriteFile(t, "bundle.pem", text)})
		if (err == nil) != tt.trusted {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err == nil {
			_, err = meet(t, p, ca.Leaf(good()))
		}
		if (err == nil) != tt.trusted {
			t.Errorf("%s: %v", name, err)
		}
	}
}
