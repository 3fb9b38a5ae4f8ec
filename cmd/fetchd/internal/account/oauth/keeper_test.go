package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fetchd/cmd/fetchd/internal/account/oauth/oauthtest"
	"fetchd/fetch"
	"fetchd/tlsverify/hints"
)

// rig is a keeper, and a client of a server, with a clock.
type rig struct {
	*Keeper
	Client
	s *oauthtest.Server
	t *testing.T

	mu  sync.Mutex // guards now
	now time.Time
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{s: oauthtest.Start(t), t: t, now: time.Now()}
	r.Keeper = &Keeper{Dir: filepath.Join(t.TempDir(), "oauth"), Now: r.clock}
	r.Client = Client{
		Account: "ann@mail", User: "ann", Provider: r.s.URL, ID: oauthtest.ClientID, Flow: FlowBrowser,
		Scopes: []string{"mail", "offline_access"},
	}
	return r
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

// consents lets the person consent in a browser.
func (r *rig) consents() {
	r.t.Helper()
	err := r.Browser(r.t.Context(), r.Client, 0, func(address string, _ int) { go browse(r.t, address) })
	if err != nil {
		r.t.Fatal(err)
	}
}

// browse is a browser.
func browse(t *testing.T, address string) {
	resp, err := http.Get(address)
	if err != nil {
		t.Error(err)
		return
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("the browser got %s", resp.Status)
	}
}

// token wants a token that the mail server accepts.
func (r *rig) token() string {
	r.t.Helper()
	token, err := r.Token(r.t.Context(), r.Client)
	if err != nil || !r.s.Good(token) {
		r.t.Fatalf("%q, %v", token, err)
	}
	return token
}

// fails wants an error of a kind, with a text, after so many more requests.
func (r *rig) fails(kind fetch.Kind, text string, requests int) {
	r.t.Helper()
	before := len(r.s.Requests())
	_, err := r.Token(r.t.Context(), r.Client)
	if err == nil || fetch.KindOf(err) != kind || !strings.Contains(err.Error(), text) {
		r.t.Errorf("%v, of kind %s; want %s of kind %s", err, fetch.KindOf(err), text, kind)
	}
	if got := len(r.s.Requests()) - before; got != requests {
		r.t.Errorf("%d requests, want %d", got, requests)
	}
	if err != nil && (strings.Contains(err.Error(), "refresh-") || strings.Contains(err.Error(), "access-")) {
		r.t.Errorf("a token is in %v", err)
	}
}

func TestTokenLastsAndIsRefreshed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.consents()
	first := r.token()
	r.pass(54 * time.Minute)
	if r.token() != first || len(r.s.Requests()) != 1 {
		t.Errorf("%d requests", len(r.s.Requests()))
	}

	for range 5 { // each refresh token is good once
		r.pass(56 * time.Minute)
		next := r.token()
		if next == first {
			t.Error("not refreshed ahead of its end")
		}
		first = next
	}
	if n := len(r.s.Requests()); n != 6 {
		t.Errorf("%d requests", n)
	}
}

// A short life is refreshed after four fifths of it.
func TestShortLife(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.s.Life = 100
	r.consents()
	first := r.token()
	r.pass(79 * time.Second)
	if r.token() != first {
		t.Error("refreshed too early")
	}
	r.pass(2 * time.Second)
	if r.token() == first {
		t.Error("not refreshed")
	}
}

// The grant's file is private, and nothing is left beside it.
func TestFiles(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.consents()
	r.token()
	files, err := os.ReadDir(r.Dir)
	if err != nil || len(files) != 2 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil || info.Mode().Perm() != 0o600 || !strings.HasPrefix(f.Name(), "ann-") {
			t.Errorf("%s: %v, %v", f.Name(), info.Mode(), err)
		}
	}
	if text := fmt.Sprintf("%+v %#v", r.mustRead(), r.mustRead().Access); strings.Contains(text, "access-") {
		t.Error(text)
	}
}

func (r *rig) mustRead() *grant {
	r.t.Helper()
	g, err := r.read(r.Client)
	if err != nil {
		r.t.Fatal(err)
	}
	return g
}

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

// A mail server's refusal leads to another token, but not at each pass.
func TestRenew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.consents()
	first := r.token()
	if got, err := r.Renew(t.Context(), r.Client, first); got != first || err != nil {
		t.Errorf("too soon: %q, %v", got, err)
	}
	r.s.Revoke(false)
	r.pass(10 * time.Minute)
	next, err := r.Renew(t.Context(), r.Client, first)
	if err != nil || next == first || !r.s.Good(next) {
		t.Errorf("%q, %v", next, err)
	}
	// Another login was refused with the first one, and there is a newer one already.
	if got, err := r.Renew(t.Context(), r.Client, first); got != next || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	r.pass(10 * time.Minute)
	r.s.Fail(500, "server_error")
	if got, err := r.Renew(t.Context(), r.Client, next); fetch.KindOf(err) != fetch.KindNetwork {
		t.Errorf("%q, %v", got, err)
	}
}

func TestNobodyHasLoggedIn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.fails(fetch.KindGrant, "nobody has logged in yet; hint: run: fetchd login ann@mail", 0)
	if s := r.State(r.Client); s.Condition != NoLogin {
		t.Errorf("%s", s)
	}
}

