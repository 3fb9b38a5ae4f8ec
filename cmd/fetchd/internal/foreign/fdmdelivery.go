package foreign

import (
	"net/url"
	"slices"
	"strings"

	"fetchd/rcfile"
)

// delivery sets where the rules send the mail of each folder.
func (b *fdmBuilder) delivery() {
	folders := b.from.folders
	if len(folders) == 0 {
		folders = []string{""}
		if strings.HasPrefix(b.from.kind, "imap") {
			folders = []string{"INBOX"}
		}
	}

	places := make([][]string, len(folders))
	var unsure []int
	for i, folder := range folders {
		m := fdmMail{account: b.from.name, folder: folder}
		d := b.file.decide(m)
		unsure = append(unsure, d.unsure...)
		places[i] = b.places(d, m)
	}

	if len(unsure) > 0 {
		b.note("%s: rules that look into messages are left out, and such a message goes where the others "+
			"go; a delivery agent (mda) or Sieve behind LMTP can sort them", linesOf(unsure))
	}

	b.general(places[0])
	for i := 1; i < len(folders); i++ {
		switch {
		case slices.Equal(places[i], places[0]):
		case len(places[i]) == 0:
			b.note("no rule says where the mail of %.100q goes: it goes where the other goes", folders[i])
		default:
			for _, place := range places[i] {
				b.said.User.FolderDeliver = append(b.said.User.FolderDeliver, rcfile.Some(folders[i]),
					rcfile.Some(place))
			}
		}
	}
	b.as(b.from.line, b.from.users)
}

// general sets where the mail goes for which folderdeliver says nothing.
func (b *fdmBuilder) general(places []string) {
	switch len(places) {
	case 0:
		b.noDestination("no rule for all messages delivers this mail")
		return
	case 1:
	default:
		for _, place := range places {
			b.said.User.Deliver = append(b.said.User.Deliver, rcfile.Some(place))
		}
		return
	}

	switch keyword, value, _ := strings.Cut(places[0], ":"); keyword {
	case "maildir":
		b.said.User.Maildir = rcfile.Some(value) // with ~/ as it is
	case "mbox":
		b.said.User.Mbox = rcfile.Some(value)
	case "lmtp":
		b.flag("lmtp", true)
		b.set("smtphost", value)
	case "smtp":
		b.set("smtphost", value)
	default:
		b.set(keyword, value)
	}
}

// places are the destinations of a decision, as deliver takes them. What has no equivalent becomes a note.
func (b *fdmBuilder) places(d *decision, m fdmMail) []string {
	var all []string
	for _, item := range d.items {
		m.action = item.action
		place := b.place(item, m)
		if place != "" && !slices.Contains(all, place) {
			all = append(all, place)
		}
		b.as(item.line, item.users)
	}
	return all
}

// as notes as whom the mail was delivered.
func (b *fdmBuilder) as(line int, users []string) {
	if len(users) > 0 {
		b.once("line %d, users %s: start fetchd as that user, or see maildir for what root does", line,
			strings.Join(users, ", "))
	}
}

// once notes something that may be found again for another folder.
func (b *fdmBuilder) once(format string, args ...any) {
	before := len(b.notes)
	b.note(format, args...)
	if slices.Contains(b.notes[:before], b.notes[before]) {
		b.notes = b.notes[:before]
	}
}

// place is the destination of an item; "" = it has none.
func (b *fdmBuilder) place(item fdmItem, m fdmMail) string {
	switch item.verb {
	case "maildir", "mbox":
		path, known := m.replace(item.text, "~")
		if !known {
			b.once("line %d, %s %.200q, is left out: the tags in it depend on the message or the time; "+
				"write a path", item.line, item.verb, item.text)
			return ""
		}
		if path == "~" {
			path = "~/"
		}
		return item.verb + ":" + path

	case "pipe":
		command, known := m.replace(item.text, "$HOME")
		if !known || strings.Contains(command, "%T") || strings.Contains(command, "%F") {
			b.once("line %d, pipe %.200q, is left out: mda has other tags, see there; write one",
				item.line, item.text)
			return ""
		}
		return "mda:" + command

	case "smtp", "lmtp":
		return b.mailServer(item, m)
	case "imap", "imaps":
		return b.folderOf(item, m)

	case "keep":
		b.flag("keep", true)
		return ""
	case "drop":
		b.once("line %d, drop, is left out: no mail is deleted here that was not delivered", item.line)
		return ""
	}
	b.once("line %d, %s, is left out: there is no equivalent", item.line, item.verb)
	return ""
}

// mailServer is the destination of smtp and lmtp.
func (b *fdmBuilder) mailServer(item fdmItem, m fdmMail) string {
	if to, known := m.replace(item.server.words["to"].text, ""); to != "" {
		other := b.said.User.SMTPName.Value
		if !known || other != "" && other != to {
			b.once("line %d, to %.100q, is left out: write whom the mail is for with smtpname", item.line, to)
		} else {
			b.set("smtpname", to)
		}
	}
	if from := item.server.words["from"].text; from != "" {
		b.once("line %d, from %.100q, is left out: the sender is that of the message", item.line, from)
	}

	host, port := item.server.word("server"), item.server.word("port")
	if strings.HasPrefix(host, "/") {
		return item.verb + ":" + host
	}
	// On this machine no TLS is asked for, so nothing changes there.
	if host != "localhost" && host != "127.0.0.1" && host != "::1" {
		b.once("line %d: fdm used no TLS to %.100q; STARTTLS is required now. If the server has none: write "+
			"/notls behind it", item.line, host)
	}
	if port == "" {
		port = map[string]string{"lmtp": "24", "smtp": "25"}[item.verb]
	}
	return item.verb + ":" + host + "/" + port
}

// folderOf is the destination of imap and imaps: a folder on a server.
func (b *fdmBuilder) folderOf(item fdmItem, m fdmMail) string {
	server := item.server
	target := url.URL{Scheme: item.verb, User: url.User(server.word("user")), Host: server.word("server")}
	if port := server.word("port"); port != "" {
		target.Host += ":" + port
	}
	if len(server.folders) > 0 {
		name, known := m.replace(server.folders[0], "")
		if !known {
			b.once("line %d, folder %.100q, is left out: the tags in it depend on the message or the time",
				item.line, server.folders[0])
			return ""
		}
		target.Path = "/" + name
	}

	switch pass := server.words["pass"]; {
	case pass.kind == fdmCommand:
		b.set("appendpasswordeval", pass.text)
	case pass.text != "" && b.said.User.AppendPassword.Set &&
		b.said.User.AppendPassword.Value.Reveal() != server.word("pass"):
		b.once("line %d, pass, is left out: there is one appendpassword for all destinations", item.line)
	case pass.text != "":
		b.set("appendpassword", server.word("pass"))
	}
	return "append:" + target.String()
}
