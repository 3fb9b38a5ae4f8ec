package login

import (
	"errors"
	"fmt"

	"fetchd/fetch/fault"
)

// Kind is what failed, for the exit status and the back-off. Package fetch has the same names. They are
// defined here because most of them come from logins, and because delivery may import this package.
type Kind int

// The kinds. The zero Kind is for an error that was not classified; it is treated as KindNetwork.
const (
	KindUnknown  Kind = iota
	KindNetwork       // dial, DNS, connection lost, time-out
	KindTLS           // the server could not prove who it is, or has no TLS
	KindAuth          // login refused, or no password
	KindProtocol      // the server broke the rules of the protocol
	KindServer        // the server reported an error of its own
	KindBusy          // the mailbox is locked by another session
	KindDelivery      // the message could not be handed on
	KindJournal       // our own records could not be read or written
	KindConfig        // a setting that can't work
	KindInternal      // a mistake in the program: a panic
	KindGrant         // the grant that the login has instead of a password has ended: a person must consent
	KindClient        // the provider of such grants refuses the program's client
)

// String is the word for the kind in logs.
func (k Kind) String() string {
	switch k {
	case KindNetwork:
		return "network"
	case KindTLS:
		return "tls"
	case KindAuth:
		return "auth"
	case KindProtocol:
		return "protocol"
	case KindServer:
		return "server"
	case KindBusy:
		return "busy"
	case KindDelivery:
		return "delivery"
	case KindJournal:
		return "journal"
	case KindConfig:
		return "config"
	case KindInternal:
		return "internal"
	case KindGrant:
		return "grant"
	case KindClient:
		return "client"
	}

	return "unknown"
}

// IsLogin tells whether no login is possible until a person does something about user, password or grant.
func (k Kind) IsLogin() bool { return k == KindAuth || k == KindGrant }

// Error is an error with its Kind.
type Error struct {
	Kind Kind
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// KindOf returns KindInternal if a panic is in err's tree, else the Kind of the first *Error there, else
// KindUnknown.
func KindOf(err error) Kind {
	// A panic first, wherever it is in the tree: it may have been wrapped by an error that has a Kind.
	var f *fault.Error
	if errors.As(err, &f) {
		return KindInternal
	}

	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindUnknown
}

// Fail gives err the Kind k, unless it is nil or has one already.
func Fail(k Kind, err error) error {
	if err == nil {
		return nil
	}

	var e *Error
	if errors.As(err, &e) {
		return err
	}
	return &Error{Kind: k, Err: err}
}

// ErrSimpler is in the error of a server that seems not to do what it offers. It is asked for less from now
// on, so another session may succeed and is tried at once.
var ErrSimpler = errors.New("the server offers what it does not do")

// ErrOtherProtocol is in the error of a server whose greeting is that of another protocol.
var ErrOtherProtocol = errors.New("the server speaks another protocol")

// OtherProtocol marks err with ErrOtherProtocol, without its text.
func OtherProtocol(err error) error { return marked{err, ErrOtherProtocol} }

// Again marks err as one after which another session may succeed at once. It is ErrSimpler without its
// text.
func Again(err error) error { return marked{err, ErrSimpler} }

// ErrRefused is in the error of a login by password or certificate that the server refused, and of no other.
var ErrRefused = errors.New("the server refused the login")

// refusedBy marks err, without changing its text.
func refusedBy(err error) error { return refusedLogin{err} }

type refusedLogin struct{ error }

func (r refusedLogin) Unwrap() []error { return []error{r.error, ErrRefused} }

// At adds the server to err, which happened before the login. An error about a refused login stays as it
// is: the account is named wherever errors are shown. The Kind stays.
func (o *Options) At(err error) error {
	if err == nil || KindOf(err).IsLogin() {
		return err
	}
	return fmt.Errorf("%s: %w", o.Server(), err)
}
