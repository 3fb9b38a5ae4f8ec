package delivery

import (
	"cmp"
	"strings"

	"fetchd/tlsverify/hints"
)

// safeMarks are the characters besides ASCII letters and digits that stay in arguments of agents. The set
// is that of Postfix (command_expansion_filter) without "!", which csh replaces even in quotes, and "%",
// which means something in formats and in agents' settings, and without ",", which makes a list of words and
// arrays in Perl: "exec+a,@x" would run something there. No address that stands without quotes has one.
const safeMarks = "@_-=+:./"

// agentArgument is the argument that an agent gets for value, an address or a local name. The author of a
// message chooses its sender, and the agent, or a second shell on the way to it, may treat an argument as
// more than data. So all that means something to a shell becomes "_", and so do a leading "-", which would
// make it an option, a leading "/", which would name any file of the machine, and "..", which would lead out
// of a directory.
func agentArgument(value string) string {
	safe := strings.Map(func(r rune) rune {
		if r <= 0x7f && (isAlnum(byte(r)) || strings.ContainsRune(safeMarks, r)) {
			return r
		}
		return '_'
	}, value)
	// Replaced and not cut off: a shorter name could be somebody else's.
	if strings.HasPrefix(safe, "-") || strings.HasPrefix(safe, "/") {
		safe = "_" + safe[1:]
	}
	return strings.ReplaceAll(safe, "..", "__")
}

// agentSender is the argument that an agent gets for the sender of m, "" for that of a bounce. It always has
// an "@" in its last part, as SMTP's sender has: of a sender without one the server's name becomes the
// domain, and a "/" in a domain becomes "_". So no author of a message can name a program or file of the
// machine, even where the agent, or what it starts, takes the sender for one: they are not called like that.
func agentSender(m *Message) string {
	sender := m.EnvelopeSender()
	if sender == "" {
		return ""
	}

	if !strings.Contains(sender, "@") {
		_, host := splitLast(m.Sender)
		// Otherwise an agent may add the name of this machine, as if the mail came from a user here.
		sender += "@" + cmp.Or(AddressHost(host), "localhost")
	}

	local, domain := splitLast(agentArgument(sender))
	return local + "@" + strings.ReplaceAll(domain, "/", "_")
}

// checkNames refuses local names that the agent would get as other names, which may be somebody else's.
func (c *agentCommand) checkNames(names []string) error {
	for _, name := range names {
		if told := agentArgument(name); c.names && told != name {
			return hints.Errorf("write the name itself into the command, in place of %T",
				"local name %.200q: the agent would be told %.200q", name, told)
		}
	}
	return nil
}

// Takes tells whether the agent gets the name of a recipient unchanged.
func (a *MDA) Takes(recipient string) bool { return a.command.checkNames([]string{recipient}) == nil }

// IsTold tells whether the agent gets the names of the recipients at all.
func (a *MDA) IsTold() bool { return a.command.names }
