package account

import (
	"path/filepath"
	"slices"
	"strings"

	"fetchd/cmd/fetchd/internal/shell"
	"fetchd/delivery"
	"fetchd/rcfile"
	"fetchd/tlsverify/hints"
)

// destination is a kind of delivery that the rc file may name. To add one, add a row to destinations;
// docs/design.md names the other places.
type destination struct {
	kind    string // the keyword, and what stands before the colon in deliver
	set     func(*rcfile.User, rcfile.Opt[string])
	isNamed func(*rcfile.User) bool
	// reason is why the entry can't be delivered for, found without opening a file; nil = open tells.
	reason func(*rcfile.Poll, *rcfile.User) error
	open   func(*Resolver, *rcfile.Poll, *rcfile.User) (delivery.Deliverer, error)
	// what can be found out without delivering; nil = nothing
	check func(*Resolver, *rcfile.Poll, *rcfile.User) error
}

// destinations is the table of all kinds, ours and then in fetchmail's order: the first that is named is used
// or refused, and never replaced by another.
var destinations = []destination{
	{
		kind:    "append",
		set:     func(u *rcfile.User, v rcfile.Opt[string]) { u.Append = v },
		isNamed: func(u *rcfile.User) bool { return u.Append.Set },
		reason:  appendReason,
		open:    (*Resolver).openAppend,
		check:   checkAppend,
	},
	{
		kind:    "bsmtp",
		set:     func(u *rcfile.User, v rcfile.Opt[string]) { u.BSMTP = v },
		isNamed: func(u *rcfile.User) bool { return u.BSMTP.Set },
		open:    (*Resolver).openBSMTP,
		check: func(_ *Resolver, _ *rcfile.Poll, u *rcfile.User) error {
			if u.BSMTP.Value == delivery.BSMTPOutput {
				return nil
			}
			return checkMailFile(u.BSMTP.Value, delivery.CheckBSMTP)
		},
	},
	{
		kind:    "mbox",
		set:     func(u *rcfile.User, v rcfile.Opt[string]) { u.Mbox = v },
		isNamed: func(u *rcfile.User) bool { return u.Mbox.Set },
		open:    (*Resolver).openMbox,
		check: func(_ *Resolver, _ *rcfile.Poll, u *rcfile.User) error {
			return checkMailFile(u.Mbox.Value, delivery.CheckMbox)
		},
	},
	{
		kind:    "maildir",
		set:     func(u *rcfile.User, v rcfile.Opt[string]) { u.Maildir = v },
		isNamed: func(u *rcfile.User) bool { return u.Maildir.Set },
		open:    openMaildir,
		check: func(_ *Resolver, _ *rcfile.Poll, u *rcfile.User) error {
			return checkMaildir(u.Maildir.Value)
		},
	},
	{
		kind:    "mda",
		set:     func(u *rcfile.User, v rcfile.Opt[string]) { u.MDA = v },
		isNamed: func(u *rcfile.User) bool { return u.MDA.Set },
		open:    openMDA,
		check: func(_ *Resolver, _ *rcfile.Poll, u *rcfile.User) error {
			return shell.Check("mda", u.MDA.Value)
		},
	},
	{
		kind:    "smtp",
		set:     func(u *rcfile.User, v rcfile.Opt[string]) { u.SMTPHosts = []string{v.Value} },
		isNamed: func(u *rcfile.User) bool { return len(u.SMTPHosts) > 0 && !u.LMTP.Value },
		reason:  smtpReason,
		open:    (*Resolver).openSMTP,
		check:   checkSMTP,
	},
	{
		kind: "lmtp",
		set: func(u *rcfile.User, v rcfile.Opt[string]) {
			u.SMTPHosts, u.LMTP = []string{v.Value}, rcfile.Some(true)
		},
		isNamed: func(u *rcfile.User) bool { return u.LMTP.Value },
		reason:  smtpReason,
		open:    (*Resolver).openSMTP,
		check:   checkSMTP,
	},
}

// destinationOf is the destination of the user's mail.
func (r *Resolver) destinationOf(u *rcfile.User) destination {
	if len(u.Deliver) > 0 {
		return r.several()
	}
	for _, d := range destinations {
		if d.isNamed(u) {
			return d
		}
	}
	return r.unnamed(u)
}

// NamesDestination tells whether the rc file says where the user's mail goes.
func NamesDestination(u *rcfile.User) bool {
	isNamed := func(d destination) bool { return d.isNamed(u) }
	return len(u.Deliver) > 0 || slices.ContainsFunc(destinations, isNamed)
}

// ForgetDestinations removes the destinations that the file names, so that another one can be set.
func ForgetDestinations(u *rcfile.User) {
	var unset rcfile.Opt[string]
	u.MDA, u.Maildir, u.Mbox, u.BSMTP, u.Append = unset, unset, unset, unset, unset
	u.LMTP, u.SMTPHosts = rcfile.Opt[bool]{}, nil
	u.Deliver, u.FolderDeliver = nil, nil
}

