package delivery

import (
	"strings"
	"testing"

	"fetchd/fetch/login"
	"fetchd/fetch/login/logintest"
	"fetchd/fetch/wire"
)

// TestSMTPLogin is the suite of all logins.
func TestSMTPLogin(t *testing.T) {
	t.Parallel()
	for _, lmtp := range []bool{false, true} {
		service := smtpService
		if lmtp {
			service = lmtpService
		}
		t.Run(service.Name, func(t *testing.T) {
			t.Parallel()
			logintest.Run(t, logintest.Subject{
				Service: service,
				New: func(c *wire.Conn) login.Protocol {
					return &smtpDialogue{conn: c, lmtp: lmtp, name: "localhost"}
				},
				Dialect: smtpDialect{},
				Codes: map[login.Kind]string{
					login.KindAuth: "", login.KindServer: "454", login.KindBusy: "",
				},
			})
		})
	}
}

// smtpDialect is the server's side.
type smtpDialect struct{}

func (smtpDialect) Greeting(refused string) string {
	if refused != "" {
		return "554 " + refused + "\r\n"
	}
	return "220 mail.example.org ESMTP\r\n"
}

func (smtpDialect) Preauth() string { return "" }

func (smtpDialect) Read(line string) logintest.Command {
	words := strings.Fields(line + " . .")
	verbs := map[string]logintest.Verb{
		"EHLO": logintest.Capabilities, "LHLO": logintest.Capabilities,
		"STARTTLS": logintest.StartTLS, "AUTH": logintest.Auth,
	}
	c := logintest.Command{Verb: verbs[words[0]]}
	if c.Verb == logintest.Auth {
		c.Mechanism, c.Initial = words[1], strings.Trim(words[2], ".")
	}
	return c
}

func (smtpDialect) Reply(_ logintest.Command, s login.Status, code, text string) string {
	if code == "" {
		code = map[login.Status]string{
			login.OK: "235", login.Refused: "535", login.Challenge: "334", login.Ended: "421",
		}[s]
	}
	return code + " " + text + "\r\n"
}

func (smtpDialect) Offer(_ logintest.Command, startTLS bool, mechanisms []string) string {
	lines := []string{"250-mail.example.org"}
	if startTLS {
		lines = append(lines, "250-STARTTLS")
	}
	return strings.Join(append(lines, "250 AUTH "+strings.Join(mechanisms, " ")), "\r\n") + "\r\n"
}
