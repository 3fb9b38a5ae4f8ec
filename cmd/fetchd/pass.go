package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/schedule"
	"fetchd/rcfile"
	"fetchd/tlsverify/hints"
)

// pass limits the time of a single pass, and notes the accounts that were not done in that time.
type pass struct {
	limit time.Duration // 0 = none

	mu sync.Mutex
	// those that were being retrieved, or waiting for their turn, when the time was over
	late []*fetch.Account
}

func newPass(g rcfile.Globals) *pass {
	if !g.PassLimit.Set {
		return &pass{limit: schedule.DefaultPassLimit}
	}
	return &pass{limit: time.Duration(g.PassLimit.Value) * time.Second}
}

// begin returns a context that ends when the pass has to.
func (p *pass) begin(ctx context.Context) (context.Context, context.CancelFunc) {
	if p.limit <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, p.limit, &passLimitError{p.limit})
}

// ended notes how the retrieval of an account has ended; ctx is the context that begin returned.
func (p *pass) ended(ctx context.Context, a *fetch.Account, err error) {
	var limit *passLimitError
	// The cause, not the error: what a retrieval returns when its context ends is any error of the network.
	if err == nil || !errors.As(context.Cause(ctx), &limit) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.late = append(p.late, a)
}

// isLate tells whether the limit ended the retrieval of an account.
func (p *pass) isLate(a *fetch.Account) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.late, a)
}

// err names the accounts that the limit ended; nil if there are none.
func (p *pass) err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.late) == 0 {
		return nil
	}

	names := make([]string, len(p.late))
	for i, a := range p.late {
		names[i] = a.Name
	}

	// Retrievals end in any order, and the text is to be the same each time.
	slices.Sort(names)
	return hints.Errorf("see what is slow there, or allow more with \"set passlimit\"",
		"%w, and was not done with %s; what was delivered is recorded, and the next pass goes on from there",
		&passLimitError{p.limit}, strings.Join(names, ", "))
}

// passLimitError is the cause with which the retrievals are cancelled when a single pass has taken too long.
type passLimitError struct{ limit time.Duration }

func (e *passLimitError) Error() string {
	return fmt.Sprintf("the pass has taken %s, which is its limit", e.limit)
}

func (e *passLimitError) Unwrap() error { return context.DeadlineExceeded }
