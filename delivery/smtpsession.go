package delivery

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"

	"fetchd/fetch/wire"
)

// smtpSession is a connection over which mail may be sent. It belongs to one delivery at a time.
type smtpSession struct {
	d      *SMTP
	server *SMTPServer
	conn   *wire.Conn
	x      smtpExtensions
	domain string // behind local names

	w     *bufio.Writer // over conn
	buf   []byte        // of the message under way, converted
	texts [][]byte      // for messages that are kept converted, not in use
	mails int           // transactions so far
	dirty bool          // one of them was not ended: RSET comes before the next
}

// connWriter writes within the time-out of the connection.
type connWriter struct{ conn *wire.Conn }

func (w connWriter) Write(p []byte) (int, error) {
	if err := w.conn.Write(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func newSMTPSession(d *SMTP, server *SMTPServer, conn *wire.Conn, x smtpExtensions) *smtpSession {
	return &smtpSession{
		d: d, server: server, conn: conn, x: x, domain: d.o.domain(server),
		w: bufio.NewWriterSize(connWriter{conn}, 2*smtpChunk),
	}
}

// isSpent tells whether the connection has had all the messages that it may have.
func (s *smtpSession) isSpent() bool {
	return s.d.o.Batch > 0 && s.mails >= s.d.o.Batch || s.x.mails > 0 && s.mails >= s.x.mails
}

// begin sends the commands of t as far as they go together: all of them with PIPELINING (RFC 2920), else none
// yet.
func (s *smtpSession) begin(t *transaction) {
	s.mails++
	s.dirty = false
	if !s.x.pipelining {
		return
	}
	t.sent = true
	for _, c := range t.commands {
		s.put(c)
	}
}

func (s *smtpSession) put(command string) {
	s.conn.TraceOut(command)
	_, _ = s.w.WriteString(command) // an error comes again with Flush
	_, _ = s.w.WriteString("\r\n")
}

var errUnasked = errors.New("the server says something that nobody asked for")

// ask reads the answer to the next command, which it sends if that was not done before.
func (s *smtpSession) ask(t *transaction, command string) (smtpReply, error) {
	if !t.sent {
		// What is there now can't be the answer: the command is not sent yet.
		if s.conn.Unread() {
			return smtpReply{}, s.broken(command, s.conn.Break(errUnasked))
		}
		s.put(command)
	}
	if err := s.w.Flush(); err != nil {
		return smtpReply{}, s.broken(command, err)
	}
	r, err := s.reply(command)
	if err == nil {
		t.answered, t.last = t.answered+1, r.code
	}
	return r, err
}

// reply reads an answer; act is what it is to. One that says that the server leaves breaks the connection.
func (s *smtpSession) reply(act string) (smtpReply, error) {
	r, err := readSMTPReply(s.conn)
	if err != nil {
		return r, s.broken(act, err)
	}
	if r.leaves() {
		return r, s.broken(act, s.conn.Break(fmt.Errorf("the server leaves: %d %s", r.code,
			s.conn.Quoted([]byte(r.text())))))
	}
	return r, nil
}

// misplaced breaks the connection over an answer that is none to the command.
func (s *smtpSession) misplaced(act string, r smtpReply) error {
	return s.broken(act, s.conn.Break(fmt.Errorf("%d %s is no answer to it", r.code,
		s.conn.Quoted([]byte(r.text())))))
}

// introduce has the conversation up to where the server waits for the message, once. An error is for all
// recipients; those that were refused alone are in t.
func (s *smtpSession) introduce(t *transaction) error {
	if !t.introduced {
		t.introduced = true
		t.answer = s.converse(t)
		if isOfLogin(t.answer) && s.takesOthers() {
			t.answer = &Error{Class: Temporary, Err: t.answer}
		}
	}
	return t.answer
}

// takesOthers tells whether a server that wants a login for a sender takes mail that has none: some want it
// for the senders of their own domains alone.
func (s *smtpSession) takesOthers() bool {
	if s.conn.Err() != nil {
		return false
	}
	r, err := s.ask(new(transaction), "MAIL FROM:<>")
	s.dirty = true
	return err == nil && r.isOK()
}

func (s *smtpSession) converse(t *transaction) error {
	commands := t.commands
	if t.reset {
		r, err := s.ask(t, commands[0])
		if err == nil && !r.isOK() {
			err = s.misplaced(commands[0], r)
		}
		if err != nil {
			return err
		}
		commands = commands[1:]
	}

	mail, err := s.askOrRefused(t, commands[0])
	if err != nil {
		return err
	}
	// With PIPELINING the answers to the other commands are on their way and must be read.
	if mail != nil && !t.sent {
		return mail
	}

	if err := s.nameRecipients(t, commands[1:]); err != nil {
		return err
	}

	// Nobody is left to have the message; with PIPELINING, DATA is under way all the same.
	if mail == nil && len(t.accepted) == 0 {
		mail = joinRefusals(t.refused)
	}
	if mail != nil {
		t.refused = nil // it says all of them
	}

	s.dirty = true // until the server has judged the message
	return s.askForData(t, mail)
}

// nameRecipients has the conversation of the commands RCPT.
func (s *smtpSession) nameRecipients(t *transaction, commands []string) error {
	var tooMany []smtpRecipient
	for i, r := range t.recipients {
		refusal, err := s.askOrRefused(t, commands[i])
		switch {
		case err != nil:
			return err
		case refusal == nil:
			t.accepted = append(t.accepted, r)
		case len(t.accepted) > 0 && isOfTooMany(refusal):
			tooMany = append(tooMany, r)
		default:
			t.refused = append(t.refused, refusal)
		}
	}

	// They are left for a transaction of their own (RFC 5321 section 4.5.3.1.10).
	t.recipients = slices.DeleteFunc(t.recipients, func(r smtpRecipient) bool {
		same := func(left smtpRecipient) bool { return left.address == r.address }
		return slices.ContainsFunc(tooMany, same)
	})
	return nil
}

// askOrRefused asks, and gives the refusal apart from an error of the connection.
func (s *smtpSession) askOrRefused(t *transaction, command string) (refusal, err error) {
	r, err := s.ask(t, command)
	switch {
	case err != nil:
		return nil, err
	case r.isRefusal():
		return s.refused(command, r), nil
	case !r.isOK():
		t.early = r.code == codeStartMail
		return nil, s.misplaced(command, r)
	}
	return nil, nil
}

// askForData asks for leave to send the message; refused says that there is nobody to send it to.
func (s *smtpSession) askForData(t *transaction, refused error) error {
	const command = "DATA"
	if refused != nil && !t.sent {
		return refused
	}

	r, err := s.ask(t, command)
	switch {
	case err != nil:
		return err
	case r.isRefusal() && refused != nil:
		return refused
	case r.isRefusal():
		return s.refused(command, r)
	case r.code != codeStartMail:
		t.extra = refused != nil && r.isOK()
		return s.misplaced(command, r)
	case refused != nil:
		// It waits for a message to nobody. There is no way out of that but a dot, which has been taken for a
		// message.
		_ = s.conn.Break(errors.New("the server wants a message without a recipient"))
		return refused
	}

	return nil
}

// send sends the message and its dot, and behind that, if there is a next transaction, its commands.
func (s *smtpSession) send(ctx context.Context, t, next *transaction) error {
	const what = "message"
	err := s.write(ctx, t)
	if err == nil {
		// The dot is what can't be taken back.
		err = t.m.Hold()
	}
	if err == nil && s.conn.Unread() {
		err = errUnasked
	}
	if err != nil {
		t.final = s.conn.Err() == nil && !errors.Is(err, errUnasked)
		return s.abandon(what, err)
	}

	// Before the dot is written: once it may have left, only the answer tells whether the message was taken.
	t.final = true
	_, _ = s.w.WriteString(".\r\n")
	if next != nil {
		// In one write with the dot, which saves a round trip for each message.
		s.begin(next)
	}
	if err := s.w.Flush(); err != nil {
		return s.broken(what, err)
	}

	return nil
}

// write writes the message up to the dot that ends it.
func (s *smtpSession) write(ctx context.Context, t *transaction) error {
	if t.text != nil {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		err := s.writePart(t.text)
		s.giveBack(t.text)
		t.text = nil
		return err
	}

	var lines lineEnds
	err := yieldMail(ctx, t.m, func(p []byte) error {
		s.buf = lines.append(s.buf[:0], p)
		return s.writePart(s.buf)
	})
	if err == nil {
		_, err = s.w.Write(lines.end(s.buf[:0]))
	}
	return err
}

func (s *smtpSession) writePart(p []byte) error {
	if len(p) > s.w.Available() && s.conn.Unread() { // some of it leaves now
		return errUnasked
	}
	_, err := s.w.Write(p)
	return err
}

// spare is room for a message that is kept converted, see giveBack.
func (s *smtpSession) spare() []byte {
	n := len(s.texts)
	if n == 0 {
		return nil
	}
	text := s.texts[n-1]
	s.texts = s.texts[:n-1]
	return text
}

// textsKept is how many messages may be converted at a time: that which is sent, and the two behind it.
const textsKept = 3

// giveBack keeps room for another message.
func (s *smtpSession) giveBack(text []byte) {
	if len(s.texts) < textsKept && cap(text) <= 4*textKept {
		s.texts = append(s.texts, text)
	}
}

// abandon ends the connection in the middle of a message, which is the only way not to deliver it. Where the
// server has said why it does not want the rest, that is the error.
func (s *smtpSession) abandon(what string, err error) error {
	if errors.Is(err, errUnasked) && s.conn.Err() == nil {
		// What it said unasked may be the reason, such as a size that is too large.
		r, rerr := readSMTPReply(s.conn)
		if rerr == nil && r.isRefusal() && !r.leaves() {
			_ = s.conn.Break(err)
			return s.refused(what, r)
		}
	}
	return s.broken(what, s.conn.Break(err))
}

// judgement reads what the server says to the message: one answer, or with LMTP one for each recipient. An
// error is for those that had none.
func (s *smtpSession) judgement(t *transaction) error {
	if !s.server.LMTP {
		return s.judgementOf(t, t.accepted, "message")
	}
	for i := range t.accepted {
		// LMTP answers in the order of the accepted recipients (RFC 2033 section 4.2).
		what := "message for " + t.accepted[i].address
		if err := s.judgementOf(t, t.accepted[i:i+1], what); err != nil {
			return err
		}
	}
	return nil
}

// mayFollow tells whether another transaction may begin behind the dot of t. Not where several answers come
// to that dot: if one of them is left out, those to the next commands would be taken for it.
func (s *smtpSession) mayFollow(t *transaction) bool {
	return s.x.pipelining && !s.isSpent() && (!s.server.LMTP || len(t.accepted) == 1)
}

var errLeftOut = errors.New("the server has left out an answer to it, and gone on with the next message")

// confirm reads the answers to the commands of next, which are on their way behind the dot of t. Where they
// are one too few, the server may not have answered that dot: what was taken for the answer is that to MAIL,
// and nobody knows whether t was taken. Where they are one too many, what was taken for the answer may have
// come before the dot, and the refusal of MAIL be that of t.
func (s *smtpSession) confirm(t, next *transaction) error {
	_ = s.introduce(next) // what it says is said when its turn comes

	why := errLeftOut
	switch {
	case next.extra:
		why = errUnasked
	case !next.early && !s.lacksLast(next):
		return nil
	}

	t.delivered, t.refused = nil, nil
	return s.broken("message", why)
}

// lacksLast tells whether the connection ended, or the server fell silent, where all but the answer to DATA
// had come, and the last of them may be that one: DATA is refused where each recipient is.
func (s *smtpSession) lacksLast(t *transaction) bool {
	return s.conn.Err() != nil && t.answered == len(t.commands)-1 && t.last >= 400
}

// judgementOf reads one answer, which is for these recipients.
func (s *smtpSession) judgementOf(t *transaction, recipients []smtpRecipient, what string) error {
	r, err := s.reply(what)
	switch {
	case err != nil:
		return err
	case r.isRefusal():
		t.refused = append(t.refused, s.refused(what, r))
	case !r.isOK():
		return s.misplaced(what, r)
	default:
		for _, r := range recipients {
			t.delivered = append(t.delivered, r.names...)
		}
	}

	s.dirty = false
	return nil
}
