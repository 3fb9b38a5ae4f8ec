package oauth

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fetchd/cmd/fetchd/internal/account/oauth/oauthtest"
	"fetchd/fetch"
	"fetchd/tlsverify/tlstest"
)

func TestDeviceFlow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	down := true
	err := r.Device(t.Context(), r.Client, func(code DeviceCode) {
		if code.Code != "WDJB-MJHT" || code.Address != r.s.URL+"/consent" ||
			time.Until(code.Until) < time.Minute {
			t.Errorf("%+v", code)
		}
		r.s.Answer(func(w http.ResponseWriter, req *http.Request) {
			if down { // a connection that fails once is no refusal
				down = false
				panic(http.ErrAbortHandler)
			}
			r.s.Consent()
			r.s.Token(w, req)
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	r.token()
	r.pass(2 * time.Hour)
	r.s.Answer(nil)
	r.token()
}

func TestDeviceFlowRefused(t *testing.T) {
	t.Parallel()
	for code, kind := range map[string]fetch.Kind{
		"authorization_declined": fetch.KindAuth, "expired_token": fetch.KindAuth,
		"invalid_client": fetch.KindClient,
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			err := r.Device(t.Context(), r.Client, func(DeviceCode) { r.s.Fail(400, code) })
			if fetch.KindOf(err) != kind || !strings.Contains(err.Error(), code) {
				t.Errorf("%v", err)
			}
			r.fails(fetch.KindGrant, "nobody has logged in", 0)
		})
	}
}

// Only the browser that was sent out may come back.
func TestBrowserFlow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.ID, r.s.Secret = oauthtest.ClientID, true
	r.Secret = secretOf(oauthtest.ClientSecret)
	err := r.Browser(t.Context(), r.Client, 0, func(address string, port int) {
		page, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		q := page.Query()
		back := q.Get("redirect_uri")
		if q.Get("login_hint") != "ann" || q.Get("scope") != "mail offline_access" ||
			!strings.HasPrefix(back, "http://127.0.0.1:") {
			t.Errorf("%s", address)
		}
		go func() {
			for _, foreign := range []string{"?code=x", "?code=x&state=y", "?state=" + q.Get("state") +
				"x&code=y", "favicon.ico"} {
				resp, err := http.Get(back + foreign)
				if err != nil {
					t.Error(err)
					return
				}
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusNotFound {
					t.Errorf("%s: %s", foreign, resp.Status)
				}
			}
			browse(t, address)
		}()
	})
	if err != nil {
		t.Fatal(err)
	}
	r.token()
}

func TestBrowserComesBackWithARefusal(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"error=access_denied&error_description=no%0Away": `"access_denied" "no way"`,
		"code=x&iss=https://other.example.org":           "another provider",
		"x=y":                                            "no code",
		"code=made-up":                                   "invalid_grant",
	} {
		r := newRig(t)
		err := r.Browser(t.Context(), r.Client, 0, func(address string, port int) {
			page, _ := url.Parse(address)
			go browse(t, page.Query().Get("redirect_uri")+"?state="+page.Query().Get("state")+"&"+query)
		})
		if fetch.KindOf(err) != fetch.KindAuth || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", query, err)
		}
	}
}

func TestPaste(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var came string
	show := func(address string) {
		client := &http.Client{CheckRedirect: func(*http.Request,
			[]*http.Request) error {
			return http.ErrUseLastResponse
		}}
		resp, err := client.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		came = resp.Header.Get("Location")
	}
	for _, cut := range []string{"https://example.org/", "no\x7f address", ""} {
		err := r.Paste(t.Context(), r.Client, show, func() (string, error) { return cut, nil })
		if fetch.KindOf(err) != fetch.KindAuth {
			t.Errorf("%q: %v", cut, err)
		}
	}
	if err := r.Paste(t.Context(), r.Client, show, func() (string, error) { return came, nil }); err != nil {
		t.Fatal(err)
	}
	r.token()
	if err := r.Paste(t.Context(), r.Client, show, func() (string,
		error) {
		return "", errors.New("gone")
	}); err == nil {
		t.Error("nobody pasted anything")
	}
}

