package oauth

import (
	"fetchd/fetch"
	"fetchd/tlsverify/hints"
)

// nextSteps are for a person at the terminal, about an error that knows nothing better: by what failed.
var nextSteps = map[fetch.Kind]string{
	fetch.KindNetwork:  "check this machine's network and the address behind oauth, and try again",
	fetch.KindAuth:     `try again; "fetchd login --help" has other ways to log in`,
	fetch.KindTLS:      `"fetchd help tls" says what it means`,
	fetch.KindProtocol: "ask the provider; \"fetchd help oauth\" says what it must do",
	fetch.KindServer:   "try again later, or ask the provider",
	fetch.KindConfig:   `"fetchd help oauth" says how to write the entry`,
	fetch.KindClient:   `"fetchd help oauth" says how to write the entry`,
	fetch.KindJournal:  "see that the file can be written, and that the disk has room",
	fetch.KindUnknown:  `try again; "fetchd help oauth" says how it should go`,
}

// NextStep gives err, of a command about a grant, the next step that fits its Kind, unless it has one.
func NextStep(err error) error {
	if hints.Of(err) != "" {
		return err
	}
	return hints.Add(err, nextSteps[fetch.KindOf(err)])
}
