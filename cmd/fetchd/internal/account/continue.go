package account

import (
	"context"
	"slices"

	"fetchd/fetch"
	"fetchd/fetch/journal"
)

// ContinueRecords continues the record of an account whose port was changed in the rc file: all its mail would be new
// again otherwise. The record to continue is that of the same poll, via and user that was used last and that no account
// has. It is left where it is: another rc file, or an entry that is skipped today, may still need it. Of another via it
// is not known whether it leads to the same mail. continued is told of each.
func ContinueRecords(ctx context.Context, j *journal.Journal, accounts []*fetch.Account,
	continued func(a *fetch.Account, from string)) error {
	recorded, err := j.Names(ctx)
	if err != nil {
		return err
	}
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
				from = name
			}
		}
		if from == "" || isContested(from, a, accounts) {
			continue
		}
		if err := j.Copy(ctx, from, a.Key); err != nil {
			return err
		}
		continued(a, from)
	}
	return nil
}

// isContested tells whether another account than a could continue the record: then nobody does.
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