// Many logins at once, as of as many accounts or processes: one request, and nobody gets an old token.
func TestOneFlight(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.consents()
	r.pass(2 * time.Hour)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			another := &Keeper{Dir: r.Dir, Now: r.clock} // as a process has
			token, err := another.Token(t.Context(), r.Client)
			if err != nil || !r.s.Good(token) {
				t.Errorf("%q, %v", token, err)
			}
		})
	}
	wg.Wait()
	if n := len(r.s.Requests()); n != 2 { // that of the login, and one
		t.Errorf("%d requests", n)
	}
}

// A login that is given up does not give up the request: its answer is the grant from then on.
func TestCancelledLoginKeepsTheGrant(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.consents()
	r.pass(2 * time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	r.s.Answer(func(w http.ResponseWriter, req *http.Request) {
		cancel()
		r.s.Token(w, req)
	})
	token, err := r.Token(ctx, r.Client)
	if err != nil || !r.s.Good(token) {
		t.Errorf("%q, %v", token, err)
	}
	r.pass(2 * time.Hour)
	r.s.Answer(nil)
	r.token()
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

// Where no answer could be kept, nothing is asked.
func TestNoPlaceForTheAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.consents()
	r.pass(2 * time.Hour)
	if err := os.MkdirAll(filepath.Join(r.Dir, r.fileName()+".new", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	r.fails(fetch.KindJournal, "no place", 0)
}

// A pair that can't be written is kept in memory until it can: the one on disk is worth nothing any more.
func TestAnswerThatCannotBeKept(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.consents()
	before, err := os.ReadFile(r.File(r.Client))
	if err != nil {
		t.Fatal(err)
	}
	r.pass(2 * time.Hour)
	r.s.Answer(func(w http.ResponseWriter, req *http.Request) {
		if err := errors.Join(os.Remove(r.File(r.Client)), os.MkdirAll(r.File(r.Client)+"/x",
			0o700)); err != nil {
			t.Error(err)
		}
		r.s.Token(w, req)
	})
	r.fails(fetch.KindJournal, "keep the new token", 1)

	r.s.Answer(nil)
	if err := errors.Join(os.RemoveAll(r.File(r.Client)), os.WriteFile(r.File(r.Client), before,
		0o600)); err != nil {
		t.Fatal(err)
	}
	r.token()
	if n := len(r.s.Requests()); n != 2 {
		t.Errorf("%d requests", n)
	}
	r.pass(2 * time.Hour)
	r.token()
}

func TestDamagedFile(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.consents()
	if err := os.WriteFile(r.File(r.Client), []byte("refresh-x"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.fails(fetch.KindGrant, "is damaged", 0)
	if err := os.Chmod(r.File(r.Client), 0o666); err != nil {
		t.Fatal(err)
	}
	r.fails(fetch.KindJournal, "others can write it", 0)
}

// Plain HTTP is for this machine alone.
func TestAddresses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"https://issuer.example.org": true, "http://127.0.0.1:80": true, "http://localhost/x": true,
		"http://issuer.example.org": false, "issuer.example.org": false, "https://": false,
		"https://ann:x@issuer.example.org": false, "ftp://127.0.0.1": false, "https://a/#b": false,
	} {
		if err := CheckURL(address); err == nil != want {
			t.Errorf("%s: %v", address, err)
		}
	}
	_, err := Client{}.newHTTPClient().Get("http://192.0.2.1/")
	if err == nil || !strings.Contains(err.Error(), "without TLS") {
		t.Errorf("%v", err)
	}
	p := provider{Token: "http://127.0.0.1/token"}
	if err := p.checkEndpoints("https://issuer.example.org"); err == nil {
		t.Error("an issuer with TLS may name an endpoint without")
	}
}

// Grants are shared by what they are for, and by nothing else.
func TestFileNames(t *testing.T) {
	t.Parallel()
	c := Client{Account: "ann@mail", User: "ann@example.org", Provider: Google, ID: "x",
		Scopes: []string{"mail"}, Flow: FlowBrowser}
	same := c
	same.Account, same.Flow = "ann@pop", FlowDevice
	if c.fileName() != same.fileName() {
		t.Error("not shared")
	}
	for _, change := range []func(*Client){
		func(c *Client) { c.User = "bob@example.org" }, func(c *Client) { c.Provider = Microsoft },
		func(c *Client) { c.ID = "y" }, func(c *Client) { c.Scopes = nil },
		func(c *Client) { c.Flow = FlowApp },
		func(c *Client) { c.User = "../../ann" }, func(c *Client) { c.Tenant = "t" },
	} {
		other := c
		change(&other)
		if name := other.fileName(); name == c.fileName() || strings.ContainsAny(name, "/") {
			t.Errorf("%+v: %s", other, name)
		}
	}
	if _, hint := hints.Split(c.needsLogin(errors.New("x"))); hint != "run: fetchd login ann@mail" {
		t.Error(hint)
	}
}

func secretOf(text string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return text, nil }
}

// A daemon that waits for a login tries again when there is one, and not because tokens come and go.
func TestStamp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if r.Stamp(r.Client) != "" {
		t.Error("a stamp of no grant")
	}
	r.consents()
	first := r.Stamp(r.Client)
	r.pass(2 * time.Hour)
	r.s.Fail(400, "invalid_grant")
	r.fails(fetch.KindGrant, "invalid_grant", 1)
	r.s.Answer(nil)
	r.pass(time.Second)
	r.Retry()
	r.token()
	if r.Stamp(r.Client) != first {
		t.Error("it changes with the tokens")
	}
	r.consents()
	if r.Stamp(r.Client) == first {
		t.Error("it does not change with a login")
	}
}
