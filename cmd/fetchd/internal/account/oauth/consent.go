package oauth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fetchd/fetch"
	"fetchd/tlsverify/hints"

	"golang.org/x/oauth2"
)

// consentTime is how long a person may take. Microsoft's codes are good for a quarter of an hour.
const consentTime = 15 * time.Minute

// DeviceCode is what a person types into a browser on any machine.
type DeviceCode struct {
	Address  string // of the page
	Code     string
	Complete string // the page's address with the code in it; "" = there is none
	Until    time.Time
}

// Device gets a grant by the device flow. show is called with what the person has to do.
func (k *Keeper) Device(ctx context.Context, c Client, show func(DeviceCode)) error {
	ctx, cancel := context.WithTimeout(ctx, consentTime)
	defer cancel()
	p, conf, err := k.prepare(ctx, c)
	if err != nil {
		return err
	}
	if p.Device == "" {
		return fetch.Fail(fetch.KindConfig, hints.Errorf("use --browser or --paste",
			"a code for another device: %w", errNoEndpoint))
	}

	answer, err := conf.DeviceAuth(k.with(ctx, c))
	if err != nil {
		return c.consentError(err)
	}
	if answer.UserCode == "" || answer.VerificationURI == "" {
		return fetch.Fail(fetch.KindProtocol,
			errors.New("oauth: the provider gives no code, or no page for it"))
	}
	// A person opens these and types a password there, so they must be encrypted like our own requests.
	for _, address := range []string{answer.VerificationURI, answer.VerificationURIComplete} {
		if err := CheckURL(address); address != "" && err != nil {
			return fetch.Fail(fetch.KindProtocol, fmt.Errorf("oauth: the page for the code: %w", err))
		}
	}
	show(DeviceCode{
		Address: answer.VerificationURI, Code: clean(answer.UserCode, nil),
		Complete: answer.VerificationURIComplete, Until: answer.Expiry,
	})

	token, err := k.pollDevice(k.with(ctx, c), conf, answer)
	if err != nil {
		return c.consentError(err)
	}
	return k.adopt(ctx, c, p, token)
}

// pollDevice asks until the person has answered. A connection that fails is no answer.
func (k *Keeper) pollDevice(ctx context.Context, conf *oauth2.Config, answer *oauth2.DeviceAuthResponse) (
	*oauth2.Token, error) {
	for {
		token, err := conf.DeviceAccessToken(ctx, answer)
		if err == nil {
			return token, nil
		}
		// The library waits between its requests, and goes on by itself while the answer is "pending".
		refused, ok := errors.AsType[*oauth2.RetrieveError](err)
		late := !answer.Expiry.IsZero() && time.Now().After(answer.Expiry)
		if ctx.Err() != nil || late {
			return nil, errors.New("nobody has typed in the code in time")
		}
		if ok {
			if condition, _ := meaning(refused.ErrorCode); condition != Passing {
				return nil, err
			}
		}
	}
}

// prepare finds the provider, and what the library needs to ask it.
func (k *Keeper) prepare(ctx context.Context, c Client) (provider, *oauth2.Config, error) {
	p, err := k.discover(ctx, c)
	if err != nil {
		return p, nil, err
	}
	secret, err := c.secret(ctx)
	if err != nil {
		return p, nil, err
	}
	return p, c.config(p, secret), nil
}

// consentError is the error of a login that did not lead to a grant.
func (c Client) consentError(err error) error {
	answer, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return fetch.Fail(fetch.KindNetwork, fmt.Errorf("oauth: %w", err))
	}
	condition, word := meaning(answer.ErrorCode)
	switch condition {
	case ClientWrong:
		return fetch.Fail(fetch.KindClient, hints.Errorf("check "+word+" in the rc file",
			"oauth: the provider refuses the client: %s", said(answer, nil)))
	case NeedsLogin:
		return fetch.Fail(fetch.KindAuth, fmt.Errorf("oauth: the login was refused: %s", said(answer, nil)))
	}
	return noToken(said(answer, nil))
}

// adopt makes the token of a consent the client's grant.
func (k *Keeper) adopt(ctx context.Context, c Client, p provider, token *oauth2.Token) error {
	if err := checkToken(token); err != nil {
		return fetch.Fail(fetch.KindProtocol, fmt.Errorf("oauth: the provider gives no token: %w", err))
	}
	// Before anything is kept: a grant without one would look fine for an hour.
	if token.RefreshToken == "" {
		return fetch.Fail(fetch.KindConfig, hints.Errorf("oauthscope may have to hold offline_access",
			"oauth: the provider gave no refresh token, so that the login would end within the hour"))
	}

	// Only now: while the person is thinking, a daemon may go on with the old grant.
	unlock, err := k.lock(ctx, c)
	if err != nil {
		return err
	}
	defer unlock()

	g := &grant{From: p, Granted: k.now()}
	g.take(token, k.now())
	d, err := k.newDraft(c, g)
	if err == nil {
		err = d.settle(g)
	}
	if err != nil {
		return fetch.Fail(fetch.KindJournal, fmt.Errorf("keep the grant: %w", err))
	}
	return nil
}
