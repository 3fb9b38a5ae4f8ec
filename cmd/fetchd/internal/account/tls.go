package account

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"fetchd/cmd/fetchd/internal/account/secret"
	"fetchd/fetch"
	"fetchd/fetch/wire"
	"fetchd/rcfile"
	"fetchd/tlsverify"
)

// setTrust sets when TLS starts and what the server must prove.
func (r *Resolver) setTrust(a *fetch.Account, u *rcfile.User) error {
	var err error
	if a.TLS, err = tlsMode(u); err != nil {
		return err
	}
	// The warnings come before the first error, so that they are known even for an account that is refused.
	if text := portContradiction(a); text != "" {
		r.warn(a.Name, text)
	}
	if u.SSLProto.Set && u.SSLProto.Value == "" && a.TLS != fetch.ClearText {
		r.warn(a.Name, "sslproto '' does nothing beside ssl and sslmode: TLS is used; leave it out")
	}
	if a.TLS == fetch.ClearText {
		// A plugin may encrypt by itself, and on this machine nobody listens.
		if a.Plugin == "" && !wire.IsLoopback(a.Host) {
			r.warn(a.Name, "the connection is NOT ENCRYPTED: password and mail can be read and "+
				"changed on the way; remove sslproto '' or sslmode none if the server has TLS")
		}
		return nil
	}

	a.LastSeen = new(tlsverify.LastSeen)
	o, err := r.TrustOptions(a, u)
	if err != nil {
		return err
	}
	// Before New reads them: what others can write is not even parsed.
	if err := checkTrustFiles(u); err != nil {
		return err
	}
	if a.Policy, err = tlsverify.New(o); err != nil {
		return err
	}

	for _, text := range a.Policy.Warnings() {
		r.warn(a.Name, text)
	}
	if text := r.exposedKey(u); text != "" {
		r.warn(a.Name, text)
	}

	return nil
}

// exposedKey warns of a private key that everybody on this machine can read; "" = they can't, or it is
// encrypted. Some groups may read keys for a reason.
func (r *Resolver) exposedKey(u *rcfile.User) string {
	path := u.SSLKey.Or(u.SSLCert.Value)
	info, err := os.Stat(path)
	if path == "" || err != nil || info.Mode().Perm()&0o004 == 0 ||
		secret.IsCredential(r.env.Getenv, path) || tlsverify.KeyEncrypted(path) {
		return ""
	}
	return fmt.Sprintf("sslkey %s can be read by everybody (%04o); run: chmod 600 %[1]s", path,
		info.Mode().Perm())
}

// tlsMode evaluates sslmode, ssl and sslproto. STARTTLS is the default and never optional. The error is an
// *rcfile.Error.
func tlsMode(u *rcfile.User) (fetch.TLSMode, error) {
	switch {
	case u.SSLMode.Set && u.SSLMode.Value == "none":
		// The contradiction is refused and not decided: the user believes to have TLS.
		if u.SSL.Value {
			return 0, &rcfile.Error{
				Pos: u.SSLMode.Pos, Msg: "ssl and sslmode none contradict each other",
				Next: "remove one of them",
			}
		}
		return fetch.ClearText, nil
	// sslmode is the newer and the clearer word, so it decides over ssl and sslproto.
	case u.SSLMode.Set && u.SSLMode.Value == "wrapped":
		return fetch.Wrapped, nil
	case u.SSLMode.Set:
		return fetch.StartTLS, nil
	case u.SSL.Value:
		return fetch.Wrapped, nil
	// fetchmail's way to switch TLS off; any other sslproto only chooses versions.
	case u.SSLProto.Set && u.SSLProto.Value == "":
		return fetch.ClearText, nil
	}

	return fetch.StartTLS, nil
}

