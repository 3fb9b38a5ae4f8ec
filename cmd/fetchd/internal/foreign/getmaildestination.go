package foreign

import (
	"cmp"
	"strings"

	"fetchd/cmd/fetchd/internal/shell"
	"fetchd/fetch/pattern"
	"fetchd/rcfile"
)

// destination sets where the mail goes.
func (b *getmailBuilder) destination() {
	s := b.section("destination")
	if s == nil {
		b.noDestination("getmail's file has no section [destination]")
		return
	}

	if kind := b.of(s, "type"); kind == "MultiDestination" {
		b.several(s)
		return
	}
	keyword, value := b.place(s)
	switch keyword {
	case "":
		b.noDestination("the destination has no equivalent")
	case "lmtp":
		b.flag("lmtp", true)
		b.set("smtphost", value)
	default:
		b.set(keyword, value)
	}
}

// place is the destination of a section as a keyword of ours and its value; "" = there is none.
func (b *getmailBuilder) place(s *section) (keyword, value string) {
	kind := b.of(s, "type")
	switch kind {
	case "Maildir":
		return "maildir", b.path(b.of(s, "path"))
	case "Mboxrd":
		return "mbox", b.path(b.of(s, "path"))
	case "MDA_external":
		return "mda", b.agent(s)
	case "MDA_lmtp":
		host, port := b.of(s, "host"), cmp.Or(b.of(s, "port"), "2003")
		if strings.HasPrefix(host, "/") {
			return "lmtp", host
		}
		return "lmtp", host + "/" + port
	}
	b.note("[%.40s] of the type %.40q has no equivalent; see \"is\", deliver and mda in fetchmailrc(5)",
		s.name, kind)
	return "", ""
}

// path is the name of a file or directory, in which getmail replaces more than we do.
func (b *getmailBuilder) path(text string) string {
	text = rcfile.ExpandHome(text)
	if strings.HasPrefix(text, "~") || strings.Contains(text, "$") {
		b.note("%.200q: write out what getmail replaces there", text)
	}
	return text
}

// several are the destinations of MultiDestination, all of which get each message: sections in brackets, a
// Maildir, or a file.
func (b *getmailBuilder) several(s *section) {
	names, ok := tuple(b.of(s, "destinations"))
	if !ok || len(names) == 0 {
		b.noDestination("destinations names none that is understood")
		return
	}

	var all []rcfile.Opt[string]
	for _, name := range names {
		keyword, value := "mbox", ""
		if inner, isSection := strings.CutPrefix(name, "["); isSection {
			to := b.section(strings.TrimSuffix(inner, "]"))
			if to == nil {
				b.note("there is no section %.60q", name)
				continue
			}
			keyword, value = b.place(to)
		} else if value = b.path(name); strings.HasSuffix(name, "/") {
			keyword = "maildir"
		}
		if keyword != "" {
			all = append(all, rcfile.Some(keyword+":"+value))
		}
	}

	if len(all) == 0 {
		b.noDestination("none of the destinations has an equivalent")
	}
	b.said.User.Deliver = all
}

// placeholder is what getmail replaces in the arguments of an agent.
var placeholder = pattern.New(`%\([a-z]+\)`)

// agent is the command of MDA_external, for a shell.
func (b *getmailBuilder) agent(s *section) string {
	arguments, ok := tuple(b.of(s, "arguments"))
	if !ok {
		b.note("the arguments of the agent are left out: they are no tuple of strings")
	}

	words := []string{shell.Quote(b.of(s, "path"))}
	for _, argument := range arguments {
		word, rest := "", argument
		for {
			at := placeholder().FindStringIndex(rest)
			if at == nil {
				break
			}
			word += quotedPart(rest[:at[0]]) + b.stand(rest[at[0]:at[1]])
			rest = rest[at[1]:]
		}
		words = append(words, cmp.Or(word+quotedPart(rest), "''"))
	}
	return strings.Join(words, " ")
}

func quotedPart(text string) string {
	if text == "" {
		return ""
	}
	return shell.Quote(text)
}

// stand is what stands here for a placeholder of getmail.
func (b *getmailBuilder) stand(name string) string {
	switch name {
	case "%(sender)":
		return "%F"
	case "%(recipient)":
		return "%T"
	}
	b.note("%s in the arguments of the agent has no equivalent: write something in its place", name)
	return shell.Quote(name)
}
