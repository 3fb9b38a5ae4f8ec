// Package oauthtest is an OAuth server for tests: an issuer on a loopback address that is as strict as the
// strictest provider, and does what a test tells it.
package oauthtest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
)

// ClientID and ClientSecret are the client's that the server knows.
const (
	ClientID     = "mail"
	ClientSecret = "client-secret-of-the-test"
)

// Server is the issuer. Its fields may be set before the first request.
type Server struct {
	URL    string // the issuer
	Secret bool   // the client must send its secret
	Keeps  bool   // an old refresh token stays good, as at Microsoft; else its use ends the whole grant
	User   string // whose tokens it gives
	Life   int    // of access tokens, in seconds; 0 = 3600

	http *httptest.Server

	mu       sync.Mutex // guards what follows
	answer   http.HandlerFunc
	begins   http.HandlerFunc // answers for device codes
	requests []url.Values     // to the token endpoint
	codes    map[string]code
	refresh  map[string]bool // true = good, false = used
	access   map[string]bool
	device   string // the code that a device asks with; "" = none
	consent  bool   // the person has typed the device's code in
}

// code is what a browser carries.
type code struct{ challenge, redirect string }

// Start starts a server, which ends with the test.
func Start(t *testing.T) *Server {
	t.Helper()
	s := New()
	t.Cleanup(s.Close)
	return s
}

// New starts a server.
func New() *Server {
	s := &Server{codes: map[string]code{}, refresh: map[string]bool{}, access: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", s.document)
	mux.HandleFunc("GET /authorize", s.authorize)
	mux.HandleFunc("POST /device", s.deviceCode)
	mux.HandleFunc("POST /consent", func(http.ResponseWriter, *http.Request) { s.Consent() })
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("POST /revoke", s.revoke)
	mux.HandleFunc("POST /introspect", s.introspect)
	s.http = httptest.NewServer(mux)
	s.URL = s.http.URL
	return s
}

// Close ends the server.
func (s *Server) Close() { s.http.Close() }

// Answer makes h answer the requests for tokens; nil = the server itself again. Every request is noted.
func (s *Server) Answer(h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = h
}

// AnswerDevice makes h answer the requests for device codes.
func (s *Server) AnswerDevice(h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begins = h
}

// Fail answers the requests for tokens with an error code.
func (s *Server) Fail(status int, code string) {
	s.Answer(func(w http.ResponseWriter, _ *http.Request) { refuse(w, status, code) })
}

// Requests are those for tokens, in their order.
func (s *Server) Requests() []url.Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Consent is the person who types in the code of the device flow.
func (s *Server) Consent() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.consent = true
}

// Good tells whether a mail server would accept the access token.
func (s *Server) Good(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.access[token]
}

// Revoke ends all access tokens, and with all the grants too.
func (s *Server) Revoke(all bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.access)
	if all {
		clear(s.refresh)
	}
}

func (s *Server) document(w http.ResponseWriter, _ *http.Request) {
	reply(w, map[string]any{
		"issuer": s.URL, "authorization_endpoint": s.URL + "/authorize", "token_endpoint": s.URL + "/token",
		"device_authorization_endpoint": s.URL + "/device", "revocation_endpoint": s.URL + "/revoke",
	})
}

