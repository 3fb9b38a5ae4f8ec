package account

import (
	"errors"

	"fetchd/fetch"
	"fetchd/fetch/wire"
	"fetchd/rcfile"
)

// RefusedError is a reason for which one account can't be retrieved from; the others can.
type RefusedError struct {
	Account string
	Err     error // an *rcfile.Error for a value that makes no sense
}

func (e *RefusedError) Error() string { return e.Account + ": " + e.Err.Error() }

// Unwrap returns Err.
func (e *RefusedError) Unwrap() error { return e.Err }

// refuse joins a *RefusedError for each of the reasons.
func refuse(account string, reasons []error) error {
	errs := make([]error, len(reasons))
	for i, err := range reasons {
		errs[i] = &RefusedError{account, err}
	}
	return errors.Join(errs...)
}

// Mistakes are the values of the polls that make no sense, each an *rcfile.Error, and once where several accounts have
// them. The polls need not be complete.
func (r *Resolver) Mistakes(polls []rcfile.Poll) []error {
	var all []error
	seen := map[rcfile.Error]bool{}
	for i := range polls {
		for j := range polls[i].Users {
			for _, err := range r.reasons(&polls[i], &polls[i].Users[j]) {
				if mistake, ok := errors.AsType[*rcfile.Error](err); ok && !seen[*mistake] {
					seen[*mistake] = true
					all = append(all, mistake)
				}
			}
		}
	}
	return all
}

// reasons are all that the entry itself gives for not retrieving from the account: values that make no sense,
// and what this version does not have. No file is opened for them.
func (r *Resolver) reasons(poll *rcfile.Poll, u *rcfile.User) []error {
	var errs []error
	add := func(more ...error) {
		for _, err := range more {
			if err != nil {
				errs = append(errs, err)
			}
		}
	}

	for _, mistake := range poll.Refusals(u) {
		add(mistake)
	}
	port, err := Port(poll)
	if poll.Service.Refused == nil {
		add(err)
	}
	if _, err := wire.PluginCommand(poll.Plugin.Value, Host(poll), port); err != nil {
		add(&rcfile.Error{Pos: poll.Plugin.Pos, Msg: err.Error()})
	}
	mode, err := TLSMode(u)
	add(err, srvContradiction(poll, mode))
	_, _, mistakes := pins(u)
	add(mistakes...)
	_, err = r.openDestination(u)
	add(err, refuseUnsupported(u))
	return errs
}

// refuseUnsupported refuses an account that asks for something, other than a destination, that this version does not
// have.
func refuseUnsupported(u *rcfile.User) error {
	if len(u.Locals) > 1 || u.Wildcard {
		return notYet("multidrop (more than one local name, or *)")
	}
	return nil
}

// srvContradiction refuses srv beside what contradicts it.
func srvContradiction(poll *rcfile.Poll, mode fetch.TLSMode) error {
	switch {
	case !poll.SRV.Value:
		return nil
	case poll.Via.Set || poll.Service.Set || poll.Plugin.Set:
		return &rcfile.Error{
			Pos: poll.SRV.Pos, Msg: "srv finds host and port by itself", Hint: "remove via, service and plugin, or srv",
		}
	case mode == fetch.ClearText:
		return &rcfile.Error{
			Pos: poll.SRV.Pos, Msg: "srv needs TLS: DNS can be forged, and only the certificate tells",
			Hint: "remove sslproto '' or srv",
		}
	}
	return nil
}
