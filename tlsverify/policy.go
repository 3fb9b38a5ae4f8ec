// Package tlsverify answers one question: is this server the one the user meant?
//
// A Policy says what must hold: TLS versions, chain, identity, pins and revocation. It is the only maker of a
// client's tls.Config in the program; a Verdict is what was found out. Package check judges a server for its
// operator, and finds servers by SRV records; package tlstest mints certificates for tests. Nothing here
// opens a connection.
package tlsverify

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"sync"
	"time"

	"fetchd/tlsverify/hints"
	"fetchd/tlsverify/internal/show"
)

// Options describe a Policy. The zero value but for Host is safe: system roots, TLS 1.2 or newer, chain and
// identity checked.
type Options struct {
	// Host is the reference identity: the host name the user wrote; with `via`, the via host, which is what
	// is dialled. Address literals may carry brackets and a zone.
	Host string
	// CommonName is sslcommonname: it replaces the expected name and is then the only one. It may be a
	// wildcard, which the certificate must then present as it is.
	CommonName string
	// SRVDomain and Service are set when the server was found by SRV records: "example.net" and "imaps". The
	// reference identities are then the SRV-ID _imaps.example.net and the DNS-ID example.net, and Host is not
	// one (RFC 6125 §6.2.1).
	SRVDomain, Service string
	// Protocol ("imap", "pop3", …, "" = any) and StartTLS (TLS begins with a command, not with the first
	// byte) are what the user configured. They change nothing but the advice in messages.
	Protocol string
	StartTLS bool
	// Proto is sslproto as written, see ParseProto. The caller decides about a clear-text connection before
	// it comes here.
	Proto string
	// NoCheck is nosslcertck: chain and name are not checked. Pins still are.
	NoCheck bool
	// CAFile and CAPath are sslcertfile and sslcertpath (a directory of PEM files, hashed names or not). They
	// replace the system's roots unless IncludeSystem.
	CAFile, CAPath string
	IncludeSystem  bool
	// Fingerprints and Pins: the server must match one of each list that is not empty.
	Fingerprints []Fingerprint
	Pins         []Pin
	// CertFile, KeyFile and KeyPass are the client certificate; KeyFile "" means that CertFile holds the key
	// too. KeyPass is asked only for an encrypted key.
	CertFile, KeyFile string
	KeyPass           func() (string, error)
	// CRL is a file or directory of revocation lists.
	CRL string
	// Files has what is read from all these files, which are read again when they change, and at no other
	// time; nil = the policy shares it with no other.
	Files *Files
	// ExpiryWarn is how long before its end a certificate is warned about: 0 = 14 days, negative = never.
	ExpiryWarn time.Duration
	// ALPN are the names of the protocol that are offered to the server, which need not know them.
	ALPN []string
	// SessionCache keeps sessions for resumption; nil = none. Policies may share one: each checks a resumed
	// session again.
	SessionCache tls.ClientSessionCache
	LastSeen     *LastSeen        // learns what servers show; nil = nobody wants to know
	Now          func() time.Time // nil = time.Now
}

// Policy is what a server must prove before it is trusted. Use New: a nil or zero Policy refuses every
// server. It is safe for concurrent use.
type Policy struct {
	// Set by New and not changed afterwards.
	opt         Options
	refs        []ReferenceID // empty only with NoCheck
	proto       ProtoRange
	rootFiles   *fileReader[*rootSet]               // nil = the system's
	clientFiles *fileReader[*tls.Certificate]       // nil = there is none to show
	crls        *fileReader[[]*x509.RevocationList] // nil = none
	warnings    []string
	ready       bool

	// Guarded by mu.
	mu       sync.Mutex
	lastKey  *Pin      // of the last accepted certificate, to tell a renewal from another key
	shown    time.Time // when a server last showed its certificate
	nameless bool      // the server knows none of the names in opt.ALPN
}

// New loads what the options name. Its errors name the file or word and the next step.
func New(o Options) (*Policy, error) {
	p := &Policy{opt: o}
	if p.opt.Files == nil {
		p.opt.Files = new(Files)
	}

	steps := []func() error{p.setIdentity, p.setProto, p.setRoots, p.setClientCertificate, p.setRevocation}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}

	p.warnAboutOptions()
	// Last: the zero Policy, or one whose making failed, must accept nobody.
	p.ready = true
	return p, nil
}

