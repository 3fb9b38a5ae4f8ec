package tlsverify

// Ports are the registered ports of a mail protocol.
type Ports struct {
	Plain   int // clear text, or STARTTLS
	Wrapped int // TLS from the first byte; 0 = none is registered
}

// Default is the port that is meant where none is named.
func (p Ports) Default(wrapped bool) int {
	if wrapped && p.Wrapped != 0 {
		return p.Wrapped
	}
	return p.Plain
}

// mailPorts is the one table of default ports. Submission comes first of the two that share port 465: RFC
// 8314 gives it to submission.
var mailPorts = [...]struct {
	protocol string
	Ports
}{
	{"imap", Ports{143, 993}}, // RFC 9051 section 2.1, RFC 8314 section 3.2
	{"pop3", Ports{110, 995}}, // RFC 1939 section 3, RFC 8314 section 3.3
	{"submission", Ports{587, 465}},
	{"smtp", Ports{25, 465}},
	{"lmtp", Ports{24, 0}},
	{"sieve", Ports{4190, 0}}, // RFC 5804 section 1.8
}

// PortsOf returns the ports of imap, pop3, submission, smtp, lmtp or sieve; none for another protocol.
func PortsOf(protocol string) Ports {
	for _, p := range mailPorts {
		if p.protocol == protocol {
			return p.Ports
		}
	}
	return Ports{}
}

// ProtocolAt returns the protocol that the port is registered for, "" if it is for none of them, and whether
// TLS starts there with the first byte.
func ProtocolAt(port int) (protocol string, wrapped bool) {
	for _, p := range mailPorts {
		if port != 0 && (port == p.Plain || port == p.Wrapped) {
			return p.protocol, port == p.Wrapped
		}
	}
	return "", false
}
