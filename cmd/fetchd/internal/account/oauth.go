package account

import (
	"slices"

	"fetchd/cmd/fetchd/internal/account/oauth"
	"fetchd/cmd/fetchd/internal/account/secret"
	"fetchd/rcfile"
	"fetchd/tlsverify/hints"
)

// authWord is how the user logs in, by the rc file's word. OAuth implies it; Microsoft knows only the older
// mechanism.
func authWord(poll *rcfile.Poll, u *rcfile.User) string {
	word := poll.Auth.Or("any")
	switch {
	case !u.OAuth.Set || word != "any":
		return word
	case u.OAuth.Value == oauth.Microsoft:
		return "xoauth2"
	}
	return "oauthbearer"
}

// OAuthMistakes are what is wrong with the words about OAuth, each an *rcfile.Error.
func OAuthMistakes(poll *rcfile.Poll, u *rcfile.User) []error {
	if !u.OAuth.Set {
		return strayOAuthWords(u)
	}

	var errs []error
	wrong := func(applies bool, at rcfile.Pos, msg, next string) {
		if applies {
			errs = append(errs, &rcfile.Error{Pos: at, Msg: msg, Next: next})
		}
	}

	at, flow, provider := u.OAuth.Pos, secret.OAuthFlow(&u.Secrets), u.OAuth.Value
	// All mistakes are collected: OAuth needs many words, and the user wants to hear of all that are wrong in
	// one run.
	known := provider == oauth.Google || provider == oauth.Microsoft
	if !known {
		err := oauth.CheckURL(provider)
		wrong(err != nil, at, `oauth must be google, microsoft or the address of an issuer`,
			`write "https://…" in quotes`)
	}
	wrong(u.OAuthClient.Value == "" && !(provider == oauth.Google && flow == oauth.FlowKey), at,
		"oauth needs oauthclient: no client comes with fetchd", "fetchd help oauth says how to get one")
	wrong(!slices.Contains([]string{"any", "oauthbearer", "xoauth2"}, poll.Auth.Or("any")), at,
		"oauth and auth "+poll.Auth.Value+" contradict each other", "leave auth out")
	wrong(poll.Protocol.Value == "apop", at, "oauth and protocol apop contradict each other", "use pop3")
	wrong(u.OAuthTenant.Set && provider != oauth.Microsoft, u.OAuthTenant.Pos,
		"oauthtenant is for oauth microsoft", "leave it out")
	if err := oauth.CheckProxy(u.OAuthProxy.Value); u.OAuthProxy.Set && err != nil {
		problem, next := hints.Split(err)
		wrong(true, u.OAuthProxy.Pos, problem, next)
	}
	errs = append(errs, flowMistakes(u, flow)...)
	return errs
}

// flowMistakes are what is wrong with what the flow needs.
func flowMistakes(u *rcfile.User, flow oauth.Flow) []error {
	var errs []error
	wrong := func(applies bool, at rcfile.Pos, msg, next string) {
		if applies {
			errs = append(errs, &rcfile.Error{Pos: at, Msg: msg, Next: next})
		}
	}

	provider, at := u.OAuth.Value, u.OAuthFlow.Pos
	// Beside oauth the words about passwords name the client's secret (secret.Finder.clientSecret).
	hasSecret := u.OAuthSecret.Set || u.Password.Set || u.PasswordEval.Set || u.PasswordFile.Set ||
		u.PasswordFD.Set
	wrong(flow == oauth.FlowDevice && provider == oauth.Google, at,
		"Google's device flow is not for mail",
		"write oauthflow browser; fetchd login --paste needs no browser here")
	wrong(flow == oauth.FlowApp && !hasSecret, at, "oauthflow app needs oauthsecret", "or use oauthflow key")
	wrong(flow == oauth.FlowApp && provider == oauth.Google, at,
		"Google has no oauthflow app", "use oauthflow key with the key file of a service account")
	wrong(flow == oauth.FlowKey && !u.OAuthKey.Set, at, "oauthflow key needs oauthkey", "name the file")
	wrong(flow == oauth.FlowKey && provider != oauth.Google && provider != oauth.Microsoft, at,
		"oauthflow key is for google and microsoft", "use oauthflow app")
	wrong(flow != oauth.FlowKey && u.OAuthKey.Set, u.OAuthKey.Pos, "oauthkey needs oauthflow key", "write it")
	wrong(!flow.NeedsUser() && provider == oauth.Microsoft && isAnyTenant(u.OAuthTenant.Value), at,
		"the program's own login needs oauthtenant, the directory's name or id", "see fetchd help oauth")
	return errs
}

// isAnyTenant tells whether the tenant stands for the users of many directories.
func isAnyTenant(tenant string) bool {
	return slices.Contains([]string{"", "common", "organizations", "consumers"}, tenant)
}

// strayOAuthWords refuses words that do nothing without oauth.
func strayOAuthWords(u *rcfile.User) []error {
	var errs []error

	for _, word := range []struct {
		name string
		set  bool
		at   rcfile.Pos
	}{
		{"oauthclient", u.OAuthClient.Set, u.OAuthClient.Pos},
		{"oauthsecret", u.OAuthSecret.Set, u.OAuthSecret.Pos},
		{"oauthtenant", u.OAuthTenant.Set, u.OAuthTenant.Pos},
		{"oauthscope", u.OAuthScope.Set, u.OAuthScope.Pos},
		{"oauthflow", u.OAuthFlow.Set, u.OAuthFlow.Pos},
		{"oauthkey", u.OAuthKey.Set, u.OAuthKey.Pos},
		{"oauthcertfile", u.OAuthCertFile.Set, u.OAuthCertFile.Pos},
		{"oauthproxy", u.OAuthProxy.Set, u.OAuthProxy.Pos},
	} {
		if word.set {
			errs = append(errs, &rcfile.Error{
				Pos: word.at, Msg: word.name + " does nothing without oauth",
				Next: "name the provider with oauth",
			})
		}
	}

	return errs
}
