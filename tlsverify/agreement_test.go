package tlsverify

import (
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
