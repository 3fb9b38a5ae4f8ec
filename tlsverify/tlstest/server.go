package tlstest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"sync"
)

// ServerConfig is a server's tls.Config with cert.
func ServerConfig(cert tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS10}
}

// ClientCAs makes cfg ask for a client certificate of ca, and gives it back.
func (ca *CA) ClientCAs(cfg *tls.Config) *tls.Config {
	cfg.ClientCAs = x509.NewCertPool()
	cfg.ClientCAs.AddCert(ca.Root().Cert)
	cfg.ClientAuth = tls.RequireAndVerifyClientCert
	return cfg
}

// Server is the other end of one connection: Before speaks clear text, then comes TLS, then After. What the
// client sent inside TLS, beyond what After read, is kept.
type Server struct {
	Config *tls.Config
	Before func(net.Conn) error  // nil = TLS from the first byte
	After  func(*tls.Conn) error // nil = only read

	once sync.Once
	done chan struct{}
	err  error
	got  bytes.Buffer
}

// Pipe starts the server on one end of a BufferedPipe and gives the other. Use a Server once.
func (s *Server) Pipe() net.Conn {
	client, server := BufferedPipe()
	s.Start(server)
	return client
}

// Start serves conn in a goroutine that ends, and closes conn, when the client closes its end.
func (s *Server) Start(conn net.Conn) {
	s.once.Do(func() {
		s.done = make(chan struct{})
		go func() {
			defer close(s.done)
			defer conn.Close()
			s.err = s.serve(conn)
		}()
	})
}

func (s *Server) serve(conn net.Conn) error {
	if s.Before != nil {
		if err := s.Before(conn); err != nil {
			return err
		}
	}

	tc := tls.Server(conn, s.Config)
	if err := tc.Handshake(); err != nil {
		return err
	}
	if s.After != nil {
		if err := s.After(tc); err != nil {
			return err
		}
	}

	_, err := io.Copy(&s.got, tc)
	return err
}

// Wait waits for the end of the connection and gives what the client sent inside TLS. The error is the first
// of the server's side, such as the client's refusal.
func (s *Server) Wait() ([]byte, error) {
	<-s.done
	return s.got.Bytes(), s.err
}
