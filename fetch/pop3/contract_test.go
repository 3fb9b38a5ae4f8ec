package pop3

import (
	"strings"
	"testing"

	"fetchd/fetch/login"
	"fetchd/fetch/login/logintest"
	"fetchd/fetch/wire"
)

func TestLoginContract(t *testing.T) {
	t.Parallel()
	logintest.Run(t, logintest.Subject{
		Service: service,
		New:     func(c *wire.Conn) login.Protocol { return &dialogue{c: c} },
		Dialect: serverSide{},
		Own:     true,
		Codes: map[login.Kind]string{
			login.KindAuth: "AUTH", login.KindServer: "SYS/TEMP", login.KindBusy: "IN-USE",
		},
	})
}

// serverSide is POP3 as the contract's server speaks it.
type serverSide struct{}

func (serverSide) Greeting(refused string) string {
	if refused != "" {
		return "-ERR " + refused + "\r\n"
	}
	return "+OK ready <1896.697170952@dbc.mtview.ca.us>\r\n"
}

func (serverSide) Preauth() string { return "" }

func (serverSide) Read(line string) logintest.Command {
	words := strings.Fields(line + " . .")
	c := logintest.Command{Verb: map[string]logintest.Verb{
		"STLS": logintest.StartTLS, "CAPA": logintest.Capabilities, "AUTH": logintest.Auth,
		"USER": logintest.Name, "PASS": logintest.Password, "NOOP": logintest.Known,
	}[words[0]]}
	if c.Verb == logintest.Auth {
		c.Mechanism, c.Initial = words[1], strings.Trim(words[2], ".")
	}
	return c
}

func (serverSide) Reply(_ logintest.Command, s login.Status, code, text string) string {
	if code != "" {
		text = "[" + code + "] " + text
	}
	word := map[login.Status]string{login.OK: "+OK ", login.Challenge: "+ ", login.Refused: "-ERR "}[s]
	return word + text + "\r\n"
}

func (serverSide) Offer(_ logintest.Command, _ bool, mechanisms []string) string {
	if len(mechanisms) > 10 { // an endless list has a line for each
		return "+OK\r\n" + strings.Join(mechanisms, "\r\n") + "\r\n"
	}
	return "+OK\r\nSASL " + strings.Join(mechanisms, " ") + "\r\n.\r\n"
}
