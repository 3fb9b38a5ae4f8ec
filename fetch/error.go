package fetch

import "fetchd/fetch/login"

// Kind is what failed, as the exit status and the back-off see it. See package login, where most errors come
// from.
type Kind = login.Kind

// The kinds.
const (
	KindUnknown  = login.KindUnknown
	KindNetwork  = login.KindNetwork
	KindTLS      = login.KindTLS
	KindAuth     = login.KindAuth
	KindProtocol = login.KindProtocol
	KindServer   = login.KindServer
	KindBusy     = login.KindBusy
	KindDelivery = login.KindDelivery
	KindJournal  = login.KindJournal
	KindConfig   = login.KindConfig
	KindInternal = login.KindInternal
	KindGrant    = login.KindGrant
	KindClient   = login.KindClient
)

// Error is a failed retrieval: what failed (Kind) and why.
type Error = login.Error

// ErrSimpler is in the error of a Session or Connector with a server that seems not to do what it offers.
// From now on it is asked for less, so that another session may succeed, and is made at once.
var ErrSimpler = login.ErrSimpler

// What is in the error of a Connector where the server may have too many connections: it says so, it ended
// the connection, or it refused the login and named no reason that is the user's.
var (
	ErrCrowded    = login.ErrCrowded
	ErrTurnedAway = login.ErrTurnedAway
	ErrNotJudged  = login.ErrNotJudged
)

// What is in the error of a server, or of a destination, that refused a login for which it may lock an
// account, or that ended the connection over one.
var (
	ErrRefused   = login.ErrRefused
	ErrNoVerdict = login.ErrNoVerdict
)

// KindOf returns KindInternal if a panic is in err's tree, else the Kind of the first *Error there, else
// KindUnknown.
func KindOf(err error) Kind { return login.KindOf(err) }

// Fail gives err the Kind k, unless it is nil or has one already.
func Fail(k Kind, err error) error { return login.Fail(k, err) }
