// Package logintest has the tests that every login.Protocol must pass. Run plays the server, honest or not,
// in the words of a Dialect.
package logintest

import (
	"fetchd/fetch/login"
	"fetchd/fetch/wire"
)

// Subject is a Protocol and the words in which its server is played.
type Subject struct {
	Service login.Service
	New     func(*wire.Conn) login.Protocol
	Dialect Dialect
	Own     bool                  // it has a login command of its own
	Codes   map[login.Kind]string // a code of the protocol for a refusal of this kind
}

// Dialect is the server's side of a login in a protocol. It remembers nothing; its lines end in CRLF.
type Dialect interface {
	// Greeting is what the server says first; refused is why it won't serve, "" if it will.
	Greeting(refused string) string
	// Preauth is a greeting that says that the user is known; "" = the protocol has none.
	Preauth() string
	// Read parses a line of the client.
	Read(line string) Command
	// Reply answers c. The text of a login.Challenge is base64.
	Reply(c Command, s login.Status, code, text string) string
	// Offer answers c with what the server offers.
	Offer(c Command, startTLS bool, mechanisms []string) string
}

// Verb is what a command asks for.
type Verb int

// The verbs. Other is every command that the server refuses, Name the half of a login without a secret.
const (
	Other Verb = iota
	StartTLS
	Capabilities
	Auth
	Name
	Password
	Literal // what follows is the rest of a login
	Known   // is the user known?
)

// Command is a line of the client.
type Command struct {
	Verb      Verb
	Tag       string
	Mechanism string
	Initial   string // response, in base64
}
