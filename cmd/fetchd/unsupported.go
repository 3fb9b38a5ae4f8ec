package main

import (
	"fetchd/rcfile"
)

// unsupported refuses an account that asks for something which this version does not have: it is never run as if that
// were not written there.
func unsupported(u *rcfile.User) error {
	if len(u.Locals) > 1 || u.Wildcard {
		return notYet("multidrop (more than one local name, or *)")
	}
	return nil
}
