package account

import "fetchd/fetch"

// Service is what runs on a port that is registered for mail.
type Service struct {
	Proto   string // imap, pop3, smtp, submission, lmtp or sieve
	Wrapped bool   // TLS from the first byte
}

// knownPorts is the table of those ports; it is never changed.
var knownPorts = map[int]Service{
	143: {"imap", false}, 993: {"imap", true},
	110: {"pop3", false}, 995: {"pop3", true},
	25: {"smtp", false}, 587: {"submission", false}, 465: {"submission", true},
	24: {"lmtp", false}, 4190: {"sieve", false},
}

// KnownPort tells what runs on the port.
func KnownPort(port int) (Service, bool) {
	s, ok := knownPorts[port]
	return s, ok
}

// DefaultPort is the port that is meant where none is named, 0 if there is no such service.
func DefaultPort(s Service) int {
	for port, known := range knownPorts {
		if known == s {
			return port
		}
	}
	return 0
}

// RetrievalProtocol is the protocol by which an account retrieves from the service; Auto for those that it can't
// retrieve from.
func RetrievalProtocol(proto string) fetch.Protocol {
	switch proto {
	case "imap":
		return fetch.IMAP
	case "pop3":
		return fetch.POP3
	}
	return fetch.Auto
}
