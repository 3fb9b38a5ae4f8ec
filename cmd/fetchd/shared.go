package main

import (
	"errors"
	"fmt"
	"strings"

	"fetchd/fetch"
)

// boxes are the mailboxes of an account as far as they are known before it logs in.
func boxes(a *fetch.Account) []string {
	if len(a.Mailboxes) == 0 && len(a.Patterns) == 0 || a.Protocol == fetch.POP3 {
		return []string{"INBOX"}
	}
	return a.Mailboxes
}

// apart removes the accounts that would use the same record in the journal at the same time as one before them. The
// error joins a *refusedError for each.
func apart(accounts []*fetch.Account) ([]*fetch.Account, error) {
	var left []*fetch.Account
	var errs []error
	seen := map[string]bool{}
	for _, a := range accounts {
		twice := ""
		for _, box := range boxes(a) {
			if seen[a.Key+"\x00"+box] {
				twice = box
			}
		}
		if twice != "" {
			errs = append(errs, &refusedError{a.Name, fmt.Errorf("mailbox %q stands in the rc file twice under this name; remove one entry, or give it another poll name", twice)})
			continue
		}
		for _, box := range boxes(a) {
			seen[a.Key+"\x00"+box] = true
		}
		left = append(left, a)
	}
	return left, errors.Join(errs...)
}

// alike are warnings about accounts that retrieve from one mailbox under different names: both get each message, but
// only if neither deletes it.
func alike(accounts []*fetch.Account) map[*fetch.Account]string {
	found := map[*fetch.Account]string{}
	seen := map[string]*fetch.Account{}
	for _, a := range accounts {
		for _, box := range boxes(a) {
			id := fmt.Sprintf("%s\x00%d\x00%s\x00%s", strings.ToLower(a.Host), a.Port, a.User, box)
			if other := seen[id]; other != nil && a.Plugin == other.Plugin {
				found[a] = fmt.Sprintf("mailbox %q of this login is also retrieved by poll %q", box, other.Poll)
				continue
			}
			seen[id] = a
		}
	}
	return found
}
