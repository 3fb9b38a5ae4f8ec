package account

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"fetchd/cmd/fetchd/internal/account/secret"
	"fetchd/delivery"
	"fetchd/fetch/login"
	"fetchd/fetch/login/imapline"
	"fetchd/rcfile"
	"fetchd/tlsverify"
	"fetchd/tlsverify/hints"
)

// appendReason is why mail can't go into an IMAP folder as the entry says.
func appendReason(poll *rcfile.Poll, u *rcfile.User) error {
	t, err := parseAppend(u)
	if err != nil {
		return err
	}

	if u.BSMTP.Set || u.Mbox.Set || u.Maildir.Set || u.MDA.Set || len(u.SMTPHosts) > 0 || u.LMTP.Value {
		return hints.Errorf("remove one of them", "append and another destination are both set")
	}
	if err := targetAuthReason("appendauth", u.AppendAuth); err != nil {
		return err
	}
	if isMultidrop(u) {
		return hints.Errorf("name smtphost, lmtp or mda", "one folder for the mail of several local names")
	}
	if t.user == u.Remote.Value && t.isAt(poll) && t.mayBeSource(u) {
		return hints.Errorf("name another folder, or another user",
			"append would put mail back into the folder that it comes from")
	}

	_, mistakes := appendPins(u)
	return errors.Join(mistakes...)
}

// isAt tells whether the folder is on the server that the entry retrieves from. An unusable port is refused
// elsewhere.
func (t *appendTarget) isAt(poll *rcfile.Poll) bool {
	port, _ := portOf(poll)
	return isOneServer(Host(poll), port, t.host, t.port)
}

// mayBeSource tells whether the folder may be one of those that mail is retrieved from: mail would come from
// there again and again.
func (t *appendTarget) mayBeSource(u *rcfile.User) bool {
	sources := u.Folders
	if len(sources) == 0 {
		sources = []string{"INBOX"}
	}

	return slices.ContainsFunc(sources, func(source string) bool {
		target := t.folder(source)
		isMeant := func(pattern string) bool { return isLike(target, pattern) }
		return strings.EqualFold(canonical(target), canonical(source)) ||
			slices.ContainsFunc(u.FolderPatterns, isMeant)
	})
}

// isLike tells whether LIST may find a mailbox of that name by the pattern.
func isLike(name, pattern string) bool {
	text := regexp.QuoteMeta(imapline.DecodeName(pattern))
	text = strings.NewReplacer(`\*`, ".*", "%", "[^/]*").Replace(text)
	like, err := regexp.Compile("(?is)^(?:" + text + ")$") // INBOX is the same in any case
	return err != nil || like.MatchString(imapline.DecodeName(name))
}

// checkAppend looks for what the entry names.
func checkAppend(r *Resolver, poll *rcfile.Poll, u *rcfile.User) error {
	t, err := parseAppend(u)
	if err != nil {
		return err
	}
	l := t.login(u)
	if err := r.env.Secrets.Check(l); err != nil {
		return err
	}
	return r.env.Secrets.Missing(l)
}

// login describes the login there, for the search for its password.
func (t *appendTarget) login(u *rcfile.User) secret.Login {
	as := &rcfile.Secrets{
		Password: u.AppendPassword, PasswordFile: u.AppendFile, PasswordEval: u.AppendEval,
	}
	return secret.Login{
		Account: t.user + "@" + t.host, Poll: t.host, Host: t.host, Name: t.user, Secrets: as, Needed: true,
	}
}

// DeliveryLogins are the logins at servers that the user's mail is delivered to, of those whose passwords may
// be asked for.
func (r *Resolver) DeliveryLogins(u *rcfile.User) []secret.Login {
	var logins []secret.Login
	add := func(_ string, one *rcfile.User) error {
		if t, err := parseAppend(one); one.Append.Set && err == nil { // else it is reported when it is opened
			logins = append(logins, t.login(one))
		}
		return nil
	}

	_ = add("", u)
	_ = each(u, u.Deliver, add)
	_ = eachFolder(u, func(_ string, list []rcfile.Opt[string]) error { return each(u, list, add) })
	return logins
}

// openAppend makes the deliverer into the folder of the entry. Entries that say the same share it, and its
// connections.
func (r *Resolver) openAppend(poll *rcfile.Poll, u *rcfile.User) (delivery.Deliverer, error) {
	t, err := parseAppend(u)
	if err != nil {
		return nil, err
	}

	key := r.digest(fmt.Sprintf("append %q %q %q %q %v %q %q %v %v %v", u.Append.Value,
		u.AppendPassword.Value.Reveal(), u.AppendFile.Value, u.AppendEval.Value, u.AppendAuth,
		u.AppendProto.Value, u.AppendCertFile.Value, u.AppendPins, u.AppendCreate.Value, timeout(poll)) +
		fmt.Sprint(u.AppendKeywords.Value))
	if d := r.relays[key]; d != nil {
		return d, nil
	}

	policy, err := r.appendPolicy(t, u)
	if err != nil {
		return nil, err
	}
	o := delivery.AppendOptions{
		Host: t.host, Port: t.port, TLS: t.tls, Policy: policy, User: t.user, Auth: u.AppendAuth.Or("any"),
		Password: r.env.Secrets.Password(t.login(u)), Folder: t.folder, BySource: len(t.parts) > 1,
		Create: u.AppendCreate.Value, Keywords: u.AppendKeywords.Value, Name: t.String(),
		Timeout: timeout(poll), Log: r.env.Log,
	}
	o.Trace, o.Hidden = r.listeners(o.Name)

	d, err := delivery.NewAppend(o)
	if err != nil {
		return nil, err
	}
	r.relays[key] = d
	return d, nil
}

// appendPolicy is what the server must prove: a certificate for the name that the file has, as the servers of
// retrievals do.
func (r *Resolver) appendPolicy(t *appendTarget, u *rcfile.User) (*tlsverify.Policy, error) {
	if t.tls == login.ClearText {
		return nil, nil
	}
	if path := u.AppendCertFile.Value; path != "" {
		if err := checkWriters(path); err != nil {
			return nil, fmt.Errorf("appendsslcertfile: %w", err)
		}
	}

	pins, mistakes := appendPins(u)
	if len(mistakes) > 0 {
		return nil, errors.Join(mistakes...)
	}
	policy, err := tlsverify.New(tlsverify.Options{
		Host: t.host, Proto: u.AppendProto.Value, CAFile: u.AppendCertFile.Value, Pins: pins,
		Files: r.files, SessionCache: r.sessions, ALPN: []string{"imap"}, Protocol: "imap",
		StartTLS: t.tls == login.StartTLS,
	})
	if err != nil {
		return nil, fmt.Errorf("append: %w", err)
	}
	return policy, nil
}

// appendPins reads the digests that the server's key must match. Each mistake is an *rcfile.Error.
func appendPins(u *rcfile.User) (pins []tlsverify.Pin, mistakes []error) {
	for _, text := range u.AppendPins {
		p, err := tlsverify.ParsePin(text.Value)
		if err != nil {
			mistakes = append(mistakes, &rcfile.Error{Pos: text.Pos, Msg: err.Error()})
		}
		pins = append(pins, p)
	}
	return pins, mistakes
}
