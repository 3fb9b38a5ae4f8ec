package oauth

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"fetchd/fetch"
	"fetchd/fetch/wire"
	"fetchd/tlsverify/hints"

	"golang.org/x/oauth2"
)

// Condition is how a grant is doing.
type Condition string

// The conditions.
const (
	OK          Condition = "ok"
	Passing     Condition = "passing trouble"  // the provider can't be asked at the moment
	NeedsLogin  Condition = "needs login"      // a person has to consent again
	ClientWrong Condition = "client wrong"     // the rc file's words about the client are refused
	NoLogin     Condition = "nobody logged in" // there is no grant yet
)

// maxWait bounds what a provider may ask us to wait.
const maxWait = time.Hour

// meaning is what an error code of the token endpoint (RFC 6749 section 5.2, OpenID Connect Core 3.1.2.6)
// says. Numbers and texts of providers change, and decide nothing.
func meaning(code string) (condition Condition, word string) {
	switch code {
	case "invalid_grant", "interaction_required", "login_required", "consent_required", "access_denied",
		"authorization_declined", "expired_token", "bad_verification_code":
		return NeedsLogin, ""
	case "invalid_client":
		return ClientWrong, "oauthclient and oauthsecret"
	case "unauthorized_client":
		return ClientWrong, "oauthclient and oauthflow"
	case "invalid_scope":
		return ClientWrong, "oauthscope"
	case "invalid_request", "unsupported_grant_type", "unsupported_response_type":
		return ClientWrong, "the words that begin with oauth"
	}
	return Passing, ""
}

// judge says what a failed request means: what is noted about the grant, and the error for the account.
func (c Client) judge(err error, now time.Time, g *grant) (trouble, error) {
	answer, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		// Not the provider's answer: the connection failed, or the secret could not be read.
		reason, _ := hints.Split(err)
		t, kind := trouble{Condition: Passing, Reason: shorten(reason), Since: now}, fetch.KindOf(err)
		err = fmt.Errorf("oauth: ask for a token: %w", err)
		if kind == fetch.KindConfig || kind == fetch.KindAuth {
			t.Condition = ClientWrong
			return t, &fetch.Error{Kind: fetch.KindClient, Err: err} // which comes before the Kind in err
		}
		return t, fetch.Fail(fetch.KindNetwork, err)
	}

	status := answer.Response.StatusCode
	condition, word := meaning(answer.ErrorCode)
	// Whatever code comes with it: some providers answer invalid_grant while they are out of order, and
	// nobody should have to log in again for that.
	if status >= 500 || status == http.StatusTooManyRequests {
		condition = Passing
	}
	if condition == NeedsLogin && !c.Flow.NeedsUser() { // nobody can consent for it
		condition, word = ClientWrong, "oauthkey and oauthclient"
	}

	reason := said(answer, g)
	t := trouble{Condition: condition, Reason: reason, Since: now, Wait: waitUntil(answer.Response, now)}
	switch condition {
	case NeedsLogin:
		return t, c.needsLogin(errors.New(reason))
	case ClientWrong:
		return t, fetch.Fail(fetch.KindClient, hints.Errorf("check "+word+" in the rc file",
			"oauth: the provider refuses the client: %s", reason))
	}
	return t, noToken(reason)
}

// noToken is the error of a provider that gives no token at the moment.
func noToken(reason string) error {
	return fetch.Fail(fetch.KindNetwork, fmt.Errorf("oauth: the provider gives no token: %s", reason))
}

// needsLogin is the error of a grant for which a person has to act.
func (c Client) needsLogin(reason error) error {
	return fetch.Fail(fetch.KindGrant, hints.Errorf(fmt.Sprintf("run: fetchd login %s", c.Account),
		"oauth: a login is needed: %w", reason))
}

// said is the provider's answer for people, without secrets.
func said(answer *oauth2.RetrieveError, g *grant) string {
	status := answer.Response.StatusCode
	text := fmt.Sprintf("status %d", status)
	if status >= 300 && status < 400 {
		text += ", to another address, which gets nothing"
	}
	if answer.ErrorCode != "" {
		text = fmt.Sprintf("%.100q", clean(answer.ErrorCode, g))
	}
	if answer.ErrorDescription != "" {
		text += fmt.Sprintf(" %.400q", clean(answer.ErrorDescription, g))
	}
	return text
}

// clean takes the grant's tokens out of a text, which may repeat them, and what is not for one line.
func clean(text string, g *grant) string {
	if g != nil {
		hidden := new(wire.Concealer)
		hidden.Add("", g.Access.Reveal())
		hidden.Add("", g.Refresh.Reveal())
		text = hidden.Clean(text)
	}
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) || unicode.IsSpace(r)
	}), " ")
	return shorten(text)
}

func shorten(text string) string { return strings.ToValidUTF8(text[:min(len(text), 400)], "") }

// waitUntil is when the provider wants the next request, zero if it does not say.
func waitUntil(resp *http.Response, now time.Time) time.Time {
	text := resp.Header.Get("Retry-After")
	var wait time.Duration
	if seconds, err := strconv.Atoi(text); err == nil || errors.Is(err, strconv.ErrRange) {
		wait = time.Duration(min(seconds, int(maxWait/time.Second))) * time.Second
	} else if date, err := http.ParseTime(text); err == nil {
		// By the provider's clock, which may not agree with ours (RFC 9110 section 10.2.3).
		clock, err := http.ParseTime(resp.Header.Get("Date"))
		if err != nil {
			clock = now
		}
		wait = date.Sub(clock)
	}
	if wait <= 0 {
		return time.Time{}
	}
	return now.Add(min(wait, maxWait))
}
