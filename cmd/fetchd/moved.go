package main

import (
	"context"
	"slices"
	"strings"

	"fetchd/fetch"
)

// follow continues the record of an account whose port was changed in the rc file: all its mail would be new again
// otherwise. The record to continue is that of the same poll, via and user that was used last and that no account has.
// It is left where it is: another rc file, or an entry that is skipped today, may still need it. Of another via it is not
// known whether it leads to the same mail.
func (s *service) follow(ctx context.Context, accounts []*fetch.Account) error {
	recorded, err := s.journal.Names(ctx)
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
		for _, key := range recorded {
			if !taken[key] && sameButPort(key, a.Key) {
				from = key
			}
		}
		if from == "" || otherWants(from, a, accounts) {
			continue
		}
		if err := s.journal.Copy(ctx, from, a.Key); err != nil {
			return err
		}
		s.log.Info("the record of "+from+" is continued as "+a.Key, "account", a.Name)
	}
	return nil
}

// otherWants tells whether another account could continue the same record: then nobody does.
func otherWants(key string, a *fetch.Account, accounts []*fetch.Account) bool {
	return slices.ContainsFunc(accounts, func(b *fetch.Account) bool { return b.Key != a.Key && sameButPort(key, b.Key) })
}

// sameButPort compares two of wiring.journalKey's keys, "poll|via|port|user".
func sameButPort(a, b string) bool {
	x, y := strings.Split(a, "|"), strings.Split(b, "|")
	return len(x) == 4 && len(y) == 4 && x[0] == y[0] && x[1] == y[1] && x[3] == y[3]
}
