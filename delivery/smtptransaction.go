package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fetchd/tlsverify/hints"
)

// transaction is one message to as many of its recipients as the server takes at once.
type transaction struct {
	m          *Message
	recipients []smtpRecipient
	commands   []string // from MAIL, or RSET before it, to DATA
	text       []byte   // see measured
	reset      bool     // there is one
	sent       bool     // they are on their way
	// it is not to be tried again at once: the dot may have arrived, or it is not the server's fault
	final bool

	introduced bool  // the server has answered the commands
	answer     error // that it gave to them, see introduce
	answered   int   // how many of them it has answered
	last       int   // code of the last of these answers
	early      bool  // it asked for the message before its turn: it has left out an answer
	extra      bool  // it refused MAIL, and took DATA for something else: it has given an answer too many

	accepted  []smtpRecipient
	refused   []error  // for the others
	delivered []string // local names that have it
}

// has tells whether it is for that local name.
func (t *transaction) has(name string) bool {
	return slices.ContainsFunc(t.recipients,
		func(r smtpRecipient) bool { return slices.Contains(r.names, name) })
}

// hasAll tells whether it is for all of these.
func (t *transaction) hasAll(names []string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return !t.has(name) })
}

// newTransaction prepares m for the first of the names, as many as fit; reset says that something is to be
// forgotten before it. An error is the message's own.
func (s *smtpSession) newTransaction(ctx context.Context, m *Message, names []string,
	reset bool) (*transaction, error) {
	recipients := s.d.o.smtpRecipients(s.domain, names)
	if !s.x.utf8 {
		recipients = asciiFirst(recipients)
	}
	t := &transaction{m: m, recipients: recipients[:s.fitting(recipients)], reset: reset}
	mail, err := s.mailCommand(ctx, t)
	if err != nil {
		return nil, err
	}

	t.commands = make([]string, 0, 3+len(t.recipients))
	if t.reset {
		t.commands = append(t.commands, "RSET")
	}

	t.commands = append(t.commands, mail)
	for _, r := range t.recipients {
		t.commands = append(t.commands, "RCPT TO:<"+r.address+">")
	}

	t.commands = append(t.commands, "DATA")
	for _, c := range t.commands {
		// The last guard: whatever came this far, an address must not become a command of its own.
		if strings.ContainsAny(c, "\r\n\x00") {
			return nil, &Error{Class: Permanent,
				Err: errors.New("refused to send an address with a control character in it")}
		}
	}

	return t, nil
}

// asciiFirst leaves the recipients whose addresses are ASCII, if there are any: another one, which the server
// does not take, must not keep the message from these.
func asciiFirst(recipients []smtpRecipient) []smtpRecipient {
	var ascii []smtpRecipient
	for _, r := range recipients {
		if isASCII([]byte(r.address)) {
			ascii = append(ascii, r)
		}
	}
	if len(ascii) == 0 {
		return recipients
	}
	return ascii
}

// fitting is how many of the recipients one transaction may have.
func (s *smtpSession) fitting(recipients []smtpRecipient) int {
	n := len(recipients)
	if s.x.recipients > 0 {
		n = min(n, s.x.recipients)
	}
	if s.x.domains == 0 {
		return n
	}

	domains := map[string]bool{}
	for i, r := range recipients[:n] {
		_, domain := splitLast(r.address)
		domains[strings.ToLower(domain)] = true
		if len(domains) > s.x.domains {
			return i
		}
	}

	return n
}

// commandUsual is how long MAIL mostly is, with all that it may say.
const commandUsual = 128

// mailCommand is MAIL with what the server wants to know of the message.
func (s *smtpSession) mailCommand(ctx context.Context, t *transaction) (string, error) {
	sender := smtpSender(t.m, !s.x.utf8)
	// Only if an address needs it: many servers have no SMTPUTF8, and the text of the mail does not count.
	utf8 := !isASCII([]byte(sender))
	for _, r := range t.recipients {
		utf8 = utf8 || !isASCII([]byte(r.address))
	}

	if utf8 && !s.x.utf8 {
		return "", &Error{Class: Permanent,
			Err: hints.Errorf("name another local name, or smtpname",
				"%s: the address of a recipient is not ASCII, and the server does not offer SMTPUTF8",
				s.server)}
	}

	command := append(make([]byte, 0, commandUsual), "MAIL FROM:<"+sender+">"...)
	if utf8 {
		command = append(command, " SMTPUTF8"...)
	}
	if !s.x.sizes && !s.x.eightBit {
		return string(command), nil
	}

	// Read once more before it is sent: a server with SIZE can then refuse before it has read gigabytes.
	got, buf, err := measure(ctx, t.m, s.spare())
	// A small message is sent from what was just made; the buffer of a large one is of no more use.
	if t.text = got.text; t.text == nil {
		s.giveBack(buf)
	}
	if err != nil {
		return "", fmt.Errorf("%s: read message %.200q: %w", s.server, t.m.UID, err)
	}
	if s.x.maxSize > 0 && got.size > s.x.maxSize {
		return "", &Error{Class: Permanent,
			Err: hints.Errorf("the message stays on the server; raise the limit there",
				"%s: message of %d bytes, and the server takes %d at most", s.server, got.size, s.x.maxSize)}
	}
	if s.x.eightBit && got.eightBit {
		command = append(command, " BODY=8BITMIME"...)
	}
	if s.x.sizes {
		command = strconv.AppendInt(append(command, " SIZE="...), got.size, 10)
	}

	return string(command), nil
}
