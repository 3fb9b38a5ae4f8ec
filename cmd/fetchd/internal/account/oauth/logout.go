package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"

	"golang.org/x/oauth2"

	"fetchd/fetch"
)

// Logout revokes the client's grant, where the provider can be asked to (RFC 7009), and removes it. It is
// removed even if that fails: revoked tells whether it was.
func (k *Keeper) Logout(ctx context.Context, c Client) (revoked bool, err error) {
	unlock, err := k.lock(ctx, c)
	if err != nil {
		return false, err
	}
	defer unlock()

	g, err := k.read(c)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, fetch.Fail(fetch.KindAuth, errors.New("nobody has logged in"))
	case err == nil && g.From.Revoke != "":
		err = k.revoke(ctx, c, g)
		revoked = err == nil
	}

	// Revoked first: afterwards nobody would know the token any more.
	if removeErr := os.Remove(k.File(c)); removeErr != nil {
		return revoked, fetch.Fail(fetch.KindJournal, removeErr)
	}
	if err != nil {
		err = fmt.Errorf("the grant is removed here, but was not revoked: %w", err)
	}
	return revoked, fetch.Fail(fetch.KindNetwork, err)
}

func (k *Keeper) revoke(ctx context.Context, c Client, g *grant) error {
	// Revoking the refresh token ends the access tokens too (RFC 7009 section 2.1); the other way round it
	// need not.
	token := g.Refresh
	if token.IsZero() {
		token = g.Access
	}
	form := url.Values{"token": {token.Reveal()}, "client_id": {c.ID}}
	secret, err := c.secret(ctx)
	if err != nil {
		return err
	}
	if secret != "" {
		form.Set("client_secret", secret)
	}

	body := strings.NewReader(form.Encode())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.From.Revoke, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := k.client(c).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return nil
	}

	refused := &oauth2.RetrieveError{Response: resp}
	var answer struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.NewDecoder(resp.Body).Decode(&answer) == nil {
		refused.ErrorCode, refused.ErrorDescription = answer.Code, answer.Description
	}
	return fmt.Errorf("the provider answers %s", said(refused, g))
}
