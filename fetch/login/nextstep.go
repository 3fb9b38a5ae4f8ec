package login

import (
	"errors"
	"net"
	"slices"

	"fetchd/fetch/fault"
	"fetchd/fetch/wire"
	"fetchd/tlsverify/hints"
)

// Stage is how far a session was when it failed.
type Stage int

// The stages.
const (
	BeforeLogin Stage = iota // nothing secret was sent
	AtLogin                  // user, password or token may have been sent
	LoggedIn
)

// nextSteps is the one table of what the user is told to do about an error that knows nothing better itself.
// The first row that fits counts.
var nextSteps = []struct {
	kind   Kind
	stages []Stage          // nil = all
	says   func(error) bool // nil = whatever it says
	hint   string
}{
	{KindNetwork, nil, wire.IsFlood, hintRules},
	{KindNetwork, nil, wire.IsTimeout,
		"the server, or the line, may be overloaded; it is tried again next time;" +
			` if it is always that slow, raise "timeout"`},
	{KindNetwork, nil, isRefusedByTLS,
		"the server, or a proxy before it, does in TLS what is refused here," +
			" such as to renegotiate: ask its operator"},
	{KindNetwork, []Stage{BeforeLogin}, wire.HasEnded,
		"it is tried again next time; if it lasts, the server is down, or lets this machine in no more," +
			" as after many connections or refused logins: ask its operator"},
	{KindNetwork, []Stage{AtLogin}, wire.HasEnded,
		"it is tried again next time; if it lasts, check user and password:" +
			" some servers end the connection instead of refusing them"},
	{KindNetwork, []Stage{LoggedIn}, nil,
		"the next retrieval goes on from there; if it lasts, check the line, and ask the server's operator"},
	{KindNetwork, nil, nil, "it is tried again next time; if it lasts, check this machine's network"},

	{KindProtocol, nil, nil, hintRules},
	{KindServer, nil, nil, "it is tried again next time; if it lasts, ask the server's operator"},
	{KindBusy, nil, nil, hintPasses},

	{KindTLS, nil, isInjected,
		`nothing secret was sent; try another network; if it stays so, tell the operator, or write "ssl"`},
	{KindTLS, nil, nil, `"fetchd check-tls HOST" shows what the server proves`},
	{KindAuth, nil, nil, "check user and password in the rc file"},
	{KindGrant, nil, nil, `"fetchd login ACCOUNT" gets a new one`},
	{KindClient, nil, nil, `check the client in the rc file, see "fetchd help oauth"`},
	{KindConfig, nil, nil, "change the account's entry in the rc file"},

	{KindInternal, nil, nil, new(fault.Error).Hint()},

	{KindDelivery, nil, nil, "the message stays on the server, and is tried again next time"},
	{KindJournal, nil, nil,
		"nothing is deleted on the server meanwhile; check the disk, and the journal's directory"},
}

func isInjected(err error) bool { return errors.Is(err, wire.ErrInjected) }

// isRefusedByTLS tells whether our side has ended TLS with an alert. The library gives it no name but this.
func isRefusedByTLS(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "local error"
}

// hintRules is for a peer with which fetchd can't go on.
const hintRules = "the server, or a proxy or virus scanner before it, breaks the rules of the protocol;" +
	" -v -v shows what it says: show that to its operator"

// hintUnknown is for an error without a Kind.
const hintUnknown = "it is tried again next time"

// NextStep gives err, of a session that got to a stage, the next step that fits its Kind, unless it has one.
func NextStep(err error, stage Stage) error {
	if err == nil || hints.Of(err) != "" {
		return err
	}

	kind := KindOf(err)
	for _, row := range nextSteps {
		at := row.stages == nil || slices.Contains(row.stages, stage)
		if row.kind == kind && at && (row.says == nil || row.says(err)) {
			return hints.Add(err, row.hint)
		}
	}
	return hints.Add(err, hintUnknown)
}
