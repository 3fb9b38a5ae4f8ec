package oauth

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"fetchd/cmd/fetchd/internal/account/oauth/oauthtest"
	"fetchd/cmd/fetchd/internal/web"
	"fetchd/fetch"
)

// says makes the server answer requests for tokens with a text of some type.
func (r *rig) says(status int, contentType, text string) {
	r.s.Answer(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	})
}

// Odd answers that hold a token give it: to lose one of these may be to lose the grant.
func TestOddAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, contentType, text string
		life                    time.Duration
	}{
		{"number", "application/json", `{"access_token":"good","expires_in":100}`, 100 * time.Second},
		{"string", "application/json", `{"access_token":"good","expires_in":"100"}`, 100 * time.Second},
		{"float", "application/json", `{"access_token":"good","expires_in":100.9}`, 100 * time.Second},
		{"exponent", "application/json", `{"access_token":"good","expires_in":1e2}`, 100 * time.Second},
		{"negative", "application/json", `{"access_token":"good","expires_in":-5}`, unknownLife},
		{"word", "application/json", `{"access_token":"good","expires_in":"soon"}`, unknownLife},
		{"object", "application/json", `{"access_token":"good","expires_in":{}}`, unknownLife},
		{"null", "application/json", `{"access_token":"good","expires_in":null}`, unknownLife},
		{"for ever", "application/json", `{"access_token":"good","expires_in":1e300}`, maxLife},
		{"twice", "application/json", `{"access_token":"bad","access_token":"good"}`, unknownLife},
		{"as text", "text/plain", ` {"access_token":"good","expires_in":100}`, 100 * time.Second},
		{"as HTML", "text/html; charset=utf-8", `{"access_token":"good"}`, unknownLife},
		{"as a form", "application/x-www-form-urlencoded", `access_token=good&expires_in=100`,
			100 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.consents()
			r.pass(2 * time.Hour)
			r.says(200, tt.contentType, tt.text)
			token, err := r.Token(t.Context(), r.Client)
			if err != nil || token != "good" {
				t.Fatalf("%q, %v", token, err)
			}
			if life := r.State(r.Client).Expiry.Sub(r.clock()); life.Round(time.Second) != tt.life {
				t.Errorf("it lasts %v, want %v", life, tt.life)
			}
		})
	}
}

// What is no token changes nothing, and is no reason for somebody to log in again.
func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text, says string
	}{
		{"line break", `{"access_token":"x\r\nA1 LOGOUT"}`, "can't stand in a login"},
		{"another field of the login", `{"access_token":"x\u0001host=evil"}`, "can't stand in a login"},
		{"another kind of token", `{"access_token":"x","token_type":"mac"}`, "no Bearer token"},
		{"NUL", `{"access_token":"x\u0000"}`, "can't stand in a login"},
		{"blank", `{"access_token":"x y"}`, "can't stand in a login"},
		{"not ASCII", `{"access_token":"x\u202ey"}`, "can't stand in a login"},
		{"an object", `{"access_token":{"a":1}}`, "cannot parse json"},
		{"empty", `{"access_token":""}`, "missing access_token"},
		{"nothing", ``, "cannot parse json"},
		{"deep", strings.Repeat("[", 60_000), "cannot parse json"},
		{"long", `{"access_token":"` + strings.Repeat("x", web.MaxAnswer) + `"}`, "longer than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.consents()
			r.pass(2 * time.Hour)
			r.says(200, "application/json", tt.text)
			r.fails(fetch.KindNetwork, tt.says, 1)
			r.s.Answer(nil)
			r.token()
		})
	}
}

// A provider that repeats what it was sent puts no secret into the log, in whatever writing.
func TestAnswersKeepSecrets(t *testing.T) {
	t.Parallel()
	for _, contentType := range []string{"application/json", "text/plain"} {
		t.Run(contentType, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.s.Secret, r.Secret = true, secretOf(oauthtest.ClientSecret)
			r.consents()
			r.pass(2 * time.Hour)
			r.s.Answer(func(w http.ResponseWriter, req *http.Request) {
				w.Header().Set("Content-Type", contentType)
				w.WriteHeader(http.StatusUnauthorized)
				said := "secret " + req.PostForm.Get("client_secret") + " of " +
					base64.StdEncoding.EncodeToString([]byte(req.PostForm.Get("refresh_token")))
				if contentType == "text/plain" {
					_, _ = io.WriteString(w, url.Values{"error": {"invalid_client"},
						"error_description": {said}}.Encode())
					return
				}
				_, _ = fmt.Fprintf(w, `{"error":"invalid_client","error_description":%q}`, said)
			})
			_, err := r.Token(t.Context(), r.Client)
			if fetch.KindOf(err) != fetch.KindClient ||
				strings.Contains(err.Error(), oauthtest.ClientSecret) ||
				strings.Contains(err.Error(), base64.StdEncoding.EncodeToString([]byte("refresh-"))[:8]) {
				t.Error(err)
			}
		})
	}
}

