package account

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"

	"fetchd/cmd/fetchd/internal/account/secret"
	"fetchd/cmd/fetchd/internal/shell"
	"fetchd/delivery"
	"fetchd/fetch/login"
	"fetchd/fetch/wire"
	"fetchd/rcfile"
	"fetchd/tlsverify"
	"fetchd/tlsverify/hints"
)

// smtpReason is why mail can't be delivered by SMTP or LMTP as the entry says.
func smtpReason(poll *rcfile.Poll, u *rcfile.User) error {
	if _, err := parseSMTPHosts(poll, u); err != nil {
		return err
	}
	if err := targetAuthReason("esmtpauth", poll.ESMTPAuth); err != nil {
		return err
	}
	named := poll.ESMTPName.Value != ""
	if poll.ESMTPAuth.Set && !named {
		return hints.Errorf("write esmtpname too, or leave it out",
			"esmtpauth does nothing without esmtpname")
	}
	if named != hasESMTPPassword(poll) {
		return hints.Errorf("write both, or none for a server that wants no login",
			"esmtpname and esmtppassword belong together, and one of them is missing")
	}
	return nil
}

func hasESMTPPassword(poll *rcfile.Poll) bool {
	return !poll.ESMTPPassword.Value.IsZero() || poll.ESMTPEval.Set || poll.ESMTPFile.Set
}

// smtpLogin describes the login at the mail server, for the search for its password. It has only what the
// entry names: in .netrc there may be a password that is not for this.
func smtpLogin(poll *rcfile.Poll, host string) secret.Login {
	name := poll.ESMTPName.Value
	as := &rcfile.Secrets{
		Password: poll.ESMTPPassword, PasswordEval: poll.ESMTPEval, PasswordFile: poll.ESMTPFile,
	}
	return secret.Login{
		Account: name + "@" + host, Poll: host, Host: host, Name: name, Secrets: as, Needed: true,
	}
}

// checkSMTP looks for the sockets, files and commands that are named.
func checkSMTP(r *Resolver, poll *rcfile.Poll, u *rcfile.User) error {
	hosts, err := parseSMTPHosts(poll, u)
	if err != nil {
		return err
	}

	var errs []error
	if poll.Plugout.Value != "" {
		errs = append(errs, shell.Check("plugout", poll.Plugout.Value))
	}

	if poll.ESMTPName.Value != "" {
		errs = append(errs, r.env.Secrets.Check(smtpLogin(poll, hosts[0].Host)))
	}

	for _, h := range hosts {
		if h.Socket == "" {
			continue
		}
		if _, err := os.Stat(h.Socket); err != nil {
			errs = append(errs, fmt.Errorf("smtphost: %w", err))
		}
	}

	return errors.Join(errs...)
}

// openSMTP makes the deliverer to the servers of the entry. Entries that say the same share it, and its
// connections.
func (r *Resolver) openSMTP(poll *rcfile.Poll, u *rcfile.User) (delivery.Deliverer, error) {
	hosts, err := parseSMTPHosts(poll, u)
	if err != nil {
		return nil, err
	}

	// Before the cache: each account that uses the destination gets the warning.
	r.warnOfClearText(poll, u, hosts)

	o := delivery.SMTPOptions{
		Name: r.env.Hostname, Domain: u.SMTPAddress.Value, Recipient: u.SMTPName.Value,
		AntiSpam: u.AntiSpam, Batch: u.BatchLimit.Value, Timeout: timeout(poll), Log: r.env.Log,
	}

	key := fmt.Sprintf("%q %q %q %v %d %v %q %q %q %q %q",
		u.SMTPHosts, o.Domain, o.Recipient, o.AntiSpam, o.Batch, o.Timeout, poll.Plugout.Value,
		poll.ESMTPName.Value, u.SSLCertFile.Value, u.SSLCertPath.Value, u.SSLCRLFile.Value)
	// A keyed digest, as the secret is part of it and the map lives as long as the process.
	key = r.digest(fmt.Sprintf("%s %v %q %q %q %q", key, u.LMTP.Value, poll.ESMTPPassword.Value.Reveal(),
		poll.ESMTPEval.Value, poll.ESMTPFile.Value, poll.ESMTPAuth.Value))
	if d := r.relays[key]; d != nil {
		return d, nil
	}

	for _, h := range hosts {
		if h.Policy, err = r.smtpPolicy(h, u); err != nil {
			return nil, err
		}
		o.Servers = append(o.Servers, h.SMTPServer)
	}

	if poll.ESMTPName.Value != "" {
		o.User, o.Auth = poll.ESMTPName.Value, poll.ESMTPAuth.Value
		o.Password = r.env.Secrets.Password(smtpLogin(poll, hosts[0].Host))
	}

	o.Trace, o.Hidden = r.listeners(o.Servers[0].String())

	// Nothing connects yet: the first message does.
	d, err := delivery.NewSMTP(o)
	if err != nil {
		return nil, err
	}

	r.relays[key] = d
	return d, nil
}

// digest is a key that tells nothing of the text.
func (r *Resolver) digest(text string) string {
	mac := hmac.New(sha256.New, r.secret)
	mac.Write([]byte(text))
	return string(mac.Sum(nil))
}

// smtpPolicy is what a server must prove: a certificate of the system's authorities, or of those of
// sslcertfile and sslcertpath, for the name that the file has. What else the entry says of certificates is
// about the server that the mail is retrieved from.
func (r *Resolver) smtpPolicy(h smtpHost, u *rcfile.User) (*tlsverify.Policy, error) {
	if h.TLS == login.ClearText {
		return nil, nil
	}
	if err := checkTrustFiles(u); err != nil {
		return nil, err
	}

	policy, err := tlsverify.New(tlsverify.Options{
		Host: h.Host, Proto: h.proto, CAFile: u.SSLCertFile.Value, CAPath: u.SSLCertPath.Value,
		IncludeSystem: true,
		CRL:           u.SSLCRLFile.Value, Files: r.files, SessionCache: r.sessions,
		Protocol: "smtp", StartTLS: h.TLS == login.StartTLS,
	})

	if err != nil {
		return nil, fmt.Errorf("smtphost: %w", err)
	}

	return policy, nil
}

func (r *Resolver) warnOfClearText(poll *rcfile.Poll, u *rcfile.User, hosts []smtpHost) {
	for _, h := range hosts {
		// Only where the file says /notls: without it a distant server gets STARTTLS or nothing. What a
		// plugin's connection is encrypted with, only the user knows.
		if !h.plain || wire.IsLoopback(h.Host) || h.Plugin != "" {
			continue
		}
		what := "mail"
		if poll.ESMTPName.Value != "" {
			what = "password and mail"
		}
		r.warn(r.Name(poll, u), fmt.Sprintf("the connection to %s is NOT ENCRYPTED: %s can be read and "+
			"changed on the way; remove /notls if the server has TLS", h.SMTPServer.String(), what))
	}
}

// relay is a deliverer to a server.
type relay interface {
	delivery.Deliverer
	Close() error
}

// Close ends the connections to mail servers that are still open.
func (r *Resolver) Close() {
	for _, d := range r.relays {
		_ = d.Close()
	}
}
