package rcfile

import "strings"

// habit is what to write in place of a word that other programs' files have, or people expect here; "" for
// any other word.
func habit(word string) string {
	switch strings.ToLower(word) {
	case "yes", "on", "true", "off", "false":
		return `an option that is on or off has no value: write "ssl", or "no ssl"`
	case "tls":
		return `write "ssl" for TLS from the first byte, and nothing for STARTTLS`
	case "starttls":
		return `leave it out: STARTTLS is what is done without "ssl"`
	case "delete", "remove":
		return `leave it out: mail is deleted once it was delivered, unless there is "keep"`
	case "host", "hostname", "account":
		return `write "poll" before the server's name`
	case "login":
		return `write "user" before the login name`
	case "passfile":
		return `did you mean "passwordfile"?`
	case "passwordcmd", "passcmd", "passwordcommand", "password_command":
		return `did you mean "passwordeval"?`
	case "//", "/*", "--":
		return `a comment begins with "#"`
	}

	return ""
}
