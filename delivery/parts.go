package delivery

import (
	"errors"
	"slices"
)

// parts adds up the results of a message's parts: for one recipient each, or at one destination.
type parts struct {
	delivered []string
	errs      []error
	outages   []string // keys of the destinations of which an error is that of the whole destination
}

// add takes the result of a part: who has the message now, and why others don't.
func (p *parts) add(delivered []string, err error) {
	p.delivered = append(p.delivered, delivered...)
	if err != nil {
		p.errs = append(p.errs, err)
	}
}

// addOf is add for the result at one of several destinations.
func (p *parts) addOf(key string, delivered []string, err error) {
	p.add(delivered, err)
	if isOutage(err) {
		p.outages = append(p.outages, key)
	}
}

// result is that of the whole message. someWork tells whether a destination works, which may be one that has
// this message already: then other messages can still be delivered.
func (p *parts) result(someWork bool) error {
	if len(p.errs) == 0 {
		return nil
	}

	err := p.errs[0]
	if len(p.errs) > 1 {
		// The one class is said, as the first error's would be taken for it.
		err = &Error{Class: ClassOf(worst(p.errs)), Err: errors.Join(p.errs...)}
	}
	if someWork && (ClassOf(err) == Unusable || LacksRoom(err)) {
		only := p.outages
		if len(only) < len(p.errs) {
			only = nil
		}
		err = &outageError{err, only}
	}
	if len(p.delivered) == 0 {
		return err
	}
	return &PartialError{Delivered: p.delivered, Err: err}
}

// worst is the error that can still change.
func worst(errs []error) error {
	return slices.MaxFunc(errs, func(a, b error) int { return rank(a) - rank(b) })
}
