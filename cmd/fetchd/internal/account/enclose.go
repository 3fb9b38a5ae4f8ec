package account

import (
	"maps"
	"slices"

	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/rcfile"
)

// encloseTo is who gets mail that is refused for good, "" = it stays on the server: with "set no softbounce"
// the postmaster of the file, or else whoever gets the account's notices.
func encloseTo(g *rcfile.Globals, a *fetch.Account) string {
	if g.Softbounce.Or(true) {
		return ""
	}

	to := slices.Collect(maps.Values(a.Folders))
	if a.Deliverer != nil {
		to = append(to, a.Deliverer)
	}
	name := g.Postmaster.Value
	isRefused := func(d delivery.Deliverer) bool { return !delivery.Takes(d, name) }
	if name != "" && !slices.ContainsFunc(to, isRefused) {
		return name
	}
	if len(a.Recipients) > 0 {
		return a.Recipients[0]
	}
	return ""
}
