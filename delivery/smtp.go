package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"fetchd/fetch/login"
	"fetchd/fetch/sasl"
	"fetchd/fetch/wire"
	"fetchd/tlsverify"
)

// SMTPServer is one server to deliver to.
type SMTPServer struct {
	Host   string
	Port   int    // 0 = that of the service
	Socket string // path of a socket of this machine, instead of Host and Port
	Plugin string // command spoken to instead of a TCP connection
	LMTP   bool
	TLS    login.Mode
	Policy *tlsverify.Policy // what the server must prove; nil only with ClearText
}

// String names the server for the log.
func (s *SMTPServer) String() string {
	if s.Socket != "" {
		return fmt.Sprintf("%s to %.200q", s.service().Name, s.Socket)
	}
	port := s.Port
	if port == 0 {
		port = s.service().Plain
	}
	return fmt.Sprintf("%s to %.200s", s.service().Name, net.JoinHostPort(s.Host, strconv.Itoa(port)))
}

// The services, with the ports of RFC 5321 section 4.5.4.2 and RFC 8314 section 3.3. LMTP has none of its
// own; 24 is what it is usually given.
var (
	smtpService = login.Service{Name: "SMTP", Ports: tlsverify.PortsOf("smtp"), WrapWord: "/tls",
		ClearWord: "/notls"}
	lmtpService = login.Service{Name: "LMTP", Ports: tlsverify.PortsOf("lmtp"), WrapWord: "/tls",
		ClearWord: "/notls"}
)

func (s *SMTPServer) service() login.Service {
	if s.LMTP {
		return lmtpService
	}
	return smtpService
}

// SMTPOptions say where messages go by SMTP or LMTP, and how.
type SMTPOptions struct {
	Servers   []SMTPServer // the first that answers is used, until it no longer does
	Name      string       // our host's, for EHLO; "" or what can be none = localhost
	Domain    string       // behind local names; "" = the server's host, localhost for a socket
	Recipient string       // in place of local names without a host; "" = these
	AntiSpam  []int        // codes by which a server refuses spam
	Batch     int          // messages a connection; 0 = as many as the server likes
	Timeout   time.Duration

	User     string // "" = no login
	Auth     string // rc-file word; "" = the best
	Password func(context.Context) (string, error)
	Hidden   *wire.Concealer // see wire.Options
	Trace    func(line string)
	Log      *slog.Logger
}

// SMTP delivers by SMTP or LMTP. It is safe for concurrent use; each delivery under way has a connection of
// its own, which then waits a moment for another message.
//
// What counts as delivered is the 2xx to the dot behind the message, from LMTP one for each recipient. A
// server that says anything unasked, or what is no answer to the command, has broken the connection: the
// message under way is not delivered, and no answer is taken for one to another command. Where the connection
// is lost between the dot and its answer, nobody knows: the message is delivered once more.
//
// Line ends become CRLF; NUL, lines of any length and bytes over 127 are sent as they are. What a server
// makes of them is its affair, and its refusal that of the message.
type SMTP struct {
	o    SMTPOptions
	kept keptConnections[*smtpSession] // has its own lock

	mu     sync.Mutex // guards what follows
	chosen int        // the server that answered last
}

// NewSMTP returns a Deliverer. It connects to nobody.
func NewSMTP(o SMTPOptions) (*SMTP, error) {
	if len(o.Servers) == 0 {
		return nil, errors.New("no SMTP server is named")
	}
	// Servers refuse an EHLO with what is no name; "localhost" they take.
	if o.Name = AddressHost(o.Name); o.Name == "" {
		o.Name = "localhost"
	}

	for _, text := range []string{o.Domain, o.Recipient} {
		if strings.ContainsFunc(text, breaksLine) {
			return nil, fmt.Errorf("%.200q can't stand in an address", text)
		}
	}

	cred := sasl.Credentials{User: o.User}
	if err := cred.Check(); err != nil {
		return nil, err
	}

	return &SMTP{o: o}, nil
}

func (d *SMTP) String() string {
	text := d.o.Servers[0].String()
	switch others := len(d.o.Servers) - 1; {
	case others == 1:
		text += ", or " + d.o.Servers[1].String()
	case others > 1:
		text += fmt.Sprintf(", or one of %d others", others)
	}
	return text
}

// Deliver implements Deliverer.
func (d *SMTP) Deliver(ctx context.Context, m *Message) error {
	var result error
	_ = d.DeliverSeries(ctx, []*Message{m}, func(_ int, err error) error {
		result = err
		return nil
	})
	return result
}

// DeliverSeries implements SeriesDeliverer.
func (d *SMTP) DeliverSeries(ctx context.Context, ms []*Message, ended func(i int, err error) error) error {
	s := &smtpSeries{d: d}
	defer s.end()
	for i, m := range ms {
		var next *Message
		if i+1 < len(ms) {
			// Known early, so that its commands can travel with the end of this one.
			next = ms[i+1]
		}
		if s.third = nil; i+2 < len(ms) {
			s.third = ms[i+2]
		}
		if err := ended(i, s.deliver(ctx, m, next)); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the connections that wait. A later delivery makes another one, and does not keep it.
func (d *SMTP) Close() error {
	d.kept.close()
	return nil
}
