package main

import (
	"fmt"
	"slices"
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

// record is what the accounts of one record in the journal retrieve.
type record struct{ boxes, patterns []string }

// apart takes from each account the mailboxes that one before it with the same record retrieves, as both would deliver
// a message that neither has recorded yet, and leaves out those that have none then. warn is told of all that is taken.
func apart(accounts []*fetch.Account, warn func(a *fetch.Account, text string)) []*fetch.Account {
	const why = "%s %q is left out: an entry before this one, with the same poll name, via, port and user, %s; remove it here, or give this entry another poll name, and via"
	var left []*fetch.Account
	records := map[string]*record{}
	for _, a := range accounts {
		r := records[a.Key]
		if r == nil {
			r = new(record)
			records[a.Key] = r
		}
		if r.share(a, func(what, name, does string) { warn(a, fmt.Sprintf(why, what, name, does)) }) {
			left = append(left, a)
		}
	}
	for _, a := range left {
		if len(a.Patterns) > 0 {
			a.Besides = without(records[a.Key].boxes, a.Mailboxes)
		}
	}
	return left
}

// share gives a what is not taken yet, and tells whether that is anything.
func (r *record) share(a *fetch.Account, taken func(what, name, does string)) bool {
	mine, patterns := boxes(a), a.Patterns
	for _, box := range mine {
		if slices.Contains(r.boxes, canonical(box)) {
			taken("mailbox", box, "retrieves it")
			mine = without(mine, []string{box})
		}
	}
	for _, pattern := range a.Patterns {
		if slices.ContainsFunc(r.patterns, func(other string) bool { return mayMeet(pattern, other) }) {
			taken("pattern", pattern, "may mean the same mailboxes")
			patterns = without(patterns, []string{pattern})
		}
	}
	for _, box := range mine {
		r.boxes = append(r.boxes, canonical(box))
	}
	r.patterns = append(r.patterns, patterns...)
	if len(a.Mailboxes) > 0 {
		a.Mailboxes = mine
	}
	a.Patterns = patterns
	return len(mine)+len(patterns) > 0
}

// without is names less those in others.
func without(names, others []string) []string {
	var left []string
	for _, name := range names {
		if !slices.ContainsFunc(others, func(o string) bool { return canonical(o) == canonical(name) }) {
			left = append(left, name)
		}
	}
	return left
}

// canonical is the mailbox's name in the spelling that is the same for all.
func canonical(box string) string {
	if strings.EqualFold(box, "INBOX") {
		return "INBOX"
	}
	return box
}

// mayMeet tells whether there may be a mailbox that both patterns mean: what stands before their first wildcards tells.
func mayMeet(a, b string) bool {
	wild := func(s string) string {
		before, _, _ := strings.Cut(strings.ReplaceAll(s, "%", "*"), "*")
		return before
	}
	a, b = wild(a), wild(b)
	return strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
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
