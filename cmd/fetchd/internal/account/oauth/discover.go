package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"fetchd/fetch"
	"fetchd/tlsverify/hints"
)

// wellKnown are the places of an issuer's document: OpenID Connect Discovery's, and that of RFC 8414 for an
// issuer without a path.
var wellKnown = []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"}

// discover finds the endpoints of the client's provider. An error has a Kind.
func (k *Keeper) discover(ctx context.Context, c Client) (provider, error) {
	if p, ok := k.provider(c); ok {
		return p, nil
	}

	var errs []error
	for _, place := range wellKnown {
		p, err := k.readDocument(ctx, c, strings.TrimSuffix(c.Provider, "/")+place)
		if err == nil {
			return p, nil
		}
		errs = append(errs, err)
	}
	// The first error: most issuers have that document, and the second place only adds a 404.
	err := fmt.Errorf("oauth: find the endpoints of %s: %w", c.Provider, errs[0])
	return provider{}, fetch.Fail(fetch.KindNetwork, err)
}

func (k *Keeper) readDocument(ctx context.Context, c Client, address string) (p provider, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return p, err
	}
	resp, err := k.client(c).Do(req)
	if err != nil {
		return p, err
	}
	defer resp.Body.Close()

	text, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return p, err
	case resp.StatusCode != http.StatusOK:
		return p, fmt.Errorf("%s answers %d", address, resp.StatusCode)
	case json.Unmarshal(text, &p) != nil:
		return p, fmt.Errorf("%s is no discovery document", address)
	case p.Issuer != c.Provider: // RFC 8414 section 3.3: else one issuer could pose as another
		return p, hints.Errorf(fmt.Sprintf("if that is the one you mean, write oauth %.200q", p.Issuer),
			"%s is the document of another issuer, %.200q", address, p.Issuer)
	}
	return p, p.checkEndpoints(c.Provider)
}

// errNoEndpoint is the error of a provider that does not do what a flow needs.
var errNoEndpoint = errors.New("the provider does not offer this way to log in")
