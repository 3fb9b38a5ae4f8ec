package main

import (
	"regexp"
	"strings"
	"sync"

	"fetchd/fetch"
)

// repeats remembers the last error of each account, so that a daemon logs one when it appears, changes or ends, and not
// at every poll. Errors that differ only in words with a digit are the same: local ports, addresses, and what servers
// number their sessions with. The zero value is ready; it is safe for concurrent use.
type repeats struct {
	mu   sync.Mutex
	last map[string]string // by account and mailboxes: each of several that are watched has a connection of its own
}

// numbered is a word with a digit in it.
var numbered = regexp.MustCompile(`\pL*\d[\pL\d]*`)

// news takes the outcome of a retrieval and tells whether err is another than the last one, and whether an error has
// just ended.
func (r *repeats) news(a *fetch.Account, err error) (changed, ended bool) {
	account := a.Name + "\x00" + strings.Join(a.Mailboxes, "\x00")
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil {
		r.last = make(map[string]string)
	}
	before := r.last[account]
	if err == nil {
		delete(r.last, account)
		return false, before != ""
	}
	text := numbered.ReplaceAllString(err.Error(), "0")
	r.last[account] = text
	return before != text, false
}
