package account

import (
	"fmt"
	"slices"
	"strings"

	"fetchd/delivery"
	"fetchd/rcfile"
	"fetchd/tlsverify/hints"
)

// isMultidrop tells whether the mailbox holds the mail of several users: more than one local name, or any.
func isMultidrop(u *rcfile.User) bool { return len(u.Locals) > 1 || u.Wildcard }

// multidropReason is why nobody can tell whom the messages of a shared mailbox are for.
func multidropReason(poll *rcfile.Poll, u *rcfile.User) error {
	if !isMultidrop(u) || poll.Envelope.Set {
		return nil
	}
	return hints.Errorf(`write the one that the server adds, as in envelope "X-Original-To"; `+
		`"no envelope" takes To and Cc for it, which misses mailing lists and blind copies`,
		"several local names (multidrop), and nothing says which header field names a message's recipients")
}

// postmasterName is the user who gets mail for nobody: as in fetchmail the one who runs the program, but not
// root. "" = that is discarded.
func (r *Resolver) postmasterName() string {
	switch {
	case r.postmaster.Set:
		return r.postmaster.Value
	case r.env.Caller == "root":
		return "postmaster"
	}
	return r.env.Caller
}

// recipients are the local names that the account's mail is for; for a shared mailbox, the one who gets
// notices.
func (r *Resolver) recipients(u *rcfile.User) []string {
	switch {
	case isMultidrop(u) && r.postmasterName() == "":
		return nil
	case isMultidrop(u):
		return []string{r.postmasterName()}
	case len(u.Locals) > 0:
		return []string{u.Locals[0].Local}
	}
	return []string{r.env.Caller}
}

// localNames are all local names that the file has for the account.
func (r *Resolver) localNames(u *rcfile.User) []string {
	names := slices.Clone(r.recipients(u))
	for _, n := range u.Locals {
		if !slices.Contains(names, n.Local) {
			names = append(names, n.Local)
		}
	}
	return names
}

// multidrop finds the recipients of the messages of a shared mailbox; nil = it is the mailbox of one.
func (r *Resolver) multidrop(poll *rcfile.Poll, u *rcfile.User, to []delivery.Deliverer) *delivery.Multidrop {
	if !isMultidrop(u) {
		return nil
	}

	d := &delivery.Multidrop{
		// as some write it, which fetchmail takes
		Field: strings.TrimRight(poll.Envelope.Value, ": "), Skip: poll.EnvSkip.Value,
		// Both names: the entry may have a name that only via explains, and recipients are at either.
		Prefix: poll.QVirtual.Value, Hosts: []string{poll.Name, Host(poll)}, Aliases: poll.AKA,
		Domains: poll.LocalDomains, Names: make(map[string]string, len(u.Locals)), Any: u.Wildcard,
		Postmaster: r.postmasterName(),
	}

	for _, n := range u.Locals {
		if key := strings.ToLower(n.Server); d.Names[key] == "" { // as in fetchmail the first counts
			d.Names[key] = n.Local
		}
	}

	d.Takes = func(name string) bool {
		return !slices.ContainsFunc(to, func(t delivery.Deliverer) bool { return !delivery.Takes(t, name) })
	}
	// With %T in its path a name becomes a directory, which must be there already: a stranger must not be
	// able to create directories by writing to made-up recipients.
	d.Exists = func(name string) bool {
		return !slices.ContainsFunc(to, func(t delivery.Deliverer) bool { return !delivery.Exists(t, name) })
	}
	return d
}

// unfitNames refuses local names that the destination can't have mail for.
func (r *Resolver) unfitNames(u *rcfile.User, to []delivery.Deliverer) error {
	for _, d := range to {
		for _, name := range r.localNames(u) {
			// Refused at the start, not at the first message: one that can't be delivered would be tried
			// again and again.
			if !delivery.Takes(d, name) {
				return hints.Errorf("name another local name",
					"%s can't be told the local name %.100q", d, name)
			}
		}
	}
	return nil
}

// describeMultidrop says how the recipients are found.
func (r *Resolver) describeMultidrop(poll *rcfile.Poll, u *rcfile.User) string {
	from := "the To, Cc and Bcc fields"
	if field := poll.Envelope.Value; field != "" {
		from = fmt.Sprintf("the field %s", field)
	}
	if n := poll.EnvSkip.Value; n > 0 {
		from += fmt.Sprintf(", after %d of that name", n)
	}

	whom := strings.Join(localNamesOf(u), ", ")
	if u.Wildcard {
		whom = strings.TrimPrefix(whom+", any other", ", ")
	}

	left := "discarded"
	if name := r.postmasterName(); name != "" {
		left = "for " + name
	}
	return fmt.Sprintf("from %s, for %s; what is nobody's is %s", from, whom, left)
}

func localNamesOf(u *rcfile.User) []string {
	var names []string
	for _, n := range u.Locals {
		if n.Server != n.Local {
			n.Local = n.Server + "=" + n.Local
		}
		names = append(names, n.Local)
	}
	return names
}
