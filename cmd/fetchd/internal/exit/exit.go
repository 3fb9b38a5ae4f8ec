// Package exit defines the program's exit statuses, and which errors lead to which status.
package exit

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"slices"

	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/fetch/wire"
)

// Status is an exit status, with fetchmail's numbers.
type Status int

// The statuses. fetchmail has more, for things that this program does not do.
const (
	Mail       Status = 0 // mail was retrieved, or the program did what it was asked for
	NoMail     Status = 1
	Socket     Status = 2 // no connection, or no trustworthy one
	Auth       Status = 3
	Protocol   Status = 4
	Syntax     Status = 5  // command line or rc file
	IO         Status = 6  // permissions, files, local delivery
	Server     Status = 7  // the server reported an error, or was silent too long
	Excluded   Status = 8  // another process is running, or none is where one was expected
	Busy       Status = 9  // the mailbox is locked by another session
	SMTP       Status = 10 // no mail server to deliver to
	DNS        Status = 11
	FetchLimit Status = 13
	Internal   Status = 23
)

// String gives fetchmail's name for the status, as in "Query status=3 (AUTHFAIL)".
func (s Status) String() string {
	names := map[Status]string{
		Mail: "SUCCESS", NoMail: "NOMAIL", Socket: "SOCKET", Auth: "AUTHFAIL", Protocol: "PROTOCOL",
		Syntax: "SYNTAX", IO: "IOERR", Server: "ERROR", Excluded: "EXCLUDE", Busy: "LOCKBUSY",
		SMTP: "SMTP",
		DNS:  "DNS", FetchLimit: "MAXFETCH", Internal: "UNDEFINED",
	}
	if name, ok := names[s]; ok {
		return name
	}
	return "UNDEFINED"
}

// Of is the status of one retrieval.
func Of(r fetch.Result, err error) Status {
	switch {
	// An error counts more than what was delivered before it.
	case err != nil:
		return OfError(err)
	case r.Failed > 0:
		return IO
	case r.LimitHit:
		return FetchLimit
	case r.Delivered > 0:
		return Mail
	}
	return NoMail
}

// OfError is the status of a retrieval that failed.
func OfError(err error) Status {
	switch fetch.KindOf(err) {
	case fetch.KindAuth, fetch.KindGrant:
		return Auth
	case fetch.KindProtocol:
		return Protocol
	case fetch.KindServer:
		return Server
	case fetch.KindBusy:
		return Busy
	case fetch.KindDelivery:
		// fetchmail's 10 tells a mail server that is not there from a delivery that it refused.
		if _, ok := errors.AsType[*delivery.UnreachableError](err); ok {
			return SMTP
		}
		return IO
	case fetch.KindJournal:
		return IO
	case fetch.KindConfig, fetch.KindClient:
		return Syntax
	case fetch.KindInternal:
		return Internal
	case fetch.KindTLS:
		return Socket
	}

	// What is left is KindNetwork, for which fetchmail has several statuses. The order matters: a failed
	// lookup is inside an error of dialling, and one of dialling may be a time-out.
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &dns):
		return DNS
	// Nobody answered, which is 2 even if it took long: 7 is for a server that falls silent.
	case errors.As(err, &op) && op.Op == "dial":
		return Socket
	case errors.Is(err, os.ErrDeadlineExceeded),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, wire.ErrSlow):
		return Server
	}

	return Socket
}

// OfRefused is the status of accounts that can't be retrieved from.
func OfRefused(err error) Status {
	if errors.Is(err, fs.ErrPermission) {
		return IO
	}
	return Syntax
}

// Outcome folds the statuses of the retrievals of one pass into one.
type Outcome struct {
	mail     bool
	delivery bool   // some delivery failed
	last     Status // the last error, or NoMail
	any      bool
	worst    Status // of all; 0 = of none, or there was mail and nothing worse
}

// Add folds in one retrieval.
func (o *Outcome) Add(s Status, deliveryFailed bool) {
	o.delivery = o.delivery || deliveryFailed
	if o.worst == 0 || badness(s) > badness(o.worst) {
		o.worst = s
	}
	switch {
	// fetchmail's rule: mail from any account makes a success of the pass, unless a delivery failed.
	case s == Mail:
		o.mail = true
	// "No mail" never replaces the error of an earlier account.
	case s != NoMail || !o.any || o.last == NoMail:
		o.last, o.any = s, true
	}
}

// Status is 0 if any retrieval gave mail and every delivery worked, else the last error.
func (o *Outcome) Status() Status {
	switch {
	// A failed delivery is the one error that mail from other accounts does not hide: the message still waits
	// on the server.
	case o.delivery && o.last == SMTP:
		return SMTP
	case o.delivery:
		return IO
	case o.mail:
		return Mail
	case !o.any:
		return NoMail
	}
	return o.last
}

// Strict is the status of the retrieval that ended worst: mail from one account hides no trouble of another.
// Mail is 0, whatever the accounts without mail say.
func (o *Outcome) Strict() Status {
	if badness(o.worst) == 0 {
		return o.Status()
	}
	return o.worst
}

// badness orders statuses: what needs a person comes before what may pass by itself.
func badness(s Status) int {
	order := []Status{FetchLimit, Busy, Server, DNS, Socket, Protocol, SMTP, IO, Internal, Syntax, Auth}
	return slices.Index(order, s) + 1
}
