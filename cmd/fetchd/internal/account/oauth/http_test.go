package oauth

import (
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"fetchd/fetch"
	"fetchd/tlsverify/tlstest"
)

// No token is asked of a provider that does not prove its name.
func TestProviderProvesItsName(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	for _, tt := range []struct {
		name  string
		leaf  tlstest.Leaf
		trust bool
		max   uint16
		works bool
	}{
		{"good", tlstest.Leaf{IP: []string{"127.0.0.1"}}, true, 0, true},
		{"another's certificate", tlstest.Leaf{DNS: []string{"other.example.org"}}, true, 0, false},
		{"an authority that we don't trust", tlstest.Leaf{IP: []string{"127.0.0.1"}}, false, 0, false},
		{"old TLS", tlstest.Leaf{IP: []string{"127.0.0.1"}}, true, tls.VersionTLS11, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			asked := false
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked = true
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write([]byte(`{"access_token":"x","token_type":"Bearer","expires_in":3600}`))
			}))
			s.TLS = tlstest.ServerConfig(ca.Leaf(tt.leaf))
			if tt.max != 0 {
				s.TLS.MinVersion, s.TLS.MaxVersion = tt.max, tt.max
			}
			s.Config.ErrorLog = discardedLog()
			s.StartTLS()
			defer s.Close()

			trusted := ca
			if !tt.trust {
				trusted = tlstest.NewCA(t)
			}
			k := &Keeper{Dir: t.TempDir() + "/oauth",
				Providers: map[string]provider{"x": {Token: s.URL}}}
			c := Client{Account: "ann@mail", Provider: "x", ID: "mail", Flow: FlowApp, Secret: secretOf("s"),
				CertFile: trusted.File(t)}
			_, err := k.Token(t.Context(), c)
			switch {
			case tt.works && err != nil:
				t.Error(err)
			case !tt.works && (fetch.KindOf(err) != fetch.KindTLS || asked ||
				!strings.Contains(err.Error(), "127.0.0.1")):
				t.Errorf("asked %v, %s: %v", asked, fetch.KindOf(err), err)
			}
		})
	}
}

func discardedLog() *log.Logger { return log.New(io.Discard, "", 0) }
