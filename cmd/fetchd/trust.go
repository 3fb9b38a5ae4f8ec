package main

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"fetchd/fetch"
	"fetchd/rcfile"
	"fetchd/tlsverify"
)

// setTrust says when TLS starts and what the server must prove.
func (w *wiring) setTrust(a *fetch.Account, poll *rcfile.Poll, u *rcfile.User) error {
	var err error
	if a.TLS, err = tlsMode(u); err != nil {
		return err
	}
	w.warnPort(a)
	if a.TLS == fetch.ClearText {
		if a.Plugin == "" && !loopback(a.Host) {
			w.log.Warn("the connection is NOT ENCRYPTED: password and mail can be read and changed on the way; remove sslproto '' or sslmode none if the server has TLS", "account", a.Name)
		}
		return nil
	}
	o, err := w.trustOptions(a, u)
	if err != nil {
		return err
	}
	if a.Policy, err = tlsverify.New(o); err != nil {
		return err
	}
	for _, warning := range a.Policy.Warnings() {
		w.log.Warn(warning, "account", a.Name)
	}
	return nil
}

// tlsMode reads sslmode, ssl and sslproto. STARTTLS is the default and never optional.
func tlsMode(u *rcfile.User) (fetch.TLSMode, error) {
	switch {
	case u.SSLMode.Set && u.SSLMode.Value == "none":
		if u.SSL.Value {
			return 0, &rcfile.Error{Pos: u.SSLMode.Pos, Msg: "ssl and sslmode none contradict each other", Hint: "remove one of them"}
		}
		return fetch.ClearText, nil
	case u.SSLMode.Set && u.SSLMode.Value == "wrapped":
		return fetch.Wrapped, nil
	case u.SSLMode.Set:
		return fetch.StartTLS, nil
	case u.SSL.Value:
		return fetch.Wrapped, nil
	case u.SSLProto.Set && u.SSLProto.Value == "":
		return fetch.ClearText, nil
	}
	return fetch.StartTLS, nil
}

// trustOptions collects the account's options for tlsverify. A value that makes no sense is an *rcfile.Error with its
// place.
func (w *wiring) trustOptions(a *fetch.Account, u *rcfile.User) (tlsverify.Options, error) {
	o := tlsverify.Options{
		Host: a.Host, CommonName: u.SSLCommonName.Value, Proto: u.SSLProto.Value, NoCheck: !u.SSLCertCk.Or(true),
		CAFile: u.SSLCertFile.Value, CAPath: u.SSLCertPath.Value, IncludeSystem: w.env("FETCHMAIL_INCLUDE_DEFAULT_X509_CA_CERTS") != "",
		CertFile: u.SSLCert.Value, KeyFile: u.SSLKey.Value, CRL: u.SSLCRLFile.Value, ExpiryWarn: expiryWarn(u.SSLExpiryWarn.Or(defaultExpiryWarn)),
		SessionCache: w.sessions, ALPN: alpn(a.Protocol),
		KeyPass: func() (string, error) {
			return w.secrets.keyPass(lookup{account: a.Name, poll: a.Poll, host: a.Host, login: a.User, user: u})
		},
	}
	var errs []error
	mistake := func(at rcfile.Pos, err error) {
		if err != nil {
			errs = append(errs, &rcfile.Error{Pos: at, Msg: err.Error()})
		}
	}
	_, _, err := tlsverify.ParseProto(u.SSLProto.Value)
	mistake(u.SSLProto.Pos, err)
	for _, text := range u.SSLFingerprints {
		f, err := tlsverify.ParseFingerprint(text.Value)
		mistake(text.Pos, err)
		o.Fingerprints = append(o.Fingerprints, f)
	}
	for _, text := range u.SSLPins {
		p, err := tlsverify.ParsePin(text.Value)
		mistake(text.Pos, err)
		o.Pins = append(o.Pins, p)
	}
	return o, errors.Join(errs...)
}

// expiryWarn turns days, 0 = never, into what tlsverify wants.
func expiryWarn(days int) time.Duration {
	if days == 0 {
		return -1
	}
	return time.Duration(days) * 24 * time.Hour
}

// alpn is the protocol's name in the TLS handshake (RFC 8314 section 3.1's registry).
func alpn(p fetch.Protocol) []string {
	switch p {
	case fetch.IMAP:
		return []string{"imap"}
	case fetch.POP3:
		return []string{"pop3"}
	}
	return nil
}

// loopback tells whether host is this machine by its very name: names are not looked up.
func loopback(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// warnPort warns where the port contradicts the protocol or the way TLS starts.
func (w *wiring) warnPort(a *fetch.Account) {
	if text := portContradiction(a); text != "" {
		w.log.Warn(text, "account", a.Name)
	}
}

func portContradiction(a *fetch.Account) string {
	usual := retrieval(knownPorts()[a.Port].proto)
	switch {
	case usual != fetch.Auto && a.Protocol != fetch.Auto && usual != a.Protocol:
		return fmt.Sprintf("port %d usually is %s, not %s: correct proto, or leave the port out", a.Port, usual, a.Protocol)
	case (a.Port == 993 || a.Port == 995) && a.TLS != fetch.Wrapped:
		return fmt.Sprintf("port %d usually is TLS from the first byte: add ssl, or leave the port out", a.Port)
	case (a.Port == 143 || a.Port == 110) && a.TLS == fetch.Wrapped:
		return fmt.Sprintf("port %d usually starts without TLS: remove ssl to use STARTTLS, or leave the port out", a.Port)
	}
	return ""
}
