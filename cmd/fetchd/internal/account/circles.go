package account

import (
	"fmt"
	"slices"
	"strings"

	"fetchd/fetch"
	"fetchd/rcfile"
)

// circleEntry is an entry as far as its mail may come back to it.
type circleEntry struct {
	name string
	poll *rcfile.Poll
	u    *rcfile.User
}

// circleStep is the mail of one mailbox that an entry retrieves.
type circleStep struct {
	e       *circleEntry
	mailbox string
}

// circles looks for mail that goes in a circle.
type circles struct {
	byLogin  map[string][]*circleEntry // by the login's name
	login    func(*rcfile.User) string
	done     map[circleStep]bool
	most     int // of them
	warnings []Warning
}

// How far mail is followed, and how many steps are looked at beside ten for each entry: with %folder each may
// be to a folder of another name.
const (
	circleLength = 50
	circleSteps  = 1000
)

// Circles warns about entries whose mail comes back to them by way of others: each appends it to a folder, or
// moves it to one, that the next one retrieves. What an entry does alone is refused, see appendReason and
// disposalReason.
func (r *Resolver) Circles(polls []*rcfile.Poll) []Warning {
	c := &circles{
		byLogin: map[string][]*circleEntry{}, login: r.loginName, done: map[circleStep]bool{},
	}
	var all []*circleEntry
	for _, poll := range polls {
		for i := range poll.Users {
			u := &poll.Users[i]
			e := &circleEntry{r.Name(poll, u), poll, u}
			all, c.byLogin[c.login(u)] = append(all, e), append(c.byLogin[c.login(u)], e)
		}
	}

	c.most = circleSteps + 10*len(all)
	for _, e := range all {
		for _, mailbox := range namedFolders(e.u) {
			c.follow([]circleStep{{e, canonical(mailbox)}})
		}
	}
	return c.warnings
}

// follow follows the mail of the last step, and warns if it has been there before.
func (c *circles) follow(way []circleStep) {
	step := way[len(way)-1]
	if at := slices.Index(way, step); at < len(way)-1 {
		c.warn(way[at : len(way)-1])
		return
	}
	if c.done[step] || len(way) > circleLength || len(c.done) > c.most {
		return
	}

	c.done[step] = true
	for _, next := range c.next(step) {
		c.follow(append(slices.Clone(way), next))
	}
}

func (c *circles) warn(circle []circleStep) {
	var names []string
	for _, step := range circle[1:] {
		names = append(names, step.e.name)
	}
	c.warnings = append(c.warnings, Warning{circle[0].e.name, fmt.Sprintf(
		"mail from %q goes in a circle and comes back again and again, by way of %s", circle[0].mailbox,
		strings.Join(names, ", "))})
}

// next are the steps that mail takes from there.
func (c *circles) next(step circleStep) (all []circleStep) {
	e := step.e
	for _, t := range e.targets(step.mailbox) {
		for _, other := range c.byLogin[t.user] {
			if mailbox := canonical(t.folder(step.mailbox)); other != e && other.retrieves(t, mailbox) {
				all = append(all, circleStep{other, mailbox})
			}
		}
	}

	// In the login's own mailbox, which another entry may know by another name.
	to := disposal(e.u).MoveTo
	port, _ := portOf(e.poll)
	own := &appendTarget{host: Host(e.poll), port: port}
	for _, other := range c.byLogin[c.login(e.u)] {
		if to != "" && other != e && other.retrieves(own, canonical(to)) {
			all = append(all, circleStep{other, canonical(to)})
		}
	}
	return all
}

// targets are the folders of append that mail of the mailbox goes to.
func (e *circleEntry) targets(mailbox string) (all []*appendTarget) {
	list := e.u.Deliver
	if _, to, err := folders(e.u); err == nil && to[mailbox] != nil {
		list = to[mailbox]
	}
	if len(list) == 0 && !e.u.Append.Set {
		return nil
	}

	add := func(_ string, one *rcfile.User) error {
		if t, err := parseAppend(one); one.Append.Set && err == nil { // else it is reported elsewhere
			all = append(all, t)
		}
		return nil
	}
	if len(list) == 0 {
		_ = add("", e.u)
	} else {
		_ = each(e.u, list, add)
	}
	return all
}

// retrieves tells whether the entry retrieves that mailbox of the target's server.
func (e *circleEntry) retrieves(t *appendTarget, mailbox string) bool {
	isMeant := func(pattern string) bool { return isLike(mailbox, pattern) }
	isNamed := func(name string) bool { return canonical(name) == mailbox }
	if !t.isAt(e.poll) {
		return false
	}
	if RetrievalProtocol(e.poll.Protocol.Value) == fetch.POP3 {
		return mailbox == "INBOX"
	}
	return slices.ContainsFunc(namedFolders(e.u), isNamed) || slices.ContainsFunc(e.u.FolderPatterns, isMeant)
}
