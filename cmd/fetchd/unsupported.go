package main

import (
	"fetchd/rcfile"
)

// unsupported refuses an account that asks for something which this version does not have: it is never run as if that
// were not written there.
func unsupported(poll *rcfile.Poll, u *rcfile.User) error {
	missing := []struct {
		asked bool
		what  string
	}{
		{len(u.Locals) > 1 || u.Wildcard, "multidrop (more than one local name, or *)"},
		{poll.BadHeader.Value == "reject", "bad-header reject"},
		{u.DropStatus.Value, "dropstatus"},
		{u.DropDelivered.Value, "dropdelivered"},
		{u.Rewrite.Set && u.Rewrite.Value, "rewrite"},
	}
	for _, m := range missing {
		if m.asked {
			return notYet(m.what)
		}
	}
	return nil
}