// authorize is a page on which the person consents at once.
func (s *Server) authorize(w http.ResponseWriter, req *http.Request) {
	q := req.URL.Query()
	if q.Get("client_id") != ClientID || q.Get("code_challenge_method") != "S256" || q.Get("state") == "" {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}

	name := rand.Text()
	s.mu.Lock()
	s.codes[name] = code{q.Get("code_challenge"), q.Get("redirect_uri")}
	s.mu.Unlock()

	back := url.Values{"code": {name}, "state": {q.Get("state")}, "iss": {s.URL}}
	http.Redirect(w, req, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

func (s *Server) deviceCode(w http.ResponseWriter, req *http.Request) {
	if req.FormValue("client_id") != ClientID {
		refuse(w, http.StatusUnauthorized, "invalid_client")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begins != nil {
		s.begins(w, req)
		return
	}
	s.device, s.consent = rand.Text(), false
	reply(w, map[string]any{
		"device_code": s.device, "user_code": "WDJB-MJHT", "verification_uri": s.URL + "/consent",
		"expires_in": 600, "interval": 1,
	})
}

func (s *Server) token(w http.ResponseWriter, req *http.Request) {
	_ = req.ParseForm()
	s.mu.Lock()
	s.requests = append(s.requests, req.PostForm)
	h := s.answer
	s.mu.Unlock()
	if h == nil {
		h = s.Token
	}
	h(w, req)
}

// Token answers a request for a token as the server itself does.
func (s *Server) Token(w http.ResponseWriter, req *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	form := req.PostForm
	if form.Get("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer" ||
		form.Get("client_assertion") != "" { // checked by the test
		s.give(w, false)
		return
	}
	if form.Get("client_id") != ClientID || s.Secret && form.Get("client_secret") != ClientSecret {
		refuse(w, http.StatusUnauthorized, "invalid_client")
		return
	}

	switch form.Get("grant_type") {
	case "refresh_token":
		s.byRefresh(w, form.Get("refresh_token"))
	case "authorization_code":
		s.byCode(w, form)
	case "urn:ietf:params:oauth:grant-type:device_code":
		switch {
		case form.Get("device_code") != s.device || s.device == "":
			refuse(w, http.StatusBadRequest, "expired_token")
		case !s.consent:
			refuse(w, http.StatusBadRequest, "authorization_pending")
		default:
			s.device = ""
			s.give(w, true)
		}
	case "client_credentials":
		s.give(w, false)
	default:
		refuse(w, http.StatusBadRequest, "unsupported_grant_type")
	}
}

func (s *Server) byRefresh(w http.ResponseWriter, token string) {
	good, known := s.refresh[token]
	switch {
	case known && good && s.Keeps:
		s.give(w, true)
	case known && good:
		s.refresh[token] = false
		s.give(w, true)
	case known: // RFC 9700 section 4.14.2: it was stolen, or so it seems
		clear(s.refresh)
		clear(s.access)
		refuse(w, http.StatusBadRequest, "invalid_grant")
	default:
		refuse(w, http.StatusBadRequest, "invalid_grant")
	}
}

func (s *Server) byCode(w http.ResponseWriter, form url.Values) {
	c, ok := s.codes[form.Get("code")]
	delete(s.codes, form.Get("code"))
	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	if !ok || c.redirect != form.Get("redirect_uri") ||
		base64.RawURLEncoding.EncodeToString(sum[:]) != c.challenge {
		refuse(w, http.StatusBadRequest, "invalid_grant")
		return
	}
	s.give(w, true)
}

// give gives a new token, or a pair. The caller has the lock.
func (s *Server) give(w http.ResponseWriter, pair bool) {
	life := s.Life
	if life == 0 {
		life = 3600
	}
	access := "access-" + rand.Text()
	s.access[access] = true
	answer := map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": life}
	if pair {
		refresh := "refresh-" + rand.Text()
		s.refresh[refresh] = true
		answer["refresh_token"] = refresh
	}
	reply(w, answer)
}

// introspect is what a mail server asks about a token (RFC 7662).
func (s *Server) introspect(w http.ResponseWriter, req *http.Request) {
	if !s.Good(req.FormValue("token")) {
		reply(w, map[string]any{"active": false})
		return
	}
	reply(w, map[string]any{"active": true, "username": s.User, "scope": "openid email"})
}

func (s *Server) revoke(_ http.ResponseWriter, req *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.refresh, req.FormValue("token"))
	clear(s.access)
}

func reply(w http.ResponseWriter, answer map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": code, "error_description": "because of the test"})
}
