package oauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"fetchd/fetch/wire"

	"golang.org/x/oauth2"
)

// answers makes of a transport's answers, which that bounds, what the library can read: a token that it can't
// read may be the only good one.
type answers struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (a answers) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := a.RoundTripper.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, err
	}

	hidden := secretsOf(req)
	var object map[string]json.RawMessage
	if json.Unmarshal(text, &object) == nil {
		// Some call it text, which the library would take for a form.
		resp.Header.Set("Content-Type", "application/json")
		text, err = tidy(object, hidden)
		if err != nil {
			return nil, err
		}
	} else if resp.StatusCode != http.StatusOK {
		text = []byte(hidden.Clean(string(text)))
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	return resp, nil
}

// secretsOf are the secrets in a request, which its answer may repeat where people read it.
func secretsOf(req *http.Request) *wire.Concealer {
	hidden := new(wire.Concealer)
	if req.GetBody == nil {
		return hidden
	}
	body, err := req.GetBody()
	if err != nil {
		return hidden
	}
	text, _ := io.ReadAll(body) // from memory
	form, _ := url.ParseQuery(string(text))
	for _, name := range []string{
		"client_secret", "client_assertion", "assertion", "refresh_token", "token", "code", "code_verifier",
		"device_code",
	} {
		hidden.Add("", form.Get(name))
	}
	return hidden
}

// tidy makes an answer of the object again, with times that are whole numbers of seconds, and without the
// request's secrets in what is for people.
func tidy(object map[string]json.RawMessage, hidden *wire.Concealer) ([]byte, error) {
	for _, name := range []string{"expires_in", "interval"} {
		if raw, ok := object[name]; ok {
			object[name] = json.RawMessage(strconv.Itoa(wholeSeconds(raw)))
		}
	}
	for _, name := range []string{"error", "error_description", "error_uri"} {
		var said string
		if json.Unmarshal(object[name], &said) != nil {
			delete(object, name)
			continue
		}
		cleaned, err := json.Marshal(hidden.Clean(said))
		if err != nil {
			return nil, err
		}
		object[name] = cleaned
	}
	return json.Marshal(object)
}

// wholeSeconds reads a number that may have a fraction, or be written as a string; 0 = it is no number.
func wholeSeconds(raw json.RawMessage) int {
	seconds, err := strconv.ParseFloat(strings.Trim(string(raw), `"`), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) || !(seconds > 0) { // which is true of NaN
		return 0
	}
	return int(min(seconds, math.MaxInt32))
}

// checkToken refuses an access token that would be something else than a token in what is said to a mail
// server (RFC 6750 section 2.1), or is of a kind that a mail server does not take (RFC 6749 section 7.1).
func checkToken(token *oauth2.Token) error {
	// Some issuers leave the kind out. The error doesn't show it, as it may be a secret that they repeat.
	if kind := token.TokenType; kind != "" && !strings.EqualFold(kind, "bearer") {
		return errors.New("its access token is no Bearer token, and mail servers take no other")
	}

	isOdd := func(r rune) bool { return r <= ' ' || r > '~' }
	if strings.ContainsFunc(token.AccessToken, isOdd) {
		return errors.New("its access token holds what can't stand in a login")
	}
	return nil
}
