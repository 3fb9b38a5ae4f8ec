// Package account determines what the entries of an rc file mean: which accounts there are, whom they trust,
// and where their mail goes. It knows neither the command line nor the process, so any program that has a
// configuration, from a file or from elsewhere, can get its accounts here. Resolver is its main type.
package account

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"fetchd/cmd/fetchd/internal/account/secret"
	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/fetch/imap"
	"fetchd/fetch/journal"
	"fetchd/fetch/pop3"
	"fetchd/fetch/wire"
	"fetchd/rcfile"
	"fetchd/tlsverify"
	"fetchd/tlsverify/check"
	"fetchd/tlsverify/hints"
)

// Environment is what accounts take from the process around them.
type Environment struct {
	Getenv    func(string) string
	Home      string // the caller's home directory, with the default Maildir
	Caller    string // login name of the user who runs the program
	AgentUser string // the user whom delivery agents run as; "" = the caller
	Hostname  string // ours, for the Received line
	Version   string // "fetchd/0.1", for the Received line
	Secrets   *secret.Finder
	Log       *slog.Logger
	Trace     func(account string) func(line string) // nil = no protocol trace
	// the log's; nil = each connection knows only its own secrets
	Hidden func(account string) *wire.Concealer
	DNS    check.SRVResolver // nil = the system's
	Output io.Writer         // for mail that goes to the standard output
	// of this machine, as smtphost names it; "" = localhost/25
	MailServer string
	// keepdays may remove most of a mailbox
	RemoveMany bool
	// a daemon: accounts remember what they could not deliver
	Remember bool
}

// Resolver turns the entries of an rc file into accounts. It holds what these share, and what survives a
// reload of the file, so a program needs only one. It belongs to one goroutine; the accounts that it makes
// don't.
type Resolver struct {
	env      Environment
	imap     *imap.Quirks
	pop3     *pop3.Quirks
	sessions tls.ClientSessionCache
	files    *tlsverify.Files           // what several accounts trust is in memory once
	reloads  atomic.Int64               // how often Resolve was called; accounts read it
	refusals map[string]*fetch.Refusals // by the account's key
	relays   map[string]relay           // accounts with one destination share its connections
	mboxes   delivery.Mboxes
	batches  map[delivery.BSMTPOptions]*delivery.BSMTP
	// of this process, so that Account.Settings reveals nothing about passwords
	secret     []byte
	people     []string           // see Survey
	postmaster rcfile.Opt[string] // of the file
	local      localServer
	warnings   []Warning
}

// sessionsKept is the number of servers whose TLS sessions are kept for resumption.
const sessionsKept = 256

// New returns a Resolver. It opens nothing.
func New(env Environment) *Resolver {
	if env.DNS == nil {
		env.DNS = net.DefaultResolver
	}
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails
	return &Resolver{
		env: env, imap: new(imap.Quirks), pop3: new(pop3.Quirks), secret: random,
		sessions: tls.NewLRUClientSessionCache(sessionsKept), files: &tlsverify.Files{Check: checkWriters},
		refusals: map[string]*fetch.Refusals{}, relays: map[string]relay{},
		batches: map[delivery.BSMTPOptions]*delivery.BSMTP{},
	}
}

// Warning is something that the user should know about an account that can be retrieved from.
type Warning struct {
	Account string
	Text    string
}

// Resolve makes the accounts of the polls of cfg, which record their deliveries in j. The error joins the
// reasons, each a *RefusedError, why some accounts can't be retrieved from; those that it returns can.
func (r *Resolver) Resolve(cfg *rcfile.Config, polls []*rcfile.Poll, j *journal.Journal) (
	[]*fetch.Account, []Warning, error) {
	r.reloads.Add(1)
	r.Survey(cfg)
	var all []*fetch.Account
	var errs []error
	var warnings []Warning

	for _, poll := range polls {
		for i := range poll.Users {
			a, more, err := r.Account(poll, &poll.Users[i])
			warnings = append(warnings, more...)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			a.Journal, a.Received = j, !cfg.Globals.Invisible.Value
			a.EncloseTo = encloseTo(&cfg.Globals, a)
			all = append(all, a)
		}
	}

	// Over all accounts at once, and in the file's order: the earlier entry keeps what two of them name.
	all, more := SeparateOwners(all)
	warnings = append(warnings, more...)
	return all, append(warnings, r.Circles(polls)...), errors.Join(errs...)
}

// Account makes the account of one user of a poll, without a journal; the error is that of Resolve. Unlike
// Resolve it does not check whether an earlier entry retrieves the same mailboxes.
func (r *Resolver) Account(poll *rcfile.Poll, u *rcfile.User) (*fetch.Account, []Warning, error) {
	r.warnings = nil
	name := r.Name(poll, u)
	// First what can be told without opening a file: account returns only one error, and all are wanted.
	if errs := r.refusalReasons(poll, u); len(errs) > 0 {
		return nil, nil, refuse(name, errs)
	}

	a, err := r.account(poll, u)
	if err != nil {
		return nil, r.warnings, refuse(name, []error{err})
	}
	return a, r.warnings, nil
}

