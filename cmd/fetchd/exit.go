package main

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"

	"fetchd/fetch"
	"fetchd/fetch/wire"
)

// status is an exit status, with fetchmail's numbers.
type status int

const (
	exitMail       status = 0 // mail was retrieved, or the program did what it was asked for
	exitNoMail     status = 1
	exitSocket     status = 2 // no connection, or no trustworthy one
	exitAuth       status = 3
	exitProtocol   status = 4
	exitSyntax     status = 5 // command line or rc file
	exitIO         status = 6 // permissions, files, local delivery
	exitServer     status = 7 // the server reported an error, or was silent too long
	exitExcluded   status = 8 // another one is running, or none is
	exitBusy       status = 9 // the mailbox is locked by another session
	exitDNS        status = 11
	exitFetchLimit status = 13
	exitInternal   status = 23
)

// String gives fetchmail's name for the status, as in "Query status=3 (AUTHFAIL)".
func (s status) String() string {
	names := map[status]string{
		exitMail: "SUCCESS", exitNoMail: "NOMAIL", exitSocket: "SOCKET", exitAuth: "AUTHFAIL", exitProtocol: "PROTOCOL",
		exitSyntax: "SYNTAX", exitIO: "IOERR", exitServer: "ERROR", exitExcluded: "EXCLUDE", exitBusy: "LOCKBUSY",
		exitDNS: "DNS", exitFetchLimit: "MAXFETCH", exitInternal: "UNDEFINED",
	}
	if name, ok := names[s]; ok {
		return name
	}
	return "UNDEFINED"
}

// statusOf is the status of one retrieval.
func statusOf(r fetch.Result, err error) status {
	switch {
	case err != nil:
		return statusOfError(err)
	case r.Failed > 0:
		return exitIO
	case r.LimitHit:
		return exitFetchLimit
	case r.Delivered > 0:
		return exitMail
	}
	return exitNoMail
}

// statusOfError is the status of a retrieval that failed.
func statusOfError(err error) status {
	switch fetch.KindOf(err) {
	case fetch.KindAuth:
		return exitAuth
	case fetch.KindProtocol:
		return exitProtocol
	case fetch.KindServer:
		return exitServer
	case fetch.KindBusy:
		return exitBusy
	case fetch.KindDelivery, fetch.KindJournal:
		return exitIO
	case fetch.KindConfig:
		return exitSyntax
	case fetch.KindInternal:
		return exitInternal
	case fetch.KindTLS:
		return exitSocket
	}
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &dns):
		return exitDNS
	case errors.As(err, &op) && op.Op == "dial":
		return exitSocket
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, wire.ErrSlow):
		return exitServer
	}
	return exitSocket
}

// statusOfRefused is the status of accounts that can't be retrieved from.
func statusOfRefused(err error) status {
	if errors.Is(err, fs.ErrPermission) {
		return exitIO
	}
	return exitSyntax
}

// outcome folds the statuses of the retrievals of one pass into one.
type outcome struct {
	mail     bool
	delivery bool   // some delivery failed
	last     status // the last error, or exitNoMail
	any      bool
}

func (o *outcome) add(s status, deliveryFailed bool) {
	o.delivery = o.delivery || deliveryFailed
	switch {
	case s == exitMail:
		o.mail = true
	case s != exitNoMail || !o.any || o.last == exitNoMail:
		o.last, o.any = s, true
	}
}

// status is 0 if any retrieval gave mail and every delivery worked, else the last error.
func (o *outcome) status() status {
	switch {
	case o.delivery:
		return exitIO
	case o.mail:
		return exitMail
	case !o.any:
		return exitNoMail
	}
	return o.last
}
