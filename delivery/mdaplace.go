package delivery

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"fetchd/tlsverify/hints"
)

// The text before a place for a value, as far as the word goes that the place is in.
var (
	redirection = regexp.MustCompile(`[<>][|&]?[ \t]*[^ \t\n;|&()<>]*$`)
	descriptor  = regexp.MustCompile(`\d*[<>]&[\d-]*`) // 2>&1: its "&" ends no command
)

// runsNext are the words behind which another command stands, or the name of a script.
var runsNext = strings.Fields(`. source eval exec command builtin time nohup nice setsid sudo doas xargs env
	if then elif else while until do ! {`)

// checkPlace refuses a place whose value would be the name of a file that the shell opens, or of a command or
// a setting for one: no choice of characters makes these safe, since the author of a message chooses the
// sender.
func checkPlace(before string, letter byte) error {
	before = descriptor.ReplaceAllString(before, "")
	if redirection.MatchString(before) {
		return hints.Errorf("write the name itself, or let a script choose it", "%%%c as the name of a file",
			letter)
	}

	if i := strings.LastIndexAny(before, ";|&\n(`"); i >= 0 {
		before = before[i+1:]
	}
	words := strings.FieldsFunc(before, func(r rune) bool { return r == ' ' || r == '\t' })
	if n := len(words); n > 0 && !strings.HasSuffix(before, " ") && !strings.HasSuffix(before, "\t") {
		if strings.Contains(words[n-1], "=") { // V=%F
			return nil
		}
		words = words[:n-1] // the place's own
	}
	for len(words) > 0 && isSetting(words[len(words)-1]) {
		words = words[:len(words)-1]
	}

	if len(words) == 0 || slices.Contains(runsNext, path.Base(words[len(words)-1])) {
		return hints.Errorf("name the command, and hand it the value as an argument",
			"%%%c in the place of a command, or of a setting for one", letter)
	}
	return nil
}

// isSetting tells whether a word may stand between the likes of env or nice and the command: an option, its
// number, or a variable.
func isSetting(word string) bool {
	return strings.HasPrefix(word, "-") || strings.Contains(word, "=") ||
		strings.Trim(word, "0123456789") == ""
}
