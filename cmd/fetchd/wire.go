package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/net/idna"

	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/fetch/imap"
	"fetchd/fetch/journal"
	"fetchd/fetch/pop3"
	"fetchd/fetch/wire"
	"fetchd/rcfile"
	"fetchd/tlsverify"
)

// wiring turns polls and users of the rc file into accounts. It, with trust.go and destination.go, is the only place that
// knows all packages.
type wiring struct {
	env       func(string) string
	places    *places
	log       *slog.Logger
	journal   *journal.Journal
	invisible bool
	hostname  string
	secrets   *secrets
	sessions  tls.ClientSessionCache
	imap      *imap.Memory
	pop3      *pop3.Memory
	memories  map[string]*fetch.Memory // of a daemon, by login; nil = one pass
	resolver  tlsverify.SRVResolver
	trace     func(account string) func(line string) // nil = no trace
	key       []byte                                 // of this process: makes Account.Settings tell nothing about secrets
}

// refusedError says that one account can't be retrieved from; the others can.
type refusedError struct {
	account string
	err     error
}

func (e *refusedError) Error() string { return e.account + ": " + e.err.Error() }

func (e *refusedError) Unwrap() error { return e.err }

// errNotYet is what an account that needs something still missing is refused with.
var errNotYet = errors.New("not in this version")

func notYet(what string) error { return fmt.Errorf("%s is %w", what, errNotYet) }

// accounts wires the polls. The error joins a *refusedError for each account that can't be retrieved from, and an
// *rcfile.Error for each value that makes no sense; with one of the latter there are no accounts.
func (w *wiring) accounts(polls []*rcfile.Poll) ([]*fetch.Account, error) {
	var all []*fetch.Account
	var errs []error
	broken := false
	for _, poll := range polls {
		for i := range poll.Users {
			a, err := w.account(poll, &poll.Users[i])
			var mistake *rcfile.Error
			switch {
			case errors.As(err, &mistake):
				errs, broken = append(errs, err), true
			case err != nil:
				errs = append(errs, &refusedError{w.name(poll, &poll.Users[i]), err})
			default:
				all = append(all, a)
			}
		}
	}
	if broken {
		return nil, errors.Join(errs...)
	}
	all = apart(all, func(a *fetch.Account, text string) { w.log.Warn(text, "account", a.Name) })
	return all, errors.Join(errs...)
}

// login is the name that the account logs in with: the one in the rc file, else that in the client certificate, else the
// caller's.
func (w *wiring) login(u *rcfile.User) string {
	if !u.Remote.Set && u.SSLCert.Set {
		if name := certificateName(u.SSLCert.Value); name != "" {
			return name
		}
	}
	return u.Remote.Or(w.places.caller)
}

// certificateName is the common name in the first certificate of a PEM file, "" if there is none: what is wrong with the
// file is said where it is used.
func certificateName(path string) string {
	name, err := tlsverify.ClientName(path)
	if err != nil || strings.ContainsFunc(name, unicode.IsControl) {
		return ""
	}
	return name
}

// name is the account's name in the log, as fetchmail has it.
func (w *wiring) name(poll *rcfile.Poll, u *rcfile.User) string { return w.login(u) + "@" + poll.Name }

// host is what is dialled; an IPv6 address may stand in brackets, as in a URL.
func host(poll *rcfile.Poll) string {
	text := poll.Via.Or(poll.Name)
	if bare, ok := strings.CutPrefix(strings.TrimSuffix(text, "]"), "["); ok && net.ParseIP(bare) != nil {
		return bare
	}
	if ascii, err := idna.Lookup.ToASCII(text); err == nil && strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII }) {
		return ascii // resolvers know no other form (RFC 5891)
	}
	return text
}

// account wires one user of a poll.
func (w *wiring) account(poll *rcfile.Poll, u *rcfile.User) (*fetch.Account, error) {
	if err := unsupported(u); err != nil {
		return nil, err
	}
	port, err := port(poll)
	if err != nil {
		return nil, err
	}
	if _, err := wire.PluginCommand(poll.Plugin.Value, host(poll), port); err != nil {
		return nil, &rcfile.Error{Pos: poll.Plugin.Pos, Msg: err.Error()}
	}
	a := &fetch.Account{
		Name: w.name(poll, u), Poll: poll.Name, Key: w.journalKey(poll, u, port),
		Host: host(poll), Port: port, Plugin: poll.Plugin.Value, Auth: poll.Auth.Or("any"), User: w.login(u),
		Timeout: timeout(poll),
		Version: "fetchd/" + version, Hostname: w.hostname, Received: !w.invisible, TracePolls: poll.TracePolls.Value,
		Journal: w.journal, Log: w.log, Settings: w.settings(poll, u),
	}
	w.setProtocol(a, poll)
	if err := w.setTrust(a, poll, u); err != nil {
		return nil, err
	}
	if w.trace != nil {
		a.Trace = w.trace(a.Name)
	}
	a.Password = w.secrets.password(w.lookup(poll, u))
	w.setRetrieval(a, poll, u)
	if poll.SRV.Value {
		if err := w.setDiscovery(a, poll, u); err != nil {
			return nil, err
		}
	}
	a.Memory = w.memory(a)
	a.Connect = w.withPassword(a.Connect, w.lookup(poll, u))
	a.Connect = hooked(a.Connect, u.Preconnect.Value, u.Postconnect.Value)
	a.RejectBad = poll.BadHeader.Value == "reject"
	return a, w.setDelivery(a, u)
}

