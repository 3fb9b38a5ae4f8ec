package secret

import (
	"context"
	"strings"

	"fetchd/cmd/fetchd/internal/account/oauth"
	"fetchd/fetch"
	"fetchd/rcfile"
)

// OAuthClient says for which grant the login asks.
func (f *Finder) OAuthClient(l Login) oauth.Client {
	s := l.Secrets
	c := oauth.Client{
		Account: l.Account, User: l.Name, Provider: s.OAuth.Value, Tenant: s.OAuthTenant.Value,
		ID: s.OAuthClient.Value, Flow: OAuthFlow(s), KeyFile: s.OAuthKey.Value,
		CertFile: s.OAuthCertFile.Value, Proxy: s.OAuthProxy.Value,
	}
	c.Scopes = strings.Fields(s.OAuthScope.Or(defaultScopes(c, l.Protocol)))
	// A function and not the secret: a command or a file is asked each time that a token is renewed.
	if s.OAuthSecret.Set || passwordSource(s) != nil {
		c.Secret = func(ctx context.Context) (string, error) { return f.clientSecret(ctx, l) }
	}
	return c
}

// OAuthFlow is how the user's grant is obtained.
func OAuthFlow(s *rcfile.Secrets) oauth.Flow {
	if s.OAuthFlow.Set {
		return oauth.Flow(s.OAuthFlow.Value)
	}
	if s.OAuth.Value == oauth.Google { // its device flow is not for mail
		return oauth.FlowBrowser
	}
	return oauth.FlowDevice
}

// defaultScopes are the rights that a login needs by the protocol, which the rc file names.
func defaultScopes(c oauth.Client, protocol string) string {
	const imap, pop3 = "https://outlook.office.com/IMAP.AccessAsUser.All",
		"https://outlook.office.com/POP.AccessAsUser.All"
	switch {
	case c.Provider == oauth.Google:
		return "https://mail.google.com/"
	case c.Provider == oauth.Microsoft && !c.Flow.NeedsUser():
		return "https://outlook.office365.com/.default"
	case c.Provider == oauth.Microsoft && protocol == "imap":
		return imap + " offline_access"
	// One grant for both protocols: which of them the server has is found out only when the user has
	// consented.
	case c.Provider == oauth.Microsoft && protocol == "auto":
		return imap + " " + pop3 + " offline_access"
	case c.Provider == oauth.Microsoft:
		return pop3 + " offline_access"
	case c.Flow.NeedsUser():
		return "openid email profile offline_access"
	}
	return ""
}

// clientSecret is the secret of the login's client: what would be the password if there were no oauth.
func (f *Finder) clientSecret(ctx context.Context, l Login) (string, error) {
	if l.Secrets.OAuthSecret.Set {
		return l.Secrets.OAuthSecret.Value.Reveal(), nil
	}
	if text, ok := f.Collected[l.Account]; ok {
		return text, nil
	}
	text, err := passwordSource(l.Secrets).read(ctx, f, l)
	return text, fetch.Fail(fetch.KindAuth, err)
}

// GrantStamp changes when somebody consents again to the login.
func (f *Finder) GrantStamp(l Login) string {
	if !l.Secrets.OAuth.Set {
		return ""
	}
	return f.Grants.Stamp(f.OAuthClient(l))
}

// Grant returns a function that tells how the login's grant is doing, nil if it needs none.
func (f *Finder) Grant(l Login) func() fetch.Grant {
	if !l.Secrets.OAuth.Set {
		return nil
	}
	client := f.OAuthClient(l)
	return func() fetch.Grant {
		s := f.Grants.State(client)
		needsLogin := s.Condition == oauth.NeedsLogin || s.Condition == oauth.NoLogin
		return fetch.Grant{Until: s.Expiry, Renews: s.Refreshes && !needsLogin, NeedsLogin: needsLogin}
	}
}

// oauthSource gives access tokens in place of a password.
var oauthSource = source{
	isNamed: func(s *rcfile.Secrets) bool { return s.OAuth.Set },
	describe: func(f *Finder, l Login) string {
		c := f.OAuthClient(l)
		return "by OAuth from " + c.Provider + ": " + f.Grants.State(c).String()
	},
	check: func(f *Finder, l Login) error {
		return f.Grants.Check(f.OAuthClient(l))
	},
	read: func(ctx context.Context, f *Finder, l Login) (string, error) {
		return f.Grants.Token(ctx, f.OAuthClient(l))
	},
}
