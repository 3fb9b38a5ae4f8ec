package fetch_test

import (
	"strings"
	"testing"

	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
	"fetchd/tlsverify"
)

// A proxy on this machine that has no TLS is not told of as a server whose TLS is elsewhere.
func TestLocalProxyWithoutTLS(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, host string
		mode       fetch.TLSMode
		hint       string
	}{
		{"no TLS was said", "127.0.0.1", fetch.StartTLS,
			`"sslproto ''" in its entry, behind the user's name`},
		{"by name", "localhost", fetch.StartTLS, `"sslproto ''" in its entry, behind the user's name`},
		{"ssl", "127.0.0.1", fetch.Wrapped, `"sslproto ''" in place of "ssl"; ` +
			"with any other server leave ssl out to use STLS, or use port 995"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			policy, err := tlsverify.New(tlsverify.Options{Host: tt.host, Protocol: "pop3",
				StartTLS: tt.mode == fetch.StartTLS})
			if err != nil {
				t.Fatal(err)
			}

			m := popMailbox(fetchtest.StartPOPServer(t, fetchtest.POPOptions{}))
			r := newRig(t, popVariant(tt.mode), m)
			r.a.Host, r.a.Policy = tt.host, policy
			_, err = r.pass(t)
			const needs = "hint: a proxy on this machine that has no TLS needs "
			if err == nil || !strings.Contains(err.Error(), needs+tt.hint) {
				t.Errorf("%v", err)
			}
			if fetch.KindOf(err) != fetch.KindTLS {
				t.Errorf("kind %v", fetch.KindOf(err))
			}
		})
	}
}
