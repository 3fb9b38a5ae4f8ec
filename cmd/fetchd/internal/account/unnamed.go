package account

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"fetchd/delivery"
	"fetchd/rcfile"
	"fetchd/tlsverify/hints"
)

// localServer is the mail server of this machine, which has the mail of entries that name no destination, as
// in fetchmail. Whether it answers is found out once: mail that goes to it today does not go to a Maildir
// tomorrow because the server is down.
type localServer struct {
	asked bool
	err   error // why it is not there
}

// askTime bounds the question. A server of this machine answers at once, but may look up who asks.
const askTime = 10 * time.Second

// Survey notes what the entries of a file tell about one another, and whether this machine has a mail server
// if one of them needs to know; it comes before its accounts are made.
func (r *Resolver) Survey(cfg *rcfile.Config) {
	r.people, r.postmaster = nil, cfg.Globals.Postmaster
	for i := range cfg.Polls {
		for j := range cfg.Polls[i].Users {
			u := &cfg.Polls[i].Users[j]
			// Nobody is asked if all entries name their destination: a connection that no configuration
			// explains would puzzle whoever reads the mail server's log.
			if NamesDestination(u) {
				continue
			}
			r.askLocal()
			if person := addressee(u); person != "" && !slices.Contains(r.people, person) {
				r.people = append(r.people, person)
			}
		}
	}
}

// askLocal finds out whether there is a mail server here.
func (r *Resolver) askLocal() {
	if r.local.asked {
		return
	}
	// Also before an error: see localServer for why there is no second attempt.
	r.local.asked = true
	// Not the caller's context: what is found here holds for the life of the process.
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	h, err := parseSMTPHost(r.localHost(), false)
	if err == nil {
		err = delivery.Greets(ctx, &h.SMTPServer)
	}
	r.local.err = err
}

// localHost is the server of this machine as smtphost names it.
func (r *Resolver) localHost() string {
	if r.env.MailServer != "" {
		return r.env.MailServer
	}
	return "localhost/25"
}

// hasLocal tells whether the mail server of this machine is to have the user's mail.
func (r *Resolver) hasLocal() bool { return r.local.asked && r.local.err == nil }

// unnamed is the destination where the file names none.
func (r *Resolver) unnamed(u *rcfile.User) destination {
	// The mail server first, even for a single user: it knows aliases and .forward files.
	if r.hasLocal() {
		return localSMTP
	}
	if err := r.isForOthers(u); err != nil {
		return destination{open: func(*Resolver, *rcfile.Poll, *rcfile.User) (delivery.Deliverer, error) {
			return nil, err
		}}
	}
	return homeMaildir
}

// localSMTP is the mail server of this machine.
var localSMTP = destination{
	reason: func(poll *rcfile.Poll, u *rcfile.User) error { return smtpReason(poll, onHost(u, "localhost")) },
	open: func(r *Resolver, poll *rcfile.Poll, u *rcfile.User) (delivery.Deliverer, error) {
		return r.openSMTP(poll, onHost(u, r.localHost()))
	},
}

// onHost is the user as if the file named the server.
func onHost(u *rcfile.User, host string) *rcfile.User {
	// A copy: the entry must go on naming no destination, or NamesDestination would say otherwise at the next
	// reload.
	named := *u
	named.SMTPHosts = []string{host}
	return &named
}

// homeMaildir is the destination where there is no mail server either and the mail is the caller's own.
var homeMaildir = destination{
	open: func(r *Resolver, _ *rcfile.Poll, u *rcfile.User) (delivery.Deliverer, error) {
		return delivery.NewMaildir(maildirOptions(u, delivery.DefaultMaildir(r.env.Home))), nil
	},
	check: func(r *Resolver, _ *rcfile.Poll, _ *rcfile.User) error {
		return checkMaildir(delivery.DefaultMaildir(r.env.Home))
	},
}

// isForOthers tells why the mail may not go to the caller's Maildir where no destination is named, nil if it
// may: there goes the caller's own mail, and never that of others, who would not find it.
func (r *Resolver) isForOthers(u *rcfile.User) error {
	var why string
	switch person := addressee(u); {
	case isMultidrop(u):
		why = "the mail is for several people"
	case person == "":
		return nil
	case !strings.EqualFold(person, r.env.Caller):
		why = fmt.Sprintf("the mail is for %q, not for %q, who runs this", person, r.env.Caller)
	// One entry for the caller does not show that the caller's Maildir is meant if another one is for
	// somebody else.
	case len(r.people) > 1:
		why = "the entries of the file are for several people: " + strings.Join(r.people, ", ")
	default:
		return nil
	}
	return hints.Errorf("name a destination with smtphost, maildir or mda",
		"no destination is named, %s, and %s", why, r.withoutLocal())
}

// withoutLocal says why this machine's mail server is not used.
func (r *Resolver) withoutLocal() string {
	if r.local.err == nil {
		return "nobody has asked for a mail server on this machine"
	}
	problem, _ := hints.Split(r.local.err)
	return "no mail server answers on this machine: " + problem
}

// Unnamed says where the user's mail goes if the file names no destination; "" if it names one, or the mail
// goes nowhere.
func (r *Resolver) Unnamed(u *rcfile.User) string {
	switch {
	case NamesDestination(u):
		return ""
	case r.hasLocal():
		return "to the mail server of this machine, which answers"
	case r.isForOthers(u) == nil:
		return "to " + delivery.DefaultMaildir(r.env.Home)
	}
	return ""
}

// addressee is the one person whom the mail is for, "" if the file names none, or more than one.
func addressee(u *rcfile.User) string {
	if len(u.Locals) != 1 {
		return ""
	}
	return u.Locals[0].Local
}
