package account

import (
	"errors"

	"fetchd/fetch"
	"fetchd/fetch/wire"
	"fetchd/rcfile"
)

// RefusedError is a reason why one account can't be retrieved from; the others still can.
type RefusedError struct {
	Account string
	Err     error // an *rcfile.Error for a value that makes no sense
}

func (e *RefusedError) Error() string { return e.Account + ": " + e.Err.Error() }

// Unwrap returns Err.
func (e *RefusedError) Unwrap() error { return e.Err }

// refuse returns the reasons, each as a *RefusedError, joined.
func refuse(account string, reasons []error) error {
	errs := make([]error, len(reasons))
	for i, err := range reasons {
		errs[i] = &RefusedError{account, err}
	}
	return errors.Join(errs...)
}

// Mistakes are the values of the polls that make no sense, each an *rcfile.Error. A value that several
// accounts share is reported once. The polls need not be complete.
func (r *Resolver) Mistakes(polls []rcfile.Poll) []error {
	var all []error
	seen := map[rcfile.Error]bool{}
	for i := range polls {
		for j := range polls[i].Users {
			for _, err := range r.refusalReasons(&polls[i], &polls[i].Users[j]) {
				if mistake, ok := errors.AsType[*rcfile.Error](err); ok && !seen[*mistake] {
					seen[*mistake] = true
					all = append(all, mistake)
				}
			}
		}
	}
	return all
}

// refusalReasons are all the reasons in the entry itself for not retrieving from the account: values that
// make no sense, and things that this version does not have. It opens no file.
func (r *Resolver) refusalReasons(poll *rcfile.Poll, u *rcfile.User) []error {
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

	port, err := portOf(poll)
	// Otherwise the place has been reported with the parser's words.
	if poll.Service.Refused == nil {
		add(err)
	}
	if _, err := wire.PluginCommand(poll.Plugin.Value, Host(poll), port); err != nil {
		add(&rcfile.Error{Pos: poll.Plugin.Pos, Msg: err.Error()})
	}

	mode, err := tlsMode(u)
	add(err, srvContradiction(poll, mode))
	_, _, mistakes := pins(u)
	add(mistakes...)
	add(disposalReason(poll, u), multidropReason(poll, u))
	_, err = exclude(u)
	add(err)
	add(r.destinationReason(poll, u), r.folderReason(poll, u))
	add(OAuthMistakes(poll, u)...)
	add(authReasons(poll, u)...)
	return errs
}

// srvContradiction refuses srv together with settings that contradict it.
func srvContradiction(poll *rcfile.Poll, mode fetch.TLSMode) error {
	switch {
	case !poll.SRV.Value:
		return nil
	case poll.Via.Set || poll.Service.Set || poll.Plugin.Set:
		return &rcfile.Error{
			Pos: poll.SRV.Pos, Msg: "srv finds host and port by itself",
			Next: "remove via, service and plugin, or srv",
		}
	case mode == fetch.ClearText:
		return &rcfile.Error{
			Pos: poll.SRV.Pos, Msg: "srv needs TLS: DNS can be forged, and only a certificate proves " +
				"who the server is",
			Next: "remove sslproto '' or srv",
		}
	}
	return nil
}
