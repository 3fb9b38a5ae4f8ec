package pop3

import (
	"errors"
	"fmt"
	"strings"

	"fetchd/fetch/wire"
)

// Bounds of an answer to CAPA; the largest seen have some twenty lines.
const (
	maxCapabilities   = 256
	maxCapabilityLine = 4096
)

// capabilities are what CAPA listed (RFC 2449): names in upper case, each with its arguments. They are valid
// for the state of the connection in which they were asked for, and are asked for again after TLS and after
// the login.
type capabilities map[string][]string

func (c capabilities) has(name string) bool {
	_, ok := c[name]
	return ok
}

// readCapabilities reads the answer to CAPA. A server that doesn't know the command has none; refused is what
// it says.
func readCapabilities(c *wire.Conn) (caps capabilities, refused *ReplyError, err error) {
	if _, err := readReply(c, "CAPA"); err != nil {
		// RFC 1939 has no CAPA: old servers answer -ERR, and the session goes on without it.
		if errors.As(err, &refused) {
			return nil, refused, nil
		}
		return nil, nil, err
	}

	caps = capabilities{}
	for range maxCapabilities {
		line, err := c.ReadLine(maxCapabilityLine)
		if err != nil {
			return nil, nil, network("CAPA", err)
		}
		if string(line) == "." {
			return caps, nil, nil
		}
		if words := strings.Fields(string(line)); len(words) > 0 {
			// The last one of a name holds, as there is no rule for two.
			caps[strings.ToUpper(words[0])] = words[1:]
		}
	}

	return nil, nil, outOfStep(c, fmt.Errorf("CAPA: the server lists more than %d capabilities",
		maxCapabilities))
}

// askCapabilities sends CAPA.
func askCapabilities(c *wire.Conn) (capabilities, error) {
	if err := c.WriteLine("CAPA", ""); err != nil {
		return nil, network("CAPA", err)
	}
	caps, _, err := readCapabilities(c)
	return caps, err
}
