package imap

import (
	"strings"
	"testing"

	"fetchd/fetch/login"
	"fetchd/fetch/login/imapline"
	"fetchd/fetch/login/logintest"
	"fetchd/fetch/wire"
)

func TestLoginContract(t *testing.T) {
	t.Parallel()
	logintest.Run(t, logintest.Subject{
		Service: service,
		New: func(c *wire.Conn) login.Protocol {
			return &imapline.Dialogue{Conn: c}
		},
		Dialect: serverSide{},
		Own:     true,
		Codes: map[login.Kind]string{
			login.KindAuth: "AUTHENTICATIONFAILED", login.KindServer: "UNAVAILABLE", login.KindBusy: "INUSE",
		},
	})
}

// serverSide is IMAP as the contract's server speaks it.
type serverSide struct{}

func (serverSide) Greeting(refused string) string {
	if refused != "" {
		return "* BYE " + refused + "\r\n"
	}
	return "* OK ready\r\n"
}

func (serverSide) Preauth() string { return "* PREAUTH welcome\r\n" }

func (serverSide) Read(line string) logintest.Command {
	words := strings.Fields(line + " . . .")
	c := logintest.Command{Tag: words[0], Verb: map[string]logintest.Verb{
		"STARTTLS": logintest.StartTLS, "CAPABILITY": logintest.Capabilities,
		"AUTHENTICATE": logintest.Auth, "LOGIN": logintest.Password,
	}[words[1]]}
	switch {
	case c.Verb == logintest.Auth:
		c.Mechanism, c.Initial = words[2], strings.Trim(words[3], ".")
	case strings.HasSuffix(line, "}"): // LOGIN's literals, as the first of two or the second
		c.Verb = logintest.Literal
	}
	return c
}

func (serverSide) Reply(c logintest.Command, s login.Status, code, text string) string {
	if code != "" {
		text = "[" + code + "] " + text
	}
	word := map[login.Status]string{login.OK: "OK ", login.Refused: "NO ", login.Ended: "BYE "}[s]
	switch s {
	case login.Challenge:
		return "+ " + text + "\r\n"
	case login.Ended:
		return "* BYE " + text + "\r\n"
	}
	return c.Tag + " " + word + text + "\r\n"
}

func (serverSide) Offer(c logintest.Command, startTLS bool, mechanisms []string) string {
	words := []string{"* CAPABILITY IMAP4rev1 SASL-IR"}
	if startTLS {
		words = append(words, "STARTTLS")
	}
	for _, m := range mechanisms {
		words = append(words, "AUTH="+m)
	}
	return strings.Join(words, " ") + "\r\n" + c.Tag + " OK done\r\n"
}
