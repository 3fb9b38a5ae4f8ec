package account

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"fetchd/cmd/fetchd/internal/shell"
	"fetchd/delivery"
	"fetchd/rcfile"
	"fetchd/tlsverify/hints"
)

// destination is a kind of delivery that the rc file may name. To add one, add a row to destinations.
type destination struct {
	isNamed func(*rcfile.User) bool
	open    func(*Resolver, *rcfile.User) (delivery.Deliverer, error)
	check   func(*Resolver, *rcfile.User) error // checks what it can without delivering; nil = nothing
}

// destinations is the table of all kinds, in fetchmail's order: the first that is named is used or refused, and never
// replaced by another.
var destinations = []destination{
	{isNamed: func(u *rcfile.User) bool { return u.BSMTP.Set }, open: refuseKind("bsmtp")},
	{isNamed: func(u *rcfile.User) bool { return u.Mbox.Set }, open: refuseKind("mbox")},
	{
		isNamed: func(u *rcfile.User) bool { return u.Maildir.Set },
		open:    openMaildir,
		check:   func(_ *Resolver, u *rcfile.User) error { return checkMaildir(u.Maildir.Value) },
	},
	{
		isNamed: func(u *rcfile.User) bool { return u.MDA.Set },
		open:    openMDA,
		check:   func(_ *Resolver, u *rcfile.User) error { return shell.Check("mda", u.MDA.Value) },
	},
	{isNamed: func(u *rcfile.User) bool { return u.LMTP.Value }, open: refuseKind("lmtp")},
	{isNamed: func(u *rcfile.User) bool { return len(u.SMTPHosts) > 0 }, open: refuseKind("smtphost")},
}

// homeMaildir is the destination if none is named and the mail is the caller's own.
var homeMaildir = destination{
	open: func(r *Resolver, _ *rcfile.User) (delivery.Deliverer, error) {
		return delivery.NewMaildir(delivery.MaildirOptions{Dir: delivery.DefaultMaildir(r.env.Home)}), nil
	},
	check: func(r *Resolver, _ *rcfile.User) error { return checkMaildir(delivery.DefaultMaildir(r.env.Home)) },
}

// destinationOf is the destination of the user's mail.
func (r *Resolver) destinationOf(u *rcfile.User) destination {
	for _, d := range destinations {
		if d.isNamed(u) {
			return d
		}
	}
	return r.unnamedDestination(u)
}

// unnamedDestination is the destination if the file names none; fetchmail would use the mail server of this machine.
func (r *Resolver) unnamedDestination(u *rcfile.User) destination {
	if err := r.refuseOthersMail(u); err != nil {
		return destination{open: func(*Resolver, *rcfile.User) (delivery.Deliverer, error) { return nil, err }}
	}
	return homeMaildir
}

// refuseOthersMail returns the reason why the mail may not go to the caller's Maildir if no destination is named, nil if
// it may. Only the caller's own mail goes there: others would not find theirs.
func (r *Resolver) refuseOthersMail(u *rcfile.User) error {
	var why string
	switch person := addressee(u); {
	case person == "":
		return nil
	case !strings.EqualFold(person, r.env.Caller):
		why = fmt.Sprintf("the mail is for %q, not for %q, who runs this", person, r.env.Caller)
	case len(r.people) > 1:
		why = "the entries of the file are for several people: " + strings.Join(r.people, ", ")
	default:
		return nil
	}
	return hints.Errorf("name a destination with maildir or mda",
		"no destination is named, and %s; delivery to the mail server of this machine is %w", why, errNotYet)
}

// DeliversHome tells whether the user's mail goes to the caller's Maildir because the file names no destination.
func (r *Resolver) DeliversHome(u *rcfile.User) bool {
	return !NamesDestination(u) && r.refuseOthersMail(u) == nil
}

// addressee is the person whom the mail is for, "" if the file names none or more than one.
func addressee(u *rcfile.User) string {
	if len(u.Locals) != 1 {
		return ""
	}
	return u.Locals[0].Local
}

// Survey notes whom the entries of a file are for, since an entry may be refused for what others say. It must be called
// before the accounts of the file are made.
func (r *Resolver) Survey(cfg *rcfile.Config) {
	r.people = nil
	for i := range cfg.Polls {
		for j := range cfg.Polls[i].Users {
			u := &cfg.Polls[i].Users[j]
			person := addressee(u)
			if person != "" && !NamesDestination(u) && !slices.Contains(r.people, person) {
				r.people = append(r.people, person)
			}
		}
	}
}

// NamesDestination tells whether the rc file says where the user's mail goes.
func NamesDestination(u *rcfile.User) bool {
	for _, d := range destinations {
		if d.isNamed(u) {
			return true
		}
	}
	return false
}

// ForgetDestinations removes the destinations that the file names, so that another one can be set.
func ForgetDestinations(u *rcfile.User) {
	u.MDA, u.Maildir, u.Mbox, u.BSMTP = rcfile.Opt[string]{}, rcfile.Opt[string]{}, rcfile.Opt[string]{}, rcfile.Opt[string]{}
	u.LMTP, u.SMTPHosts = rcfile.Opt[bool]{}, nil
}

func (r *Resolver) openDestination(u *rcfile.User) (delivery.Deliverer, error) {
	return r.destinationOf(u).open(r, u)
}

// errNotYet is the reason for refusing an account that needs something that is still missing here.
var errNotYet = errors.New("not in this version")

// refuseKind refuses a kind of delivery that this version does not have: an account never runs as if the keyword were
// absent.
func refuseKind(keyword string) func(*Resolver, *rcfile.User) (delivery.Deliverer, error) {
	return func(*Resolver, *rcfile.User) (delivery.Deliverer, error) { return nil, notYet(keyword) }
}

func notYet(what string) error { return fmt.Errorf("%s is %w", what, errNotYet) }

func openMaildir(_ *Resolver, u *rcfile.User) (delivery.Deliverer, error) {
	if u.MDA.Set {
		return nil, errors.New("maildir and mda are both set; remove one of them")
	}
	dir, err := filepath.Abs(u.Maildir.Value)
	return delivery.NewMaildir(delivery.MaildirOptions{Dir: dir}), err
}

func openMDA(r *Resolver, u *rcfile.User) (delivery.Deliverer, error) {
	d, err := delivery.NewMDA(delivery.MDAOptions{
		Command: u.MDA.Value, Timeout: seconds(u.MDATimeout.Value), User: r.env.AgentUser,
		Recipients: r.recipients(u),
	})
	if err != nil {
		return nil, &rcfile.Error{Pos: u.MDA.Pos, Msg: err.Error()}
	}
	return d, nil
}

// recipients are the local names that the account's mail is for.
func (r *Resolver) recipients(u *rcfile.User) []string {
	if len(u.Locals) > 0 {
		return []string{u.Locals[0].Local}
	}
	return []string{r.env.Caller}
}