// warn notes a warning about the account that is being made.
func (r *Resolver) warn(account, text string) {
	r.warnings = append(r.warnings, Warning{account, text})
}

func (r *Resolver) account(poll *rcfile.Poll, u *rcfile.User) (*fetch.Account, error) {
	port, err := portOf(poll)
	if err != nil {
		return nil, err
	}

	a := r.newAccount(poll, u, port)
	// Before setTrust, which needs the protocol for ALPN and for what the certificate is to prove.
	r.setProtocol(a, poll)
	// Once for each poll, not for each of its users.
	if !poll.Protocol.Set && u == &poll.Users[0] {
		r.warn(a.Name, "no protocol is named: IMAP is tried, then POP3, which costs a connection; "+
			"name it with proto")
	}
	if err := r.setTrust(a, u); err != nil {
		return nil, err
	}

	login := r.Login(poll, u)
	a.Password, a.Renew = r.env.Secrets.Password(login), r.env.Secrets.Renew(login)
	a.Grant = r.env.Secrets.Grant(login)
	// After setTrust: the stamp covers the files of the policy.
	a.Stamp = r.stamp(a, login)

	if err := r.setSelection(a, poll, u); err != nil {
		return nil, err
	}
	if err := r.setDelivery(a, poll, u); err != nil {
		return nil, err
	}

	a.Trace, a.Hidden = r.listeners(a.Name)
	// By key, not by account: a reload makes new accounts, and what was set aside must stay so.
	a.Refusals = r.refusalsOf(a.Key)

	// What wraps Connect comes last, and hooks outermost: they run whether or not there is a connection.
	if poll.SRV.Value {
		if err := r.setDiscovery(a, poll, u); err != nil {
			return nil, err
		}
	}

	a.Connect = r.requirePassword(a.Connect, login)
	a.Connect = runHooks(a.Connect, u.Preconnect.Value, u.Postconnect.Value)
	return a, nil
}

// listeners are who hears the protocol of an account or a destination, and what its log must not show; nil =
// nobody and nothing.
func (r *Resolver) listeners(name string) (trace func(line string), hidden *wire.Concealer) {
	if r.env.Trace != nil {
		trace = r.env.Trace(name)
	}
	if r.env.Hidden != nil {
		hidden = r.env.Hidden(name)
	}
	return trace, hidden
}

// setSelection says what is retrieved, and what becomes of it on the server.
func (r *Resolver) setSelection(a *fetch.Account, poll *rcfile.Poll, u *rcfile.User) (err error) {
	setRetrieval(a, poll, u)
	a.RemoveMany = r.env.RemoveMany
	if a.Exclude, err = exclude(u); err != nil {
		return err
	}

	switch {
	case !a.FetchAll || !a.Keep:
	case isInFile(u.FetchAll) && isInFile(u.Keep):
		r.warn(a.Name, "fetchall with keep retrieves everything again at each pass; "+
			"the rc file should have only one of them")
	case r.env.Remember: // in a single pass it is meant, for once
		r.warn(a.Name, "fetchall with keep retrieves everything again at each poll; add -d 0 for one pass")
	}
	return nil
}

// newAccount is the account as far as its entry says it in so many words.
func (r *Resolver) newAccount(poll *rcfile.Poll, u *rcfile.User, port int) *fetch.Account {
	return &fetch.Account{
		Name: r.Name(poll, u), Poll: poll.Name, Key: r.key(poll, u, port).String(),
		Settings: r.settings(poll, u),
		Log:      r.env.Log,
		Server: fetch.Server{Host: Host(poll), Port: port, Plugin: poll.Plugin.Value,
			Timeout: timeout(poll)},
		Credentials: fetch.Credentials{
			Auth: authWord(poll, u), User: r.loginName(u), AuthzID: u.AuthzID.Value,
		},
		Delivery: fetch.Delivery{
			Version: r.env.Version, Hostname: r.env.Hostname, TracePolls: poll.TracePolls.Value,
		},
	}
}

// Login describes the account's login, for the search for its password.
func (r *Resolver) Login(poll *rcfile.Poll, u *rcfile.User) secret.Login {
	// With a certificate, or where the server knows us by other means, nobody is asked for a password.
	auth := poll.Auth.Value
	l := secret.Login{
		Account: r.Name(poll, u), Poll: poll.Name, Host: Host(poll), Protocol: poll.Protocol.Or("auto"),
		Name: r.loginName(u), Secrets: u.CopySecrets(),
		Needed: auth != "external" && auth != "implicit",
	}
	if mode, err := tlsMode(u); err == nil && mode != fetch.ClearText {
		l.KeyFile = u.SSLKey.Or(u.SSLCert.Value)
	}
	return l
}