func TestNoRefreshToken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.s.Answer(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"access_token":"x","token_type":"Bearer"}`))
	})
	err := r.Browser(t.Context(), r.Client, 0, func(address string, _ int) { go browse(t, address) })
	if fetch.KindOf(err) != fetch.KindConfig || !strings.Contains(err.Error(), "offline_access") {
		t.Errorf("%v", err)
	}
}

func TestDiscovery(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Provider += "/" // another issuer by the rule of RFC 8414
	err := r.Device(t.Context(), r.Client, func(DeviceCode) {})
	if err == nil || !strings.Contains(err.Error(), "another issuer") ||
		!strings.Contains(err.Error(), fmt.Sprintf("write oauth %q", r.s.URL)) {
		t.Errorf("%v", err)
	}
	r.Provider = r.s.URL + "/x"
	err = r.Device(t.Context(), r.Client, func(DeviceCode) {})
	if fetch.KindOf(err) != fetch.KindNetwork || !strings.Contains(err.Error(), "answers 404") {
		t.Errorf("%v", err)
	}
}

// changeGrant changes what is kept of the grant.
func (r *rig) changeGrant(change func(*grant)) {
	r.t.Helper()
	g, err := r.read(r.Client)
	if err != nil {
		r.t.Fatal(err)
	}
	change(g)
	text, err := g.encode()
	if err == nil {
		err = os.WriteFile(r.File(r.Client), text, 0o600)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

func TestLogout(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if _, err := r.Logout(t.Context(), r.Client); fetch.KindOf(err) != fetch.KindAuth {
		t.Errorf("%v", err)
	}
	r.consents()
	token := r.token()
	if revoked, err := r.Logout(t.Context(), r.Client); !revoked || err != nil || r.s.Good(token) {
		t.Errorf("%v, %v", revoked, err)
	}
	r.fails(fetch.KindGrant, "nobody has logged in", 0)

	r.consents()
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = fmt.Fprintf(w, `{"error":"invalid_client","error_description":"no %s"}`,
			req.FormValue("token"))
	}))
	defer refusing.Close()
	r.changeGrant(func(g *grant) { g.From.Revoke = refusing.URL })
	if revoked, err := r.Logout(t.Context(), r.Client); revoked || err == nil ||
		!strings.Contains(err.Error(), `the provider answers "invalid_client" "no ***"`) {
		t.Errorf("%v, %v", revoked, err)
	}

	r.consents()
	r.s.Close()
	if revoked, err := r.Logout(t.Context(), r.Client); revoked || err == nil ||
		!strings.Contains(err.Error(), "is removed here") {
		t.Errorf("%v, %v", revoked, err)
	}
	if r.State(r.Client).Condition != NoLogin {
		t.Error("still there")
	}
}

// A program's own login needs nobody, and is kept like another.
func TestApp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Flow, r.s.Secret = FlowApp, true
	r.Secret = secretOf(oauthtest.ClientSecret)
	first := r.token()
	if r.token() != first || len(r.s.Requests()) != 1 {
		t.Error("not kept")
	}
	r.pass(56 * time.Minute)
	if r.token() == first {
		t.Error("not renewed")
	}
	r.pass(2 * time.Hour)
	r.Secret = secretOf("wrong")
	r.fails(fetch.KindClient, "oauthclient and oauthsecret", 1)
	if c := r.State(r.Client).Condition; c != ClientWrong {
		t.Errorf("the state is %s", c)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	private := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	account, err := json.Marshal(map[string]string{"client_email": "robot@project", "private_key_id": "k1",
		"private_key": private})
	if err != nil {
		t.Fatal(err)
	}
	leaf := tlstest.NewCA(t).Leaf(tlstest.Leaf{DNS: []string{"client.example.org"}})
	certificate := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Leaf.Raw}))

	for _, tt := range []struct{ name, provider, file, field, claim, alg string }{
		{"service account", Google, string(account), "assertion", `"sub":"ann"`, "RS256"},
		{"certificate", Microsoft, private + certificate, "client_assertion", `"iss":"mail"`, "PS256"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.Provider, r.Flow = tt.provider, FlowKey
			r.Providers = map[string]provider{tt.provider: {Token: r.s.URL + "/token"}}
			r.KeyFile = filepath.Join(t.TempDir(), "key")
			r.fails(fetch.KindClient, "no such file", 0)
			if err := os.WriteFile(r.KeyFile, []byte(tt.file), 0o600); err != nil {
				t.Fatal(err)
			}
			r.token()
			parts := strings.Split(r.s.Requests()[0].Get(tt.field), ".")
			head, _ := base64.RawURLEncoding.DecodeString(parts[0])
			claims, _ := base64.RawURLEncoding.DecodeString(parts[1])
			if !strings.Contains(string(head), tt.alg) || !strings.Contains(string(claims), tt.claim) ||
				!strings.Contains(string(claims), r.s.URL) {
				t.Errorf("%s %s", head, claims)
			}
			r.pass(2 * time.Hour)
			r.s.Fail(400, "invalid_grant")
			r.fails(fetch.KindClient, "oauthkey", 1)
		})
	}
}

func TestBadKeys(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{}", `{"client_email":"a","private_key":"x"}`,
		"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		for _, name := range []string{Google, Microsoft} {
			r := newRig(t)
			r.Provider, r.Flow, r.KeyFile = name, FlowKey, filepath.Join(t.TempDir(), "key")
			if err := os.WriteFile(r.KeyFile, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			r.fails(fetch.KindClient, "oauthkey "+r.KeyFile, 0)
		}
	}
}
