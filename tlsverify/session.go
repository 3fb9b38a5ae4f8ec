package tlsverify

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"net"
	"time"
)

// sessionCache keys the sessions of a shared cache by port and client certificate too, so that no account
// resumes what another one proved. crypto/tls itself forgets a session whose check failed.
type sessionCache struct {
	cache  tls.ClientSessionCache
	prefix string
	full   bool // no session is offered
}

// maxResumption is how long sessions follow one from another before the server must show its present
// certificate and OCSP response again (RFC 8446 §4.6.1).
const maxResumption = 24 * time.Hour

func (p *Policy) sessions(conn net.Conn, client *tls.Certificate) *sessionCache {
	if p.opt.SessionCache == nil {
		return nil
	}

	s := &sessionCache{cache: p.opt.SessionCache, full: p.Now().Sub(p.lastShown()) >= maxResumption}
	if a := conn.RemoteAddr(); a != nil {
		// crypto/tls names a session by the server's name alone, and another port may be another server.
		_, port, _ := net.SplitHostPort(a.String())
		s.prefix = port + "|"
	}
	if client != nil {
		// A resumed session is the login of whoever showed the certificate when it began.
		sum := sha256.Sum256(client.Certificate[0])
		s.prefix += hex.EncodeToString(sum[:]) + "|"
	}
	return s
}

// Get and Put are called by crypto/tls.
func (s *sessionCache) Get(key string) (*tls.ClientSessionState, bool) {
	if s.full {
		return nil, false
	}
	return s.cache.Get(s.prefix + key)
}

func (s *sessionCache) Put(key string, cs *tls.ClientSessionState) { s.cache.Put(s.prefix+key, cs) }
