package account

import (
	"testing"

	"fetchd/cmd/fetchd/internal/account/oauth"
	"fetchd/cmd/fetchd/internal/account/secret"
	"fetchd/fetch"
	"fetchd/rcfile"
)

// An account that logs in with a grant tells how that is doing; one with a password has none.
func TestGrant(t *testing.T) {
	t.Parallel()
	cfg, err := rcfile.Parse("rc", []byte(`poll h proto imap
		user ann oauth google oauthclient x maildir m1
		user bob password y maildir m2
		user carol oauth microsoft oauthtenant d oauthclient x oauthflow app oauthsecret z maildir m3`),
		rcfile.Auto)
	if err != nil {
		t.Fatal(err)
	}

	finder := &secret.Finder{Getenv: environment(), Grants: &oauth.Keeper{Dir: t.TempDir()}}
	r := New(Environment{Getenv: environment(), Secrets: finder, Home: t.TempDir()})
	for i, want := range []*fetch.Grant{{NeedsLogin: true}, nil, {Renews: true}} {
		a, _, err := r.Account(&cfg.Polls[0], &cfg.Polls[0].Users[i])
		if err != nil {
			t.Fatal(err)
		}

		switch {
		case want == nil && a.Grant != nil:
			t.Errorf("%s has a grant", a.Name)
		case want != nil && (a.Grant == nil || a.Grant() != *want):
			t.Errorf("%s: not %+v", a.Name, *want)
		}

		// Each has a place for what its server shows.
		if a.LastSeen == nil {
			t.Errorf("%s forgets certificates", a.Name)
		}
	}
}
