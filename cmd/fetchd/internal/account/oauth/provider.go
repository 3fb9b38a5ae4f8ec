package oauth

import (
	"fmt"
	"net/url"
	"strings"

	"fetchd/fetch/wire"
	"fetchd/tlsverify/hints"

	"golang.org/x/oauth2"
)

// The providers that have a name; any other is the URL of an issuer, whose endpoints are discovered.
const (
	Google    = "google"
	Microsoft = "microsoft"
)

// provider is where a grant comes from.
type provider struct {
	Issuer string `json:"issuer,omitempty"` // what the answers of the browser flow must say, if they say it
	Auth   string `json:"authorization_endpoint,omitempty"`
	Token  string `json:"token_endpoint"`
	Device string `json:"device_authorization_endpoint,omitempty"`
	Revoke string `json:"revocation_endpoint,omitempty"` // "" = grants can't be revoked by a program
	// the answers of the browser flow say the issuer (RFC 9207)
	SaysIssuer bool `json:"authorization_response_iss_parameter_supported,omitempty"`
}

// known returns the provider of a name.
func known(c Client) (provider, bool) {
	switch c.Provider {
	case Google:
		return provider{
			Issuer: "https://accounts.google.com",
			Auth:   "https://accounts.google.com/o/oauth2/v2/auth",
			Token:  "https://oauth2.googleapis.com/token", // its device flow is not for mail
			Revoke: "https://oauth2.googleapis.com/revoke",
		}, true
	case Microsoft:
		tenant := c.Tenant
		if tenant == "" {
			tenant = "common"
		}
		// It has no address at which a grant could be revoked.
		base := "https://login.microsoftonline.com/" + url.PathEscape(tenant) + "/oauth2/v2.0/"
		return provider{Auth: base + "authorize", Token: base + "token", Device: base + "devicecode"}, true
	}
	return provider{}, false
}

// redirectHost is the name by which the provider lets a browser come back to this machine. Microsoft takes
// any port of localhost, and of 127.0.0.1 none.
func (c Client) redirectHost() string {
	if c.Provider == Microsoft {
		return "localhost"
	}
	return "127.0.0.1"
}

// consentOptions are what the provider needs in the address of its consent page.
func (c Client) consentOptions() []oauth2.AuthCodeOption {
	options := []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("login_hint", c.User)}
	if c.Provider == Google { // else it gives no refresh token, or only the first time
		options = append(options, oauth2.AccessTypeOffline, oauth2.SetAuthURLParam("prompt", "consent"))
	}
	return options
}

// config is what the library needs to know. Without a style the library would send each request twice.
func (c Client) config(p provider, secret string) *oauth2.Config {
	return &oauth2.Config{
		ClientID: c.ID, ClientSecret: secret, Scopes: c.Scopes,
		Endpoint: oauth2.Endpoint{
			AuthURL: p.Auth, TokenURL: p.Token, DeviceAuthURL: p.Device,
			AuthStyle: oauth2.AuthStyleInParams,
		},
	}
}

// CheckURL refuses the address of an issuer or an endpoint that secrets must not be sent to: without TLS only
// this machine gets them.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "":
		return fmt.Errorf("%.200q is no address of a server", text)
	case u.User != nil || u.Fragment != "":
		return fmt.Errorf("%.200q holds more than an address", text)
	case u.Scheme == "https", u.Scheme == "http" && wire.IsLoopback(u.Hostname()):
		return nil
	}
	return hints.Errorf("write https://", "%.200q is not encrypted", text)
}

// checkEndpoints refuses endpoints that an issuer must not have.
func (p provider) checkEndpoints(issuer string) error {
	for _, endpoint := range []string{p.Auth, p.Token, p.Device, p.Revoke} {
		if endpoint == "" {
			continue
		}
		if err := CheckURL(endpoint); err != nil {
			return fmt.Errorf("%s names a bad endpoint: %w", issuer, err)
		}
		if strings.HasPrefix(issuer, "https:") && !strings.HasPrefix(endpoint, "https:") {
			return fmt.Errorf("%s names an endpoint without TLS: %.200q", issuer, endpoint)
		}
	}

	if p.Token == "" {
		return fmt.Errorf("%s names no token endpoint", issuer)
	}
	return nil
}