func (p *Policy) setIdentity() error {
	refs, err := references(p.opt)
	switch {
	case err == nil:
		p.refs = refs
	// Without a check the name is not needed: an odd host name is no reason to refuse then.
	case !p.opt.NoCheck:
		return err
	}
	return nil
}

func (p *Policy) setProto() error {
	var err error
	p.proto, err = parseProto(p.opt.Proto)
	return err
}

func (p *Policy) setRevocation() error {
	if p.opt.CRL == "" {
		return nil
	}
	p.crls = p.opt.Files.listsOf(p.opt.CRL)
	_, err := p.crls.current()
	return err
}

func (p *Policy) warn(hint, format string, args ...any) {
	p.warnings = append(p.warnings, hints.Text(fmt.Sprintf(format, args...), hint))
}

func (p *Policy) warnAboutOptions() {
	if p.opt.NoCheck && len(p.opt.Pins)+len(p.opt.Fingerprints) == 0 {
		p.warn(`add sslpin with the key that "fetchd pin HOST" prints, or drop nosslcertck`,
			"nosslcertck without a pin: any server is believed to be %s", show.Quote(p.Name()))
	}

	if !p.opt.NoCheck && p.refs[0].isWildcard() {
		p.warn("write the name of the server that the certificate is for",
			"sslcommonname %s takes any server with that wildcard certificate for yours",
			show.Quote(p.refs[0].Name))
	}

	for _, f := range p.opt.Fingerprints {
		if f.weak() {
			p.warn("replace it by the sha256: line that is shown at the next connection",
				"%s fingerprints can be forged: %s", f.Algorithm, f)
		}
	}

	if p.opt.NoCheck && p.crls != nil {
		p.warn("drop one of them",
			"sslcrlfile has no effect with nosslcertck: a revocation list needs a verified chain")
	}
}

// Warnings are remarks on the policy itself, one line each, to be logged at each start.
func (p *Policy) Warnings() []string {
	if p == nil {
		return nil
	}
	return append([]string(nil), p.warnings...)
}

// Name is what the policy's server is called in messages.
func (p *Policy) Name() string {
	if len(p.refs) > 0 {
		// The last one is the domain itself, where an SRV-ID comes first.
		return p.refs[len(p.refs)-1].name()
	}
	return p.opt.Host
}

// Now is the time by the policy's clock.
func (p *Policy) Now() time.Time {
	if p.opt.Now != nil {
		return p.opt.Now()
	}
	return time.Now()
}

// FileStamp changes when a file that the policy reads does.
func (p *Policy) FileStamp() string {
	if p == nil {
		return ""
	}
	o := &p.opt
	return Stamp(o.CAFile, o.CAPath, o.CertFile, o.KeyFile, o.CRL)
}

// Versions are the TLS versions that are spoken.
func (p *Policy) Versions() ProtoRange { return p.proto }

// remember notes the key of a server that was trusted, and when a certificate was shown.
func (p *Policy) remember(v *Verdict) {
	pin := PinOf(v.Presented[0])

	p.mu.Lock()
	defer p.mu.Unlock()

	p.lastKey = &pin
	// A resumed session shows no certificate: the time of the last full handshake is what counts.
	if !v.Resumed || p.shown.IsZero() {
		p.shown = v.now
	}
}

// lastShown is when a server last showed its certificate. If none did yet it is now, so that sessions which
// other policies put into the cache may be used for a while.
func (p *Policy) lastShown() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()

	if p.shown.IsZero() {
		return p.Now()
	}
	return p.shown
}

func (p *Policy) knownKey() *Pin {
	p.mu.Lock()
	defer p.mu.Unlock()

	return p.lastKey
}

// loadError names the rc-file word and the file, and ends in the next step, unless err knows a better one.
func loadError(word, path string, err error, next string) error {
	if hints.Of(err) != "" {
		next = ""
	}
	return hints.Errorf(next, "%s %q: %w", word, path, err)
}
