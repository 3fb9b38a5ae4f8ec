package tlsverify

import (
	"crypto/tls"
	"testing"
	"time"

	"fetchd/tlsverify/tlstest"
)

func TestCheckListFailsWhatIsRefused(t *testing.T) {
	t.Parallel()
	weak := tlstest.NewRoot(t, tlstest.Authority{RSA: 1024})
	old := tlstest.NewRoot(t, tlstest.Authority{NotAfter: time.Now().Add(-time.Hour)})
	for name, root := range map[string]*tlstest.CA{"weak root": weak, "expired root": old} {
		r := twins(mailServer{cfg: modern(root.Leaf(good())), d: dialects[0], wrapped: true}).check(t,
			CheckOptions{Proto: "imap", Wrapped: true, Policy: Options{CAFile: root.File(t)}})
		if r.Verified || !found(r, CheckRoot, Fail) {
			t.Errorf("%s: verified is %v:\n%s", name, r.Verified, text(t, r))
		}
	}
}

func TestCheckListHeedsTheAccountsOptions(t *testing.T) {
	t.Parallel()
	root := tlstest.NewCA(t)
	sub := root.Intermediate(tlstest.Authority{})
	cases := []struct {
		name  string
		o     Options
		check string
		level Level
	}{
		{"intermediate pinned", Options{Pins: []Pin{PinOf(sub.Cert)}}, CheckPins, OK},
		{"intermediate pinned, chain not verified", Options{Pins: []Pin{PinOf(sub.Cert)}, NoCheck: true}, CheckPins, Fail},
		{"version offered", Options{Proto: "tls1.2"}, CheckVersions, OK},
		{"version not offered", Options{Proto: "tls1.3"}, CheckVersions, Fail},
	}
	for _, c := range cases {
		cfg := modern(sub.Leaf(good()))
		cfg.MaxVersion = tls.VersionTLS12
		c.o.CAFile = root.File(t)
		r := twins(mailServer{cfg: cfg, d: dialects[0], wrapped: true}).check(t, CheckOptions{Proto: "imap", Wrapped: true, Policy: c.o})
		if !found(r, c.check, c.level) || r.ExitStatus() != int(c.level) {
			t.Errorf("%s:\n%s", c.name, text(t, r))
		}
	}
}
