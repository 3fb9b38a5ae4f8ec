package main

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"fetchd/delivery/deliverytest"
)

// The kinds of places that messages may go to, beside Maildirs and agents.
const (
	toSMTP    = "smtp,"    // a server in this process, which takes everything
	toLMTP    = "lmtp,"    // the same, on a socket of this machine
	toDovecot = "dovecot," // LMTP of the server that the messages come from
	toMbox    = "mbox,"    // a file

	allPlaces = toSMTP + toLMTP + toDovecot + toMbox
)

// place is where the messages of one run go.
type place struct {
	kind    string
	address string // port, or path of a socket or a file
	user    string // whom the messages are for
	out     output
	collect func() error // puts what has arrived into out
}

// recipient is the local name that the messages are for.
func (j *job) recipient() string {
	if j.place == nil {
		return "nobody"
	}
	return j.place.user
}

// words are what the rc files of fetchd and fetchmail say of it.
func (p *place) words() string {
	const local = `smtpaddress "localhost" `
	switch p.kind {
	case toMbox:
		return fmt.Sprintf("mbox %q", p.address)
	case toSMTP:
		return local + fmt.Sprintf("smtphost %q", "localhost/"+p.address)
	case toLMTP:
		return local + fmt.Sprintf("smtphost %q lmtp", p.address)
	}
	return local + fmt.Sprintf("smtphost %q lmtp", "localhost/"+p.address)
}

// arguments are what the raw writer is told.
func (p *place) arguments() []string {
	address := p.address
	if _, err := strconv.Atoi(address); err == nil {
		address = net.JoinHostPort("127.0.0.1", address)
	}
	return []string{"-kind", p.kind, "-to", address, "-user", p.user + "@localhost"}
}

// preparePlace makes the place that a run's messages go to; leave ends it.
func (b *bench) preparePlace(j *job, c contender) (leave func()) {
	got := filepath.Join(j.dest, "got")
	p := &place{kind: j.w.to, user: "nobody", out: output{files, got}, collect: func() error { return nil }}
	leave = func() {}

	switch p.kind {
	case "":
		return leave
	case toMbox:
		p.address = filepath.Join(j.dest, "mbox")
		p.out = output{mboxed, p.address}
	case toDovecot:
		p.user = "to-" + c.name
		p.address = strconv.Itoa(b.d.LMTP)
		inbox := p.user + "@localhost" // Dovecot's name of the user is the whole address
		p.collect = func() error {
			var all [][]byte
			for _, m := range b.d.List(b.s, inbox, "INBOX") {
				all = append(all, m.Body)
			}
			return writeEach(got, all)
		}
		leave = func() { b.d.Remove(b.s, inbox) }
	default:
		sink := &deliverytest.Sink{LMTP: p.kind == toLMTP, Offer: []string{"PIPELINING", "8BITMIME", "SIZE"}}
		p.collect = func() error { return writeEach(got, sink.Data()) }
		leave = b.startSink(sink, p, j)
	}

	j.place = p
	return leave
}

// startSink has the sink listen where p says; leave ends that.
func (b *bench) startSink(sink *deliverytest.Sink, p *place, j *job) (leave func()) {
	if sink.LMTP {
		p.address = filepath.Join(j.dest, "lmtp")
	}
	addr, leave, err := sink.Start(cmp.Or(p.address, "127.0.0.1:0"))
	b.s.check(err)

	if sink.LMTP {
		b.s.check(os.Chmod(p.address, 0o666)) // the programs may run as nobody
		return leave
	}
	_, p.address, err = net.SplitHostPort(addr.String())
	b.s.check(err)
	return leave
}

// writeEach writes each message into a file of its own.
func writeEach(dir string, messages [][]byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for i, m := range messages {
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), m, 0o600); err != nil {
			return err
		}
	}
	return nil
}
