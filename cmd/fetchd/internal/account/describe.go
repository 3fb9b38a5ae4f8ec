package account

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"fetchd/fetch"
	"fetchd/rcfile"
)

// Summary describes in one line what is done for an account.
func Summary(a *fetch.Account) string {
	text := fmt.Sprintf("%s: %s from %s", a.Name, a.Protocol, a.Host)
	if a.Port != 0 {
		text += fmt.Sprintf(" port %d", a.Port)
	}

	switch a.TLS {
	case fetch.StartTLS:
		text += " with STARTTLS"
	case fetch.Wrapped:
		text += " with TLS"
	default:
		text += " in clear text"
	}

	before := ", folders "
	for _, name := range slices.Concat(a.Mailboxes, a.Patterns) {
		text += fmt.Sprintf("%s%q", before, name)
		before = ", "
	}

	if a.Keep {
		text += ", kept there"
	}
	if a.Multidrop != nil {
		text += ", for several local names"
	}

	text += ", into " + a.Deliverer.String()
	for _, folder := range slices.Sorted(maps.Keys(a.Folders)) {
		text += fmt.Sprintf("; mail of %s into %s", folder, a.Folders[folder])
	}
	return text
}

// Describe describes the entry's settings as they result from defaults, file and command line. The lines hold
// no secret, but what they quote from the file is not escaped.
func (r *Resolver) Describe(poll *rcfile.Poll, u *rcfile.User) []string {
	server := Host(poll)
	if poll.Service.Value != "" {
		server += ", port " + poll.Service.Value
	}

	lines := []string{
		fmt.Sprintf("Server: %s, protocol %s, time-out %d s",
			server, poll.Protocol.Or("auto"), int(timeout(poll).Seconds())),
		fmt.Sprintf("Login: %s, password %s", authWord(poll, u), r.env.Secrets.Describe(r.Login(poll, u))),
		"TLS: " + describeTLS(u),
	}

	if folders := append(append([]string(nil), u.Folders...), u.FolderPatterns...); len(folders) > 0 {
		lines = append(lines, "Folders: "+strings.Join(folders, ", "))
	}

	lines = append(lines, "Messages: "+describeRetrieval(u))

	if isMultidrop(u) && poll.Envelope.Set {
		lines = append(lines, "Recipients: "+r.describeMultidrop(poll, u))
	}
	// An error is among the reasons below.
	if d, err := r.openDestination(poll, u); err == nil {
		lines = append(lines, "Delivery: "+d.String())
	}
	if all, err := r.openFolders(poll, u); err == nil {
		for _, folder := range slices.Sorted(maps.Keys(all)) {
			lines = append(lines, fmt.Sprintf("Delivery of %s: %s", folder, all[folder]))
		}
	}

	// --version goes on where a run would refuse: somebody who looks for a mistake wants to see the rest too.
	for _, err := range r.refusalReasons(poll, u) {
		lines = append(lines, fmt.Sprintf("This account is refused: %v", err))
	}

	return lines
}

func describeTLS(u *rcfile.User) string {
	mode, err := tlsMode(u)
	if err != nil {
		return err.Error()
	}
	if mode == fetch.ClearText {
		return "none: clear text"
	}

	text := "STARTTLS, mandatory"
	if mode == fetch.Wrapped {
		text = "from the first byte"
	}
	if u.SSLCertCk.Or(true) {
		text += "; certificate checked"
	} else {
		text += "; certificate NOT checked"
	}
	if n := len(u.SSLPins) + len(u.SSLFingerprints); n > 0 {
		text += fmt.Sprintf("; %d pins", n)
	}

	for _, o := range []rcfile.Opt[string]{u.SSLProto, u.SSLCommonName, u.SSLCertFile, u.SSLCertPath} {
		if o.Set {
			text += "; " + o.Value
		}
	}

	return text
}

func describeRetrieval(u *rcfile.User) string {
	words := []string{"new ones"}
	if u.FetchAll.Value {
		words = []string{"all"}
	}
	switch d := disposal(u); {
	case d.MoveTo != "":
		words = append(words, "moved to "+d.MoveTo+" after delivery")
	case d.Keep && d.KeepDays > 0:
		words = append(words, fmt.Sprintf("kept on the server for %d days", d.KeepDays))
	case d.Keep:
		words = append(words, "kept on the server")
	default:
		words = append(words, "deleted after delivery")
	}

	if u.Limit.Value > 0 {
		words = append(words, fmt.Sprintf("up to %d bytes", u.Limit.Value))
	}
	if u.FetchLimit.Value > 0 {
		words = append(words, fmt.Sprintf("at most %d a poll", u.FetchLimit.Value))
	}
	if u.Idle.Value {
		words = append(words, "waiting with IDLE")
	}

	return strings.Join(words, ", ")
}
