package tlsverify

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"strings"
	"testing"

	"fetchd/tlsverify/tlstest"
)

func chainReason(r ChainReason) func(error) bool {
	return func(err error) bool {
		var e *ChainError
		return errors.As(err, &e) && e.Reason == r
	}
}

func TestNameConstraintNamesTheIssuer(t *testing.T) {
	t.Parallel()
	root := tlstest.NewCA(t)
	sub := root.Intermediate(tlstest.Authority{Name: "Elsewhere", PermittedDNS: []string{"example.com"}})
	for _, l := range []tlstest.Leaf{{DNS: []string{host}}, {CN: host}} {
		_, err := meetConfig(t, policy(t, Options{Host: host, CAFile: root.File(t)}),
			tlstest.ServerConfig(sub.Leaf(l)))
		if err == nil || !strings.HasPrefix(err.Error(), `issuer "CN=Elsewhere`) {
			t.Errorf("%+v: %v", l, err)
		}
	}
}

// An authority with constraints of a kind that is not understood is the one that is named, not the server.
func TestCriticalExtensionNamesItsCertificate(t *testing.T) {
	t.Parallel()
	root := tlstest.NewCA(t)
	// excluded: the directory name without parts
	directories := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 30}, Critical: true,
		Value: []byte{0x30, 8, 0xa1, 6, 0x30, 4, 0xa4, 2, 0x30, 0}}
	sub := root.Intermediate(tlstest.Authority{Name: "Odd", Extensions: []pkix.Extension{directories}})

	_, err := meet(t, policy(t, Options{Host: host, CAFile: root.File(t)}), sub.Leaf(good()))
	if !chainReason(Malformed)(err) || !strings.HasPrefix(err.Error(), `certificate "CN=Odd`) ||
		!strings.Contains(err.Error(), "name constraints") {
		t.Error(err)
	}
}

func TestRefusedChainLeavesTheIdentityMatched(t *testing.T) {
	t.Parallel()
	v, err := meetConfig(t, policy(t, Options{Host: host, CAFile: tlstest.NewCA(t).File(t)}),
		tlstest.ServerConfig(tlstest.NewCA(t).Leaf(good())))
	if err == nil || v.MatchedIdentity != "DNS-ID "+host || len(v.Chain) > 0 {
		t.Errorf("%+v, %v", v, err)
	}
}
