package tlsverify

import (
	"crypto/x509"
	"strings"
	"testing"

	"fetchd/tlsverify/tlstest"
)

// crypto/x509 verifies no weak signature itself; should it do so again, they are found here: on every
// certificate but the root, which vouches for itself.
func TestFindWeakLink(t *testing.T) {
	t.Parallel()
	root := tlstest.NewRoot(t, tlstest.Authority{RSA: 2048, Signature: x509.SHA1WithRSA})
	sub := root.Intermediate(tlstest.Authority{RSA: 2048})
	weakSub := root.Intermediate(tlstest.Authority{RSA: 2048, Signature: x509.SHA1WithRSA})
	weakLeaf := good()
	weakLeaf.Signature = x509.SHA1WithRSA
	cases := []struct {
		name  string
		chain []*x509.Certificate
		weak  string // "" = none
	}{
		{"strong but for the root's own signature",
			[]*x509.Certificate{sub.Leaf(good()).Leaf, sub.Cert, root.Cert}, ""},
		{"weak leaf", []*x509.Certificate{sub.Leaf(weakLeaf).Leaf, sub.Cert, root.Cert}, "DNS:" + host},
		{"weak intermediate", []*x509.Certificate{weakSub.Leaf(good()).Leaf, weakSub.Cert, root.Cert},
			"Intermediate"},
	}
	for _, c := range cases {
		err := findWeakLink(c.chain)
		if (err != nil) != (c.weak != "") || err != nil && !strings.Contains(err.Error(), c.weak) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
