package login

import (
	"fmt"

	"fetchd/fetch/sasl"
)

// Protocol is what a login needs of a protocol: each method but Greeting sends one command and reads up to
// its reply. It decides nothing, remembers nothing of what the server offered, and bounds how much it
// reads. An error means that the connection failed, or that the server is out of step and the error has
// KindProtocol; a refusal is a Reply.
type Protocol interface {
	Greeting() (Reply, error)
	StartTLS() (Reply, error)
	// Capabilities gives an Offer with its OK, an empty one for a server that does not know the command.
	Capabilities() (Reply, error)
	// Login is the protocol's own command for a user and a password, which hold no CR, LF or NUL.
	Login(sasl.Credentials) (Reply, error)
	// Auth begins a SASL exchange, with initial after the mechanism's name unless it is "".
	Auth(mechanism, initial string) (Reply, error)
	// Respond sends line as the answer to a challenge; the trace shows shown instead.
	Respond(line, shown string) (Reply, error)
}

// Finisher is a Protocol that has something to ask after the login, within the same time limit. Run asks
// the server again what it offers, unless the reply to the login said so, and passes it on.
type Finisher interface {
	Finish(*Offer) error
}

// Prover is a Protocol whose server can be asked whether it already knows the user: OK or Refused.
type Prover interface {
	LoggedIn() (Reply, error)
}

// Digester is a Protocol with a command of its own that sends a digest of the password: POP3's APOP.
type Digester interface {
	Digest(user, digest string) (Reply, error)
}

// Status is what a reply means.
type Status int

// The statuses. The zero Status is a refusal.
const (
	Refused   Status = iota
	OK               // yes, or a greeting
	Challenge        // the server wants an answer
	Ended            // the server closes the connection: BYE, 421
)

// Reply is an answer of the server, or its greeting.
type Reply struct {
	Command  string // the command that is answered, without secrets; also beside an error without it
	Status   Status
	Word     string // the server's: "NO", "-ERR", "535"
	Code     string // response code in upper case, without brackets and arguments; "" = none
	Detail   string // the code's arguments
	Text     string // for people; the base64 of a Challenge
	Passing  bool   // the protocol itself says that this refusal is temporary: 4xx
	Offer    *Offer // nil = the reply does not say
	LoggedIn bool   // a greeting that says that the server knows the user: PREAUTH
}

// Offer is what a server offers on the present channel.
type Offer struct {
	Words      []string // as listed, for the session that follows
	StartTLS   bool
	Mechanisms []string // of SASL
	MaxInitial int      // the longest initial response, in base64, that Auth may carry; 0 = none
	NoLogin    string   // why the protocol's own login can't be used; "" = it can
}

// failed adds the command to an error that does not name it. The Kind stays.
func failed(r Reply, err error) error {
	if r.Command == "" {
		return err
	}
	return fmt.Errorf("%s: %w", r.Command, err)
}
