package account

import (
	"fmt"
	"slices"
	"strings"

	"fetchd/fetch"
	"fetchd/rcfile"
	"fetchd/tlsverify/hints"
)

// disposal is what becomes of delivered messages on the server: what onfetched says, or its short forms. What
// the command line says of keep counts more.
func disposal(u *rcfile.User) fetch.Disposal {
	d := fetch.Disposal{Keep: u.Keep.Value, MarkSeen: u.MarkSeen.Or(true), MoveTo: u.MoveTo.Value,
		KeepDays: u.KeepDays.Value}
	if d.KeepDays > 0 && !u.Keep.Set {
		d.Keep = true
	}
	if len(u.OnFetched) == 0 || u.Keep.Set && !isInFile(u.Keep) {
		return d
	}

	d.Keep, d.MarkSeen, d.MoveTo = true, false, ""
	switch u.OnFetched[0].Value {
	case "seen":
		d.MarkSeen = true
	case "delete":
		d.Keep = false
	case "move":
		d.Keep, d.MoveTo = false, u.OnFetched[len(u.OnFetched)-1].Value
	}
	return d
}

// disposalReason is why it can't be told what is to become of delivered messages, or why that can't be done.
func disposalReason(poll *rcfile.Poll, u *rcfile.User) error {
	if err := onFetchedReason(u); err != nil {
		return err
	}
	to := disposal(u).MoveTo
	isTarget := func(folder string) bool { return canonical(folder) == canonical(to) }

	switch {
	case to == "":
	case RetrievalProtocol(poll.Protocol.Value) == fetch.POP3:
		return hints.Errorf("remove it, or retrieve with IMAP",
			"delivered messages can't be moved with POP3, which has no folders")
	// Under its new number each message would be new in each pass.
	case slices.ContainsFunc(namedFolders(u), isTarget):
		return hints.Errorf("name another folder to move it to",
			"mail that was moved to %.100q would be retrieved from there again and again", to)
	}
	return nil
}

func onFetchedReason(u *rcfile.User) error {
	if len(u.OnFetched) == 0 {
		return nil
	}

	var words []string
	for _, o := range u.OnFetched {
		words = append(words, o.Value)
	}
	wants := map[string]int{"seen": 1, "delete": 1, "nothing": 1, "move": 2}[words[0]]
	if len(words) != wants {
		return hints.Errorf("write one of: seen, move FOLDER, delete, nothing",
			"onfetched %.100q is none of what can be done", strings.Join(words, " "))
	}

	for keyword, isSaid := range map[string]bool{
		"keep": u.Keep.Set && isInFile(u.Keep), "markseen": u.MarkSeen.Set, "moveto": u.MoveTo.Set,
	} {
		if isSaid {
			return hints.Errorf(fmt.Sprintf("remove %s, which is a short form", keyword),
				"onfetched and %s both say what becomes of delivered messages", keyword)
		}
	}
	return nil
}
