package delivery

import (
	"strings"

	"fetchd/tlsverify/hints"
)

// safeMarks are the characters, beside ASCII letters and digits, that agents are told. The set is that of Postfix
// (command_expansion_filter) without "!", which csh replaces even in quotes, and "%", which formats and agents' settings
// give a meaning.
const safeMarks = "@_-=+:,./"

// agentArgument is what an agent is told of value, an address or a local name. Who writes a message chooses its sender,
// and the agent, or a second shell on the way to it, may do more with an argument than to take it as data. So whatever
// has a meaning for a shell becomes "_", a leading "-" too, which would make it an option, and "..", which would lead
// out of a directory.
func agentArgument(value string) string {
	safe := strings.Map(func(r rune) rune {
		if r <= 0x7f && (isAlnum(byte(r)) || strings.ContainsRune(safeMarks, r)) {
			return r
		}
		return '_'
	}, value)
	if strings.HasPrefix(safe, "-") {
		safe = "_" + safe[1:]
	}
	return strings.ReplaceAll(safe, "..", "__")
}

// checkNames refuses local names that the agent would be told as others: those may be somebody else's.
func (c *agentCommand) checkNames(names []string) error {
	for _, name := range names {
		if told := agentArgument(name); c.names && told != name {
			return hints.Errorf("write the name itself into the command, in place of %T",
				"local name %.200q: the agent would be told %.200q", name, told)
		}
	}
	return nil
}