// withPassword does not connect where no password can be had, as fetchmail does not. A plugin may log in by itself.
func (w *wiring) withPassword(connect fetch.Connector, l lookup) fetch.Connector {
	return func(ctx context.Context, a *fetch.Account) (fetch.Session, error) {
		if err := w.secrets.missing(l); err != nil && a.Plugin == "" {
			return nil, err
		}
		return connect(ctx, a)
	}
}

// memory is what the daemon remembers of the account's login, also across a change of the rc file.
func (w *wiring) memory(a *fetch.Account) *fetch.Memory {
	if w.memories == nil {
		return nil
	}
	if w.memories[a.Key] == nil {
		w.memories[a.Key] = new(fetch.Memory)
	}
	return w.memories[a.Key]
}

// What the rc file's table of keywords shows where nothing is said; a test compares.
const (
	defaultTimeout     = 300  // seconds, fetchmail's
	defaultWarnings    = 3600 // seconds, fetchmail's
	defaultIdleTimeout = 1680 // seconds: servers may end IDLE after 30 minutes (RFC 2177)
	defaultExpiryWarn  = 14   // days
	defaultJobs        = 1
)

// timeout never is 0, which fetchmail takes as "wait for ever".
func timeout(poll *rcfile.Poll) time.Duration {
	if s := poll.Timeout.Or(defaultTimeout); s > 0 {
		return duration(s)
	}
	return duration(defaultTimeout)
}

func duration(seconds int) time.Duration { return time.Duration(seconds) * time.Second }

// setProtocol chooses the protocol and how it connects.
func (w *wiring) setProtocol(a *fetch.Account, poll *rcfile.Poll) {
	switch poll.Protocol.Or("auto") {
	case "apop":
		a.Protocol, a.Connect, a.Auth = fetch.POP3, w.pop3.Connect, "apop"
	case "imap":
		a.Protocol, a.Connect = fetch.IMAP, w.imap.Connect
	case "auto":
		a.Protocol, a.Connect = fetch.Auto, fetch.FirstOf(w.imap.Connect, w.pop3.Connect)
	default:
		a.Protocol, a.Connect = fetch.POP3, w.pop3.Connect
	}
}

// setRetrieval copies what to retrieve and what to do with it on the server.
func (w *wiring) setRetrieval(a *fetch.Account, poll *rcfile.Poll, u *rcfile.User) {
	a.Mailboxes, a.Patterns = u.Folders, u.FolderPatterns
	a.Keep, a.FetchAll, a.Flush, a.LimitFlush = u.Keep.Value, u.FetchAll.Value, u.Flush.Value, u.LimitFlush.Value
	a.MarkSeen, a.MoveTo = u.MarkSeen.Or(true), u.MoveTo.Value
	a.Limit, a.FetchLimit, a.RateLimit = int64(u.Limit.Value), u.FetchLimit.Value, int64(u.RateLimit.Value)
	a.Expunge = u.Expunge.Value
	a.Warnings = duration(u.Warnings.Or(defaultWarnings))
	a.Compress = u.Compress.Value
	a.Idle, a.IdleTimeout, a.KeepAlive = u.Idle.Value, duration(u.IdleTimeout.Or(defaultIdleTimeout)), poll.KeepAlive.Value
	a.Every, a.Interval = duration(poll.Every.Value), poll.Interval.Value
	switch poll.RetrieveError.Value {
	case "abort":
		a.RetrieveError = fetch.Abort
	case "markseen":
		a.RetrieveError = fetch.MarkSeen
	}
}

// setDelivery chooses the destination and who gets the mail there.
func (w *wiring) setDelivery(a *fetch.Account, u *rcfile.User) error {
	var err error
	if a.Deliverer, err = destination(u, w.places, w.places.agent); err != nil {
		return err
	}
	a.Recipients = recipients(u, w.places)
	a.Jobs = u.MDAJobs.Or(defaultJobs)
	a.KeepCR = u.StripCR.Set && !u.StripCR.Value
	a.Headers = delivery.HeaderRules{DropStatus: u.DropStatus.Value, DropDelivered: u.DropDelivered.Value}
	if u.Rewrite.Set && u.Rewrite.Value { // fetchmail's default is on; it breaks signatures
		a.Headers.Rewrite = delivery.AddressHost(a.Host)
	}
	return nil
}

// port gives the number of the service, 0 where the protocol's default is meant.
func port(poll *rcfile.Poll) (int, error) {
	if !poll.Service.Set || poll.Service.Value == "" {
		return 0, nil
	}
	n, err := servicePort(poll.Service.Value)
	if err != nil {
		return 0, &rcfile.Error{Pos: poll.Service.Pos, Msg: err.Error(), Hint: "write the port number"}
	}
	return n, nil
}

// servicePort gives the number of a service that is one, or a name that the system knows.
func servicePort(service string) (int, error) {
	n, err := strconv.Atoi(service)
	if err != nil {
		n, err = net.LookupPort("tcp", service)
	}
	if err != nil || n < 1 || n > 65535 {
		return 0, fmt.Errorf("service %q is neither a port (1 to 65535) nor a known name", service)
	}
	return n, nil
}

// journalKey names the account in the journal: poll, via, port and user, none of which can imitate another.
func (w *wiring) journalKey(poll *rcfile.Poll, u *rcfile.User, port int) string {
	parts := []string{poll.Name, poll.Via.Value, strconv.Itoa(port), w.login(u)}
	for i := range parts {
		parts[i] = strings.NewReplacer("%", "%25", "|", "%7C").Replace(parts[i])
	}
	return strings.Join(parts, "|")
}
