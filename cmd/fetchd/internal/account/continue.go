package account

import (
	"context"
	"fmt"
	"slices"

	"fetchd/fetch"
	"fetchd/fetch/journal"
)

// ContinueRecords continues the record of each account whose port was changed in the rc file; otherwise all
// its mail would be new again. The record to continue is the last used one of the same poll, via and user
// that belongs to no account. It is copied, not moved: another rc file, or an entry that is skipped today,
// may still need it. A record with another via is not continued, as that may lead to other mail. continued is
// called for each account that got a record, with the port that it was kept for.
func ContinueRecords(ctx context.Context, j *journal.Journal, accounts []*fetch.Account,
	continued func(a *fetch.Account, port string)) error {
	recorded, err := j.Names(ctx)
	if err != nil {
		return err
	}

	// A record that one of the accounts uses is not up for grabs, even if another one differs from it in the
	// port alone: two ports of one host may be two servers.
	taken := make(map[string]bool, len(accounts))
	for _, a := range accounts {
		taken[a.Key] = true
	}

	for _, a := range accounts {
		if slices.Contains(recorded, a.Key) {
			continue
		}
		var from string
		for _, name := range recorded {
			if !taken[name] && sameButPort(name, a.Key) {
				// No break: Names gives the last used record last, and that one is wanted.
				from = name
			}
		}
		if from == "" || isContested(from, a, accounts) {
			continue
		}
		// An error ends everything: to go on without the record would deliver all that mail once more.
		if err := j.Copy(ctx, from, a.Key); err != nil {
			return err
		}
		continued(a, portIn(from))
	}

	return nil
}

// isContested tells whether an account other than a could continue the record too. Then none of them does.
func isContested(record string, a *fetch.Account, accounts []*fetch.Account) bool {
	return slices.ContainsFunc(accounts, func(b *fetch.Account) bool {
		return b.Key != a.Key && sameButPort(record, b.Key)
	})
}

func sameButPort(a, b string) bool {
	x, okX := parseKey(a)
	y, okY := parseKey(b)
	return okX && okY && x.sameButPort(y)
}

// portIn is the port in a record's name, for people.
func portIn(record string) string {
	k, _ := parseKey(record)
	if k.port == 0 {
		return "the default port"
	}
	return fmt.Sprintf("port %d", k.port)
}
