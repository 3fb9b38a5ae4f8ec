package logintest

import (
	"errors"
	"strings"
	"testing"

	"fetchd/fetch/login"
	"fetchd/fetch/sasl"
	"fetchd/fetch/wire"
	"fetchd/tlsverify"
)

// smtp is SMTP up to the login (RFC 5321, 3207, 4954): what a further protocol costs.
type smtp struct {
	c       *wire.Conn
	command string
}

func (s *smtp) Greeting() (login.Reply, error) {
	if r, err := s.read(); err != nil || r.Status != login.OK {
		return r, err
	}
	return s.Capabilities()
}

func (s *smtp) StartTLS() (login.Reply, error) { return s.run("STARTTLS", "STARTTLS", "") }

func (s *smtp) Capabilities() (login.Reply, error) { return s.run("EHLO", "EHLO localhost", "") }

func (s *smtp) Login(sasl.Credentials) (login.Reply, error) { return login.Reply{}, nil } // never called, see NoLogin

func (s *smtp) Auth(mechanism, initial string) (login.Reply, error) {
	line, shown := "AUTH "+mechanism, ""
	if initial != "" {
		line, shown = line+" "+initial, line+" ***"
	}
	return s.run("AUTH "+mechanism, line, shown)
}

func (s *smtp) Respond(line, shown string) (login.Reply, error) { return s.run(s.command, line, shown) }

func (s *smtp) run(command, line, shown string) (login.Reply, error) {
	s.command = command
	if err := s.c.WriteLine(line, shown); err != nil {
		return login.Reply{Command: command}, err
	}
	return s.read()
}

// read reads a reply of at most 100 lines: "250-AUTH PLAIN", and without the hyphen the last.
func (s *smtp) read() (login.Reply, error) {
	r := login.Reply{Command: s.command}
	offer := &login.Offer{NoLogin: "SMTP has no login of its own", MaxInitial: 12288}
	for range 100 {
		line, err := s.c.ReadLine(4096)
		if err != nil {
			return r, err
		}
		if len(line) < 3 || len(line) > 3 && line[3] != ' ' && line[3] != '-' {
			break
		}
		text := strings.TrimLeft(string(line[3:]), " -")
		word, arguments, _ := strings.Cut(strings.ToUpper(text), " ")
		offer.StartTLS = offer.StartTLS || word == "STARTTLS"
		if word == "AUTH" {
			offer.Mechanisms = strings.Fields(arguments)
		}
		if len(line) > 3 && line[3] == '-' {
			continue
		}
		r.Word, r.Text, r.Passing = string(line[:3]), text, line[0] == '4'
		r.Status = map[byte]login.Status{'2': login.OK, '3': login.Challenge}[line[0]]
		if r.Word == "421" {
			r.Status = login.Ended
		}
		if s.command == "EHLO" && r.Status == login.OK {
			r.Offer = offer
		}
		return r, nil
	}
	return r, login.Fail(login.KindProtocol, s.c.Break(errNotSMTP))
}

func TestSMTP(t *testing.T) {
	t.Parallel()
	Run(t, Subject{
		Service: login.Service{Name: "SMTP", Ports: tlsverify.PortsOf("submission")},
		New:     func(c *wire.Conn) login.Protocol { return &smtp{c: c} },
		Dialect: smtpDialect{},
		Codes:   map[login.Kind]string{login.KindAuth: "", login.KindServer: "454", login.KindBusy: ""},
	})
}

var errNotSMTP = errors.New("not an SMTP reply")

// smtpDialect is the server's side.
type smtpDialect struct{}

func (smtpDialect) Greeting(refused string) string {
	if refused != "" {
		return "554 " + refused + "\r\n"
	}
	return "220 mail.example.org ESMTP\r\n"
}

func (smtpDialect) Preauth() string { return "" }

func (smtpDialect) Read(line string) Command {
	words := strings.Fields(line + " . .")
	c := Command{Verb: map[string]Verb{"EHLO": Capabilities, "STARTTLS": StartTLS, "AUTH": Auth}[words[0]]}
	if c.Verb == Auth {
		c.Mechanism, c.Initial = words[1], strings.Trim(words[2], ".")
	}
	return c
}

func (smtpDialect) Reply(_ Command, s login.Status, code, text string) string {
	if code == "" {
		code = map[login.Status]string{login.OK: "235", login.Refused: "535", login.Challenge: "334", login.Ended: "421"}[s]
	}
	return code + " " + text + "\r\n"
}

func (smtpDialect) Offer(_ Command, startTLS bool, mechanisms []string) string {
	lines := []string{"250-mail.example.org"}
	if startTLS {
		lines = append(lines, "250-STARTTLS")
	}
	return strings.Join(append(lines, "250 AUTH "+strings.Join(mechanisms, " ")), "\r\n") + "\r\n"
}
