// Package demo is the demonstration: an IMAPS and a POP3S server on loopback with some messages and with
// certificates of a throw-away authority. The servers are for looking at, not for use.
package demo

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"

	"fetchd/fetch/fetchtest"
	"fetchd/tlsverify/tlstest"
)

// Servers are the two servers, with one login each.
type Servers struct {
	User, Password     string
	IMAPPort, POP3Port int
	Root               []byte // PEM: the authority that issued both certificates

	imap *imapServer
	pop3 *fetchtest.POPServer
}

// Host is the name that both certificates are for.
const Host = "localhost"

// Start starts the servers, with a copy of messages each. Close ends them.
func Start(messages []Message) (*Servers, error) {
	ca, err := tlstest.MakeRoot(tlstest.Authority{})
	if err != nil {
		return nil, err
	}

	// With a common name, which fetchmail 6 wants: the demonstration is for comparisons, too.
	leaf, err := ca.MakeLeaf(tlstest.Leaf{DNS: []string{Host}, CN: Host})
	if err != nil {
		return nil, err
	}

	config := tlstest.ServerConfig(leaf)
	config.MinVersion = tls.VersionTLS12
	s := &Servers{User: "ann", Password: "a secret of the demonstration", Root: ca.PEM()}
	imapListener, err := listen(config)
	if err != nil {
		return nil, err
	}

	s.IMAPPort = port(imapListener)
	if s.imap, err = startIMAP(imapListener, s.User, s.Password, messages); err != nil {
		return nil, errors.Join(err, imapListener.Close())
	}

	pop3Listener, err := listen(config)
	if err != nil {
		return nil, errors.Join(err, s.imap.close())
	}

	s.POP3Port = port(pop3Listener)
	// It fails no client: all may pipeline here.
	s.pop3 = fetchtest.ServePOP(pop3Listener, fetchtest.POPOptions{User: s.User, Password: s.Password}, nil)
	for _, m := range messages {
		s.pop3.AppendAs(strings.ReplaceAll(m.Name, " ", "-"), m.Text)
	}
	return s, nil
}

func listen(config *tls.Config) (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return tls.NewListener(l, config), nil
}

func port(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

// Close ends both servers and waits for them.
func (s *Servers) Close() error {
	s.pop3.Close()
	return s.imap.close()
}
