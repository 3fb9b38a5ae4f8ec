package account

import "fetchd/fetch"

// RetrievalProtocol is the protocol by which an account retrieves from the service; Auto for those that it
// can't retrieve from.
func RetrievalProtocol(proto string) fetch.Protocol {
	switch proto {
	case "imap":
		return fetch.IMAP
	case "pop3":
		return fetch.POP3
	}
	return fetch.Auto
}
