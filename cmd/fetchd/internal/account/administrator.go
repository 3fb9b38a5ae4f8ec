package account

import (
	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/rcfile"
	"fetchd/tlsverify/hints"
)

// Administrator is whom the notices about all accounts of cfg go to: the postmaster, at the destination that
// "set notify" names. It is an account without a server, of which only DeliverNotice may be called; nil =
// there is none.
func (r *Resolver) Administrator(cfg *rcfile.Config) (*fetch.Account, error) {
	if !cfg.Globals.Notify.Set {
		return nil, nil
	}

	r.postmaster = cfg.Globals.Postmaster
	poll, u := r.administratorEntry(cfg)
	d, err := r.openNotify(poll, u)
	if err != nil {
		return nil, &rcfile.Error{Pos: cfg.Globals.Notify.Pos, Msg: "notify: " + err.Error()}
	}
	return &fetch.Account{
		Name: poll.Name, Log: r.env.Log,
		Delivery: fetch.Delivery{
			Deliverer: d, Recipients: r.recipients(u), Hostname: r.env.Hostname, Version: r.env.Version,
		},
	}, nil
}

// CheckAdministrator finds out what it can about that destination without delivering. What it finds may be
// mended until there is a notice, and is no mistake in the file; for these see Administrator.
func (r *Resolver) CheckAdministrator(cfg *rcfile.Config) error {
	if a, err := r.Administrator(cfg); a == nil || err != nil {
		return nil
	}
	poll, u := r.administratorEntry(cfg)
	return r.checkAll(poll, u, u.Deliver)
}

// administratorEntry is an entry for the postmaster's mail, so that notify means what deliver does.
func (r *Resolver) administratorEntry(cfg *rcfile.Config) (*rcfile.Poll, *rcfile.User) {
	name := r.postmasterName()
	return &rcfile.Poll{Name: "notices"}, &rcfile.User{
		Deliver: []rcfile.Opt[string]{cfg.Globals.Notify},
		Locals:  []rcfile.LocalName{{Server: name, Local: name}},
	}
}

func (r *Resolver) openNotify(poll *rcfile.Poll, u *rcfile.User) (delivery.Deliverer, error) {
	if r.postmasterName() == "" {
		return nil, hints.Errorf("name somebody with \"set postmaster\"", "there is no postmaster")
	}
	if err := r.severalReason(poll, u); err != nil {
		return nil, err
	}
	d, err := r.openAll(poll, u, u.Deliver)
	if err != nil {
		return nil, err
	}
	return d, r.unfitNames(u, []delivery.Deliverer{d})
}
