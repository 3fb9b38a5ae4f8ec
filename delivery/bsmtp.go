package delivery

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"fetchd/fetch/fault"
	"fetchd/tlsverify/hints"
)

// BSMTPOutput is the path that stands for the standard output.
const BSMTPOutput = "-"

var (
	errNoBSMTP   = errors.New("it is no batched SMTP: it does not begin with a command")
	errUnended   = errors.New("it ends in the middle of a message that another program has begun")
	errOutBroken = errors.New("an earlier message went there in part")
)

// BSMTPOptions say where batched SMTP goes, and how recipients are named there.
type BSMTPOptions struct {
	Path      string    // a file, or BSMTPOutput
	Output    io.Writer // for BSMTPOutput
	Name      string    // ours, for HELO; "" = localhost
	Domain    string    // behind local names without one; "" = localhost
	Recipient string    // in place of local names without a host; "" = these
}

// BSMTP appends to a file what would be said to an SMTP server: HELO, MAIL, RCPT, DATA and the message, once
// more for each message. There is no QUIT, at which a reader of the file would stop. The file is locked and
// shortened as an mbox is; the message that a killed process has begun is removed before the next one.
type BSMTP struct {
	o    BSMTPOptions
	file *mailFile // nil = the standard output

	mu     sync.Mutex // guards what follows
	broken error
}

// NewBSMTP returns a Deliverer. It touches nothing: Deliver reports what can't be used.
func NewBSMTP(o BSMTPOptions) *BSMTP {
	o.Name, o.Domain = cmp.Or(AddressHost(o.Name), "localhost"), cmp.Or(o.Domain, "localhost")
	d := &BSMTP{o: o}
	if o.Path != BSMTPOutput {
		d.file = newMailFile(o.Path)
	}
	return d
}

func (d *BSMTP) String() string {
	if d.file == nil {
		return "batched SMTP on standard output"
	}
	return "batched SMTP in " + d.file.path
}

// Takes tells whether a command can hold the address of a local name.
func (d *BSMTP) Takes(name string) bool {
	address := d.addressing().recipient(d.o.Domain, name)
	return len(address) <= addressLimit && isMailbox(address)
}

func (d *BSMTP) addressing() *SMTPOptions { return &SMTPOptions{Recipient: d.o.Recipient} }

// Deliver implements Deliverer.
func (d *BSMTP) Deliver(ctx context.Context, m *Message) error {
	commands, err := d.commands(m)
	if err != nil {
		return err
	}
	if d.file == nil {
		return d.print(ctx, m, commands)
	}

	writer, err := d.file.asOwner(ctx, func(f *openMailFile) error { return d.append(ctx, f, m, commands) })
	if err != nil {
		act := fmt.Sprintf("append message %.200q to", m.UID)
		return d.file.explain("batched SMTP in", writer, act, m.Body.Size(), err)
	}
	return nil
}

// commands are those before the message.
func (d *BSMTP) commands(m *Message) ([]byte, error) {
	lines := []string{"HELO " + d.o.Name, "MAIL FROM:<" + smtpSender(m, false) + ">"}
	for _, r := range d.addressing().smtpRecipients(d.o.Domain, m.Recipients) {
		lines = append(lines, "RCPT TO:<"+r.address+">")
	}
	lines = append(lines, "DATA")

	for _, line := range lines { // whatever came this far, an address must not become a command of its own
		if strings.ContainsAny(line, "\r\n\x00") {
			return nil, &Error{Class: Permanent,
				Err: errors.New("refused to write an address with a control character in it")}
		}
	}
	return []byte(strings.Join(lines, "\r\n") + "\r\n"), nil
}

// append appends a message with its commands.
func (d *BSMTP) append(ctx context.Context, f *openMailFile, m *Message, commands []byte) error {
	// Before our message: what we append behind a torn one would become a part of it.
	if err := d.mend(f); err != nil {
		return err
	}
	if err := m.Hold(); err != nil {
		return err
	}

	f.begin()
	if err := writeBatch(ctx, f, m, commands); err != nil {
		f.undo()
		return err
	}
	f.end()

	_, err := f.commit()
	return err
}

// print writes a message to the standard output. Nothing can be taken back there: after a part of one nothing
// more is written.
func (d *BSMTP) print(ctx context.Context, m *Message, commands []byte) (err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken != nil {
		return &Error{Class: Unusable, Err: fmt.Errorf("%s: %w: %w", d, errOutBroken, d.broken)}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", d, context.Cause(ctx))
	}
	if err := m.Hold(); err != nil {
		return fmt.Errorf("%s: %w", d, err)
	}

	// Not ended by ctx: half a message could not be taken back.
	if err := writeBatch(context.WithoutCancel(ctx), d.o.Output, m, commands); err != nil {
		d.broken = err
		return &Error{Class: Unusable, Err: fmt.Errorf("%s: %w", d, err)}
	}
	return nil
}

// writeBatch writes the commands, the message with CRLF and its dots doubled, and the dot that ends it.
func writeBatch(ctx context.Context, w io.Writer, m *Message, commands []byte) (err error) {
	defer fault.Recover(&err)
	if _, err := w.Write(commands); err != nil {
		return err
	}

	var lines lineEnds
	var buf []byte
	err = yieldMail(ctx, m, func(p []byte) error {
		buf = lines.append(buf[:0], p)
		_, err := w.Write(buf)
		return err
	})
	if err != nil {
		return err
	}

	_, err = w.Write(append(lines.end(buf[:0]), ".\r\n"...))
	return err
}

// mend removes what a killed process of ours has begun at the end of the file. What another program has begun
// is left to it: a message behind that would become a part of it.
func (d *BSMTP) mend(f *openMailFile) error {
	const whole = "\r\n.\r\n"
	last := make([]byte, min(f.size, int64(len(whole))))
	if _, err := f.ReadAt(last, f.size-int64(len(last))); err != nil {
		return err
	}
	if f.size == 0 || string(last) == whole {
		return nil
	}

	begun, commands, err := unendedBatch(io.NewSectionReader(f, 0, f.size))
	if err != nil {
		return err
	}
	ours := []byte("HELO " + d.o.Name + "\r\n")
	tail := make([]byte, min(f.size-begun, int64(len(ours))))
	if _, err := f.ReadAt(tail, begun); err != nil {
		return err
	}

	switch {
	case bytes.HasPrefix(ours, tail) && len(tail) > 0:
		f.cutBack(begun)
		f.start = f.size
		return f.err
	case commands: // of another program, and whole, as QUIT is
		return nil
	case begun == 0 && !isSMTPCommand(tail):
		return hints.Add(errNoBSMTP, "name another file, or move it away")
	}
	return hints.Add(errUnended, "end that message, or move the file away")
}

// isSMTPCommand tells whether a line begins with a command.
func isSMTPCommand(line []byte) bool {
	word := strings.ToUpper(string(line[:min(4, len(line))]))
	return strings.Contains(" HELO EHLO MAIL RCPT RSET NOOP QUIT ", " "+word+" ")
}
