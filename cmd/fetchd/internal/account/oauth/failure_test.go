package oauth

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"fetchd/fetch"
)

// What a token endpoint answers, and what is done.
func TestFailures(t *testing.T) {
	t.Parallel()
	plain := func(status int, kind, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(text))
		}
	}
	code := func(status int, code string) http.HandlerFunc {
		return plain(status, "application/json",
			`{"error":"`+code+`","error_description":"AADSTS1:\n\u001b[2J said"}`)
	}
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		kind   fetch.Kind
		text   string
		again  int // requests of the next try
	}{
		{"dead", code(400, "invalid_grant"), fetch.KindGrant,
			`"invalid_grant" "AADSTS1: [2J said"; hint: run: fetchd login ann@mail`, 0},
		{"a person must act", code(400, "interaction_required"), fetch.KindGrant, "fetchd login ann@mail", 0},
		{"wrong client", code(401, "invalid_client"), fetch.KindClient, "oauthclient and oauthsecret", 1},
		{"wrong scope", code(400, "invalid_scope"), fetch.KindClient, "oauthscope", 1},
		{"later", code(400, "temporarily_unavailable"), fetch.KindNetwork, "temporarily_unavailable", 1},
		{"server error with a code", code(503, "invalid_grant"), fetch.KindNetwork, "invalid_grant", 1},
		{"server error", plain(500, "text/html", "<p>refresh-oops"), fetch.KindNetwork, "status 500", 1},
		{"portal", plain(200, "text/html", "<p>pay for the network"), fetch.KindNetwork, "ask for a token",
			1},
		{"no token", plain(200, "application/json", "{}"), fetch.KindNetwork, "access_token", 1},
		{"unknown code", code(400, "whatever"), fetch.KindNetwork, "whatever", 1},
		{"endless", plain(200, "application/json", strings.Repeat(" ", 1<<20)), fetch.KindNetwork,
			"longer than", 1},
		{"redirect", func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, "/token", http.StatusTemporaryRedirect)
		},
			fetch.KindNetwork, "status 307, to another address, which gets nothing", 1},
		{"hangs up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			fetch.KindNetwork, "EOF", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.consents()
			r.pass(2 * time.Hour)
			r.s.Answer(tt.answer)
			r.fails(tt.kind, tt.text, 1)
			r.fails(tt.kind, "", tt.again)
			if c := r.State(r.Client).Condition; c == OK {
				t.Errorf("the state is %s", c)
			}

			// Whatever it was: the grant is not lost.
			r.s.Answer(nil)
			r.pass(time.Second)
			r.Retry()
			r.token()
			if c := r.State(r.Client).Condition; c != OK {
				t.Errorf("the state stays %s", c)
			}
		})
	}
}

// A provider that repeats the token that it was asked with.
func TestProviderRepeatsTheToken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.consents()
	r.pass(2 * time.Hour)
	r.s.Answer(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		token := req.PostForm.Get("refresh_token")
		_, _ = fmt.Fprintf(w, `{"error":"invalid_grant","error_description":"%s is %x"}`, token, token)
	})
	r.fails(fetch.KindGrant, `"*** is ***"`, 1)
	if s := r.State(r.Client); strings.Contains(s.String(), "refresh-") {
		t.Error(s)
	}
}

// Trouble is no trouble while the token is good.
func TestTroubleAheadOfTheEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.consents()
	first := r.token()
	r.s.Fail(500, "server_error")
	r.pass(57 * time.Minute)
	if r.token() != first {
		t.Error("another token")
	}
	r.pass(4 * time.Minute)
	r.fails(fetch.KindNetwork, "server_error", 1)
}

// A dead grant is asked for once a day, and at once after a new login.
func TestDeadGrant(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.consents()
	r.s.Revoke(true)
	r.pass(2 * time.Hour)
	r.fails(fetch.KindGrant, "invalid_grant", 1)
	r.pass(23 * time.Hour)
	r.fails(fetch.KindGrant, "fetchd login ann@mail", 0)
	if s := r.State(r.Client); s.Condition != NeedsLogin || !strings.Contains(s.String(), "invalid_grant") {
		t.Errorf("%s", s)
	}
	r.pass(2 * time.Hour)
	r.fails(fetch.KindGrant, "invalid_grant", 1)
	r.consents()
	r.token()
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.consents()
	r.pass(2 * time.Hour)
	r.s.Answer(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "120")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	r.fails(fetch.KindNetwork, "status 429", 1)
	r.pass(time.Minute)
	r.fails(fetch.KindNetwork, "no request before", 0)
	r.pass(2 * time.Minute)
	r.s.Answer(nil)
	r.token()
}

func TestNobodyHasLoggedIn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.fails(fetch.KindGrant, "nobody has logged in yet; hint: run: fetchd login ann@mail", 0)
	if s := r.State(r.Client); s.Condition != NoLogin {
		t.Errorf("%s", s)
	}
}

// No answer in time: the request is not repeated by itself.
func TestSlowProvider(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.consents()
	r.pass(2 * time.Hour)
	ended := make(chan struct{})
	r.s.Answer(func(http.ResponseWriter, *http.Request) { <-ended })
	t.Cleanup(func() { close(ended) })
	r.HTTP = Client{}.newHTTPClient()
	r.HTTP.Timeout = 200 * time.Millisecond
	r.fails(fetch.KindNetwork, "ask for a token", 1)
}
