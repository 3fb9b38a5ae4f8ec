package main

import "sync"

// repeats remembers the last error of each account, so that a daemon logs one when it appears, changes or ends, and not
// at every poll. The zero value is ready; it is safe for concurrent use.
type repeats struct {
	mu   sync.Mutex
	last map[string]string
}

// news takes the outcome of a retrieval and tells whether err is another than the last one, and whether an error has
// just ended.
func (r *repeats) news(account string, err error) (changed, ended bool) {
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
	r.last[account] = err.Error()
	return before != err.Error(), false
}
