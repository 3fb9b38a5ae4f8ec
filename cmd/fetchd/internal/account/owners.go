package account

import (
	"fmt"
	"slices"
	"strings"

	"fetchd/fetch"
	"fetchd/fetch/login/imapline"
	"fetchd/rcfile"
)

// knownMailboxes are the mailboxes of an account that are known before it logs in.
func knownMailboxes(a *fetch.Account) []string {
	// POP3 has one mailbox, whatever folder says.
	if len(a.Mailboxes) == 0 && len(a.Patterns) == 0 || a.Protocol == fetch.POP3 {
		return []string{"INBOX"}
	}
	return a.Mailboxes
}

// namedFolders are the folders that an entry names.
func namedFolders(u *rcfile.User) []string {
	if len(u.Folders) == 0 && len(u.FolderPatterns) == 0 {
		return []string{"INBOX"}
	}
	return u.Folders
}

// ownedMailboxes are what the accounts of one record in the journal retrieve.
type ownedMailboxes struct{ mailboxes, patterns []string }

// leftOut is the warning about a mailbox that an account does not get.
const leftOut = "%s %q is left out: an entry before this one, with the same poll name, via, port " +
	"and user, %s; " +
	"remove it here, or give this entry another poll name, and via"

// SeparateOwners takes from each account the mailboxes that an earlier account with the same record
// retrieves: otherwise both would deliver a message that neither has recorded yet. Accounts that then have no
// mailboxes are left out. The warnings say what was taken away.
func SeparateOwners(accounts []*fetch.Account) (left []*fetch.Account, warnings []Warning) {
	records := map[string]*ownedMailboxes{}
	for _, a := range accounts {
		o := records[a.Key]
		if o == nil {
			o = new(ownedMailboxes)
			records[a.Key] = o
		}
		taken := func(what, name, does string) {
			warnings = append(warnings, Warning{a.Name, fmt.Sprintf(leftOut, what, name, does)})
		}
		if o.assign(a, taken) {
			left = append(left, a)
		}
	}

	// Only now: a pattern must not match what a later account names either.
	for _, a := range left {
		if len(a.Patterns) > 0 {
			a.ExcludedMailboxes = without(records[a.Key].mailboxes, a.Mailboxes)
		}
	}

	return left, warnings
}

// assign leaves a only the mailboxes that are not owned yet, and tells whether there are any. It calls taken
// for the others.
func (o *ownedMailboxes) assign(a *fetch.Account, taken func(what, name, does string)) bool {
	mine, patterns := knownMailboxes(a), a.Patterns
	for _, box := range mine {
		// o.mailboxes gets the account's own only below, so that a mailbox which it names twice is not taken
		// from it.
		if slices.Contains(o.mailboxes, canonical(box)) {
			taken("mailbox", box, "retrieves it")
			mine = without(mine, []string{box})
		}
	}

	for _, pattern := range a.Patterns {
		if slices.ContainsFunc(o.patterns, func(other string) bool { return mayOverlap(pattern, other) }) {
			taken("pattern", pattern, "may mean the same mailboxes")
			patterns = without(patterns, []string{pattern})
		}
	}

	for _, box := range mine {
		o.mailboxes = append(o.mailboxes, canonical(box))
	}

	o.patterns = append(o.patterns, patterns...)
	if len(a.Mailboxes) > 0 {
		a.Mailboxes = mine
	}

	a.Patterns = patterns
	return len(mine)+len(patterns) > 0
}

// without returns the names that are not among others.
func without(names, others []string) []string {
	var left []string
	for _, name := range names {
		if !slices.ContainsFunc(others, func(o string) bool { return canonical(o) == canonical(name) }) {
			left = append(left, name)
		}
	}
	return left
}

// canonical returns one spelling for all names of a mailbox: the rc file may hold them in modified UTF-7 too,
// and only INBOX may be written in any case (RFC 9051).
func canonical(box string) string {
	box = imapline.DecodeName(box)
	if strings.EqualFold(box, "INBOX") {
		return "INBOX"
	}
	return box
}

// mayOverlap tells whether both patterns may match one mailbox, judging by the text before their first
// wildcards.
func mayOverlap(a, b string) bool {
	literalPrefix := func(s string) string {
		// This errs on the side of overlapping: the later pattern is then left out with a warning, which is
		// better than mail that comes twice.
		before, _, _ := strings.Cut(strings.ReplaceAll(s, "%", "*"), "*")
		return before
	}
	a, b = literalPrefix(a), literalPrefix(b)
	return strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
}

// SharedMailboxes warns about accounts that retrieve from one mailbox under different names: both get each
// message only if neither deletes it.
func SharedMailboxes(accounts []*fetch.Account) []Warning {
	var warnings []Warning
	seen := map[string]*fetch.Account{}
	for _, a := range accounts {
		for _, box := range knownMailboxes(a) {
			id := fmt.Sprintf("%s\x00%d\x00%s\x00%s", strings.ToLower(a.Host), a.Port, a.Owner(),
				canonical(box))
			// Behind different plugins the same host name may be different servers.
			if other := seen[id]; other != nil && a.Plugin == other.Plugin {
				text := fmt.Sprintf("mailbox %q of this login is also retrieved by poll %q", box, other.Poll)
				warnings = append(warnings, Warning{a.Name, text})
				continue
			}
			seen[id] = a
		}
	}
	return warnings
}