// A clock that was wrong for a while stops no account for longer.
func TestClockWasWrong(t *testing.T) {
	t.Parallel()
	const years = 5 * 365 * 24 * time.Hour
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
	}{
		{"asked to wait", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "600")
			w.WriteHeader(http.StatusTooManyRequests)
		}},
		{"called dead", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"invalid_grant"}`)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.consents()
			r.pass(years)
			r.s.Answer(tt.answer)
			if _, err := r.Token(t.Context(), r.Client); err == nil {
				t.Fatal("it got a token")
			}
			r.s.Answer(nil)
			r.pass(2*time.Hour - years)
			r.token()
		})
	}
}

// A grant's file that is damaged is what a login mends. One that others could read is closed to them.
func TestDamagedFileIsMended(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty": "", "cut": `{"access_token":"x","refr`,
		"garbage": "\x00\xff", "another": `[1]`, "bare": `{}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.consents()
			path := r.File(r.Client)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			r.fails(fetch.KindGrant, "fetchd login ann@mail", 0)
			if err := r.Check(r.Client); fetch.KindOf(err) != fetch.KindGrant {
				t.Error(err)
			}
			r.consents()
			r.token()

			if err := os.Chmod(path, 0o644); err != nil {
				t.Fatal(err)
			}
			r.token()
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", info.Mode(), err)
			}
		})
	}
}

// A device flow without a code or a page ends, instead of waiting for what nobody can do.
func TestDeviceFlowWithoutCode(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"no code":      `{"device_code":"x","verification_uri":"https://login.example.org","expires_in":600}`,
		"no page":      `{"device_code":"x","user_code":"ABC","expires_in":600}`,
		"another page": `{"device_code":"x","user_code":"ABC","verification_uri":"javascript:alert(1)"}`,
		"clear text":   `{"device_code":"x","user_code":"ABC","verification_uri":"http://login.example.org"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.s.AnswerDevice(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
			err := r.Device(t.Context(), r.Client, func(c DeviceCode) { t.Errorf("it shows %+v", c) })
			if fetch.KindOf(err) != fetch.KindProtocol {
				t.Errorf("%s: %v", fetch.KindOf(err), err)
			}
		})
	}
}

// A provider may write the pause between requests in as many ways as the life of a token.
func TestDeviceFlowIntervals(t *testing.T) {
	t.Parallel()
	for _, interval := range []string{`"1"`, "1.0", "1e0"} {
		t.Run(interval, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.s.AnswerDevice(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = fmt.Fprintf(w, `{"device_code":"x","user_code":"ABC",
					"verification_uri":"https://login.example.org","interval":%s}`, interval)
			})
			err := r.Device(t.Context(), r.Client, func(DeviceCode) { r.s.Fail(400, "access_denied") })
			if fetch.KindOf(err) != fetch.KindAuth {
				t.Errorf("%s: %v", fetch.KindOf(err), err)
			}
		})
	}
}

// A provider whose answers say whose they are gets no code by one that doesn't.
func TestAnswerWithoutIssuer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Providers = map[string]provider{r.Provider: {
		Issuer: r.s.URL, Auth: r.s.URL + "/authorize", Token: r.s.URL + "/token", SaysIssuer: true,
	}}
	err := r.Browser(t.Context(), r.Client, 0, func(address string, _ int) {
		page, _ := url.Parse(address)
		go browse(t, page.Query().Get("redirect_uri")+"?state="+page.Query().Get("state")+"&code=x")
	})
	if fetch.KindOf(err) != fetch.KindAuth || !strings.Contains(err.Error(), "of which provider") {
		t.Error(err)
	}
	if n := len(r.s.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
	r.consents() // this server's answers say it
}

// An answer that has begun ends with the request's time.
func TestUnfinishedAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.consents()
	r.pass(2 * time.Hour)
	r.s.Answer(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.WriteString(w, "{")
		_ = http.NewResponseController(w).Flush()
		<-req.Context().Done()
	})
	r.HTTP = Client{}.newHTTPClient()
	r.HTTP.Timeout = 50 * time.Millisecond
	if _, err := r.Token(t.Context(), r.Client); fetch.KindOf(err) != fetch.KindNetwork {
		t.Errorf("%s: %v", fetch.KindOf(err), err)
	}
}
