package account

import (
	"testing"

	"fetchd/cmd/fetchd/internal/account/oauth"
	"fetchd/cmd/fetchd/internal/account/secret"
	"fetchd/rcfile"
)

// The grants of an rc file are told by the account's name, without those that log in with a password.
func TestGrants(t *testing.T) {
	t.Parallel()
	cfg, err := rcfile.Parse("rc", []byte(`poll h proto imap
		user ann oauth google oauthclient x
		user bob password y
		user carol oauth microsoft oauthtenant d oauthclient x oauthflow app oauthsecret z`), rcfile.Auto)
	if err != nil {
		t.Fatal(err)
	}
	finder := &secret.Finder{Getenv: environment(), Grants: &oauth.Keeper{Dir: t.TempDir()}}
	r := New(Environment{Getenv: environment(), Secrets: finder})
	states := r.Grants(cfg)
	if len(states) != 2 || states["ann@h"].Condition != oauth.NoLogin ||
		states["carol@h"].Condition != oauth.OK {
		t.Errorf("%+v", states)
	}
}
