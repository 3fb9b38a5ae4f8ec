package fetch

import (
	"fetchd/fetch/login"
	"fetchd/tlsverify/hints"
)

// WithNextStep gives each error in err, of a session, a next step. Package login has the table of them. What
// a lease says is its owner's matter.
func WithNextStep(err error) error {
	if err == nil {
		return nil
	}
	return hints.Each(err, func(err error) error {
		if endedByLease(err) {
			return err
		}
		return login.NextStep(err, login.LoggedIn)
	})
}