// TrustOptions collects the options of u for tlsverify; a names the server and the login. A value that makes
// no sense is an *rcfile.Error with its place.
func (r *Resolver) TrustOptions(a *fetch.Account, u *rcfile.User) (tlsverify.Options, error) {
	o := tlsverify.Options{
		Host: a.Host, CommonName: u.SSLCommonName.Value, Proto: u.SSLProto.Value,
		NoCheck: !u.SSLCertCk.Or(true),
		CAFile:  u.SSLCertFile.Value, CAPath: u.SSLCertPath.Value,
		IncludeSystem: r.env.Getenv("FETCHMAIL_INCLUDE_DEFAULT_X509_CA_CERTS") != "",
		CertFile:      u.SSLCert.Value, KeyFile: u.SSLKey.Value, CRL: u.SSLCRLFile.Value,
		Files:      r.files,
		ExpiryWarn: expiryWarn(u.SSLExpiryWarn.Or(defaultExpiryWarn)), SessionCache: r.sessions,
		LastSeen: a.LastSeen,
		ALPN:     alpn(a.Protocol),
		Protocol: protocolName(a.Protocol), StartTLS: a.TLS == fetch.StartTLS,
	}
	if o.CertFile != "" {
		o.KeyPass = r.keyPass(a, u)
	}

	var mistakes []error
	o.Fingerprints, o.Pins, mistakes = pins(u)
	return o, errors.Join(mistakes...)
}

// keyPass returns the function that gives the pass phrase of the user's private key. Not the phrase: it is
// wanted only if the key is encrypted.
func (r *Resolver) keyPass(a *fetch.Account, u *rcfile.User) func() (string, error) {
	login := secret.Login{
		Account: a.Name, Poll: a.Poll, Host: a.Host, Name: a.User, Secrets: u.CopySecrets(),
		KeyFile: u.SSLKey.Or(u.SSLCert.Value),
	}
	return func() (string, error) { return r.env.Secrets.KeyPass(login) }
}

// pins reads the digests that the server must match. Each mistake is an *rcfile.Error.
func pins(u *rcfile.User) (fingerprints []tlsverify.Fingerprint, pins []tlsverify.Pin, mistakes []error) {
	mistake := func(at rcfile.Pos, err error) {
		if err != nil {
			mistakes = append(mistakes, &rcfile.Error{Pos: at, Msg: err.Error()})
		}
	}

	for _, text := range u.SSLFingerprints {
		f, err := tlsverify.ParseFingerprint(text.Value)
		mistake(text.Pos, err)
		fingerprints = append(fingerprints, f)
	}

	for _, text := range u.SSLPins {
		p, err := tlsverify.ParsePin(text.Value)
		mistake(text.Pos, err)
		pins = append(pins, p)
	}

	return fingerprints, pins, mistakes
}

// expiryWarn converts days, 0 = never, to tlsverify's form.
func expiryWarn(days int) time.Duration {
	if days == 0 {
		// tlsverify takes 0 for its own default.
		return -1
	}
	return time.Duration(days) * 24 * time.Hour
}

// alpn is the protocol's name in the TLS handshake (RFC 8314 section 3.1's registry).
func alpn(p fetch.Protocol) []string {
	if p == fetch.Auto {
		return nil
	}
	return []string{protocolName(p)}
}

// protocolName is the protocol's name for tlsverify, "" if several are tried.
func protocolName(p fetch.Protocol) string {
	if p == fetch.Auto {
		return ""
	}
	return strings.ToLower(p.String())
}

// portContradiction warns about a port that contradicts the protocol or the way TLS starts; "" = it doesn't.
func portContradiction(a *fetch.Account) string {
	known, wrapped := tlsverify.ProtocolAt(a.Port)
	usual := RetrievalProtocol(known)
	switch {
	// A port that is not known for anything, or known for another protocol, such as one of a tunnel.
	case usual == fetch.Auto:
		return ""
	case a.Protocol != fetch.Auto && usual != a.Protocol:
		return fmt.Sprintf("port %d usually is %s, not %s: correct proto, or leave the port out", a.Port,
			usual, a.Protocol)
	case wrapped && a.TLS != fetch.Wrapped:
		return fmt.Sprintf(
			"port %d usually is TLS from the first byte: add ssl, or leave the port out", a.Port)
	case !wrapped && a.TLS == fetch.Wrapped:
		return fmt.Sprintf("port %d usually starts without TLS: remove ssl to use STARTTLS, or "+
			"leave the port out", a.Port)
	}
	return ""
}