// stamp makes the account's Stamp. What a command will say can't be seen: it may have changed with each
// reload.
func (r *Resolver) stamp(a *fetch.Account, l secret.Login) func() string {
	policy := a.Policy
	files, runs := r.env.Secrets.Sources(l)
	return func() string {
		s := policy.FileStamp() + tlsverify.Stamp(files...) + r.env.Secrets.GrantStamp(l)
		// Hence a reload, which somebody asked for, makes accounts with a command try again at once.
		if runs {
			s += strconv.FormatInt(r.reloads.Load(), 10)
		}
		return s
	}
}

// requirePassword returns a Connector that, as in fetchmail, does not connect if there is no source of the
// password. A plugin may log in by itself.
func (r *Resolver) requirePassword(connect fetch.Connector, l secret.Login) fetch.Connector {
	return func(ctx context.Context, a *fetch.Account) (fetch.Session, error) {
		// Before connecting: servers count connections without a login, and some block an address for them.
		if err := r.env.Secrets.Missing(l); err != nil && a.Plugin == "" {
			return nil, err
		}
		s, err := connect(ctx, a)
		return s, adviseLogin(l, err)
	}
}

// adviseLogin adds what helps an account with a grant that is refused.
func adviseLogin(l secret.Login, err error) error {
	const command = "fetchd login "
	if !l.Secrets.OAuth.Set || fetch.KindOf(err) != fetch.KindAuth ||
		strings.Contains(hints.Of(err), command) {
		return err
	}
	return hints.Add(err, command+l.Account+" gets another grant; it must be of this user, and for mail")
}

// refusalsOf is what a daemon remembers about the account, also across a change of the rc file.
func (r *Resolver) refusalsOf(key string) *fetch.Refusals {
	if !r.env.Remember {
		return nil
	}
	// Created here and kept for ever: the accounts of a file are few, and one that is gone today may be back
	// after the next reload.
	if r.refusals[key] == nil {
		r.refusals[key] = new(fetch.Refusals)
	}
	return r.refusals[key]
}

// Retry makes all accounts try again what they have set aside, and grants that their providers called dead.
func (r *Resolver) Retry() {
	if g := r.env.Secrets.Grants; g != nil {
		g.Retry()
	}
	for _, m := range r.refusals {
		m.Retry()
	}
}

// isInFile tells whether the file says o, and not the command line.
func isInFile(o rcfile.Opt[bool]) bool { return o.Pos.Line > 0 }

// setRetrieval copies the settings that say what to retrieve, when, and what to do with it on the server.
func setRetrieval(a *fetch.Account, poll *rcfile.Poll, u *rcfile.User) {
	a.Mailboxes, a.Patterns = u.Folders, u.FolderPatterns
	a.Disposal = disposal(u)
	a.FetchAll = u.FetchAll.Value
	a.Flush, a.LimitFlush = u.Flush.Value, u.LimitFlush.Value
	a.Limit, a.FetchLimit = int64(u.Limit.Value), u.FetchLimit.Value
	a.RateLimit = int64(u.RateLimit.Value)
	a.Expunge = u.Expunge.Value
	a.Warnings = seconds(u.Warnings.Or(defaultWarnings))
	a.Compress = u.Compress.Value
	a.Idle, a.IdleTimeout = u.Idle.Value, seconds(u.IdleTimeout.Or(defaultIdleTimeout))
	a.KeepAlive = poll.KeepAlive.Value
	a.Every, a.Interval = seconds(poll.Every.Value), poll.Interval.Value
	a.RejectBad = poll.BadHeader.Value == "reject"

	switch poll.RetrieveError.Value {
	case "abort":
		a.RetrieveError = fetch.Abort
	case "markseen":
		a.RetrieveError = fetch.MarkSeen
	}
}

// setDelivery sets the destination and the recipients there.
func (r *Resolver) setDelivery(a *fetch.Account, poll *rcfile.Poll, u *rcfile.User) error {
	var err error
	if a.Deliverer, err = r.openDestination(poll, u); err != nil {
		return err
	}

	if a.Folders, err = r.openFolders(poll, u); err != nil {
		return err
	}

	if a.Keys, err = keysOfLone(u); err != nil {
		return err
	}

	to := append([]delivery.Deliverer{a.Deliverer}, slices.Collect(maps.Values(a.Folders))...)
	if err := r.unfitNames(u, to); err != nil {
		return err
	}
	// After the destinations: they decide which names they can take.
	a.Recipients, a.Multidrop = r.recipients(u), r.multidrop(poll, u, to)
	a.Jobs = u.MDAJobs.Or(defaultJobs)

	// Unless the file says otherwise lines end with LF, as agents and Maildirs want it; delivery by SMTP adds
	// its own CRs.
	a.KeepCR = u.StripCR.Set && !u.StripCR.Value
	a.Headers = delivery.HeaderRules{DropStatus: u.DropStatus.Value, DropDelivered: u.DropDelivered.Value}
	if u.Rewrite.Set && u.Rewrite.Value { // fetchmail's default is on; it breaks signatures
		a.Headers.Rewrite = delivery.AddressHost(a.Host)
	}
	return nil
}
