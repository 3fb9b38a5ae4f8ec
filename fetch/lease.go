package fetch

import "errors"

// Lease says how long an account is ours to retrieve from, where several processes share accounts. A
// context.Context is one, for example.
type Lease interface {
	// Err is nil as long as the lease lasts, and from its end on always the same error, whose Kind becomes
	// that of the retrieval. It is asked before every delivery, from several goroutines, so it answers at
	// once.
	Err() error
}

// leaseError marks the end of the lease. Whatever its Kind, nothing goes on after it: no other mailbox, no
// other session.
type leaseError struct{ error }

func (e *leaseError) Unwrap() error { return e.error }

// checkLease is why the account is no longer ours; nil while it is.
func (a *Account) checkLease() error {
	if a.Lease == nil {
		return nil
	}
	if err := a.Lease.Err(); err != nil {
		return &leaseError{err}
	}
	return nil
}

// endedByLease tells whether the end of the lease is in err's tree.
func endedByLease(err error) bool {
	_, ok := errors.AsType[*leaseError](err) // which allocates nothing for what was delivered
	return ok
}

// withLeaseKind gives err the Kind of the lease's error where that is a part of it, whatever else is.
func withLeaseKind(err error) error {
	var l *leaseError
	if !errors.As(err, &l) {
		return err
	}
	return &Error{Kind: KindOf(l), Err: err}
}