func (r *Resolver) openDestination(poll *rcfile.Poll, u *rcfile.User) (delivery.Deliverer, error) {
	return r.destinationOf(u).open(r, poll, u)
}

// destinationReason is why the user's mail can't be delivered, as far as the entry tells.
func (r *Resolver) destinationReason(poll *rcfile.Poll, u *rcfile.User) error {
	d := r.destinationOf(u)
	if d.reason != nil {
		return d.reason(poll, u)
	}
	_, err := d.open(r, poll, u)
	return err
}

func openMaildir(_ *Resolver, _ *rcfile.Poll, u *rcfile.User) (delivery.Deliverer, error) {
	if u.MDA.Set {
		return nil, hints.Errorf("remove one of them", "maildir and mda are both set")
	}
	if strings.Contains(strings.TrimSuffix(u.Maildir.Value, folderPart), delivery.FolderPlace) {
		return nil, hints.Errorf("write it as the last part of the path, once",
			"maildir: %s is within a name, or not at the end", delivery.FolderPlace)
	}

	return placeFor(u, "Maildir", u.Maildir.Value, func(path string) delivery.Deliverer {
		dir, perFolder := strings.CutSuffix(path, folderPart)
		o := maildirOptions(u, dir)
		if perFolder {
			return delivery.NewMaildirFolders(o)
		}
		return delivery.NewMaildir(o)
	})
}

func maildirOptions(u *rcfile.User, dir string) delivery.MaildirOptions {
	return delivery.MaildirOptions{Dir: dir, KeepFlags: u.KeepFlags.Value, KeepDate: u.KeepDate.Value}
}

// folderPart is the end of a Maildir's path that stands for the source's folder.
const folderPart = "/" + delivery.FolderPlace

func (r *Resolver) openMbox(_ *rcfile.Poll, u *rcfile.User) (delivery.Deliverer, error) {
	if u.Maildir.Set || u.MDA.Set {
		return nil, hints.Errorf("remove one of them", "mbox and another destination are both set")
	}
	at := func(path string) delivery.Deliverer { return r.mboxes.At(path) }
	return placeFor(u, "mbox", u.Mbox.Value, at)
}

func (r *Resolver) openBSMTP(_ *rcfile.Poll, u *rcfile.User) (delivery.Deliverer, error) {
	if u.Maildir.Set || u.Mbox.Set {
		return nil, hints.Errorf("remove one of them", "bsmtp and another destination are both set")
	}
	if u.BSMTP.Value == delivery.BSMTPOutput && r.env.Remember {
		return nil, hints.Errorf("name a file, or run without daemon",
			"bsmtp '-' is the standard output, which a daemon does not have")
	}

	o := delivery.BSMTPOptions{
		Path: u.BSMTP.Value, Output: r.env.Output, Name: r.env.Hostname, Domain: u.SMTPAddress.Value,
		Recipient: u.SMTPName.Value,
	}
	if r.batches[o] == nil { // accounts that say the same don't mix what they print
		r.batches[o] = delivery.NewBSMTP(o)
	}
	return r.batches[o], nil
}

// PrintsMail tells whether mail of one of the polls goes to the standard output.
func PrintsMail(polls []*rcfile.Poll) bool {
	return slices.ContainsFunc(polls, func(poll *rcfile.Poll) bool {
		return slices.ContainsFunc(poll.Users, printsMail)
	})
}

func printsMail(u rcfile.User) bool {
	isOutput := func(o rcfile.Opt[string]) bool { return o.Value == "bsmtp:"+delivery.BSMTPOutput }
	return u.BSMTP.Value == delivery.BSMTPOutput || slices.ContainsFunc(u.Deliver, isOutput) ||
		slices.ContainsFunc(u.FolderDeliver, isOutput)
}

// placeFor is the destination at a path: one for all, or with %T in the path one for each recipient.
func placeFor(u *rcfile.User, what, path string, at func(path string) delivery.Deliverer) (
	delivery.Deliverer, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}

	switch {
	case strings.Contains(path, delivery.UserPlace):
		return delivery.NewPerUser(path, at), nil
	case isMultidrop(u):
		return nil, hints.Errorf(
			"write %T into its path, which becomes the name, or name smtphost, lmtp or mda",
			"one %s for the mail of several local names", what)
	}
	return at(path), nil
}

func openMDA(r *Resolver, _ *rcfile.Poll, u *rcfile.User) (delivery.Deliverer, error) {
	d, err := delivery.NewMDA(delivery.MDAOptions{
		Command: u.MDA.Value, Timeout: seconds(u.MDATimeout.Value), User: r.env.AgentUser,
		Recipients: r.localNames(u),
	})
	if err != nil {
		return nil, &rcfile.Error{Pos: u.MDA.Pos, Msg: err.Error()}
	}
	return d, nil
}
