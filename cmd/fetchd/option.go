package main

import (
	"fmt"
	"slices"
	"strings"

	"fetchd/cmd/fetchd/internal/account"
	"fetchd/rcfile"
)

// option is one option of the command line. The table made of them drives parsing, --help, shell completion and the
// comparison with the manual page.
type option struct {
	keyword string // of the rc file, whose value it says; complete takes the rest from there. "" = none
	off     bool   // it switches the keyword, a flag, off

	long    string
	aliases []string // further long names, not shown in --help
	short   string
	arg     string // name of the argument; "" = the option takes none
	values  string // blank-separated words that the argument may be, for completion; "" = anything
	group   string
	help    string
	own     bool   // not one of fetchmail 6.4's: an abbreviation of one of those stays what it was
	warn    string // said once when the option is used: it does nothing here, or it is dangerous
	set     func(c *commandLine, arg string) error
}

// The groups of --help, in its order.
const (
	groupRun      = "What to do"
	groupLog      = "What to say"
	groupFile     = "Files"
	groupServer   = "The server"
	groupTLS      = "TLS"
	groupAccount  = "The account"
	groupRetrieve = "What to retrieve"
	groupDeliver  = "Delivery"
	groupOld      = "Accepted for old scripts"
)

func groups() []string {
	return []string{groupRun, groupLog, groupFile, groupServer, groupTLS, groupAccount, groupRetrieve, groupDeliver, groupOld}
}

// names are all long names of o.
func (o *option) names() []string { return append([]string{o.long}, o.aliases...) }

// complete fills in what an option that names a keyword leaves out. An option that is not fetchmail's is one whose
// keyword isn't.
func (o option) complete() option {
	if o.keyword == "" {
		return o
	}

	k := keywordOf(o.keyword)
	if o.long == "" && o.off {
		o.long = "no" + k.Name
	} else if o.long == "" {
		o.long = k.Name
	}
	if o.help == "" {
		o.help = k.Help
	}
	o.own = k.Own
	if k.Kind != rcfile.Flag {
		o.arg, o.values = k.Argument(), strings.Join(k.Accepted(), " ")
	}
	if o.set == nil {
		o.set = o.say
	}
	return o
}

// say is the set function of an option that names a keyword.
func (o option) say(c *commandLine, arg string) error {
	var warnings []string
	var err error
	if o.arg == "" {
		warnings = c.said.SayFlag(o.keyword, "--"+o.long, !o.off)
	} else {
		warnings, err = c.said.Say(o.keyword, "--"+o.long, arg)
	}
	c.warnings = append(c.warnings, warnings...)
	return err
}

// keywordOf returns the keyword of that name among those that an option can say.
func keywordOf(name string) *rcfile.Keyword {
	words := rcfile.Keywords()
	i := slices.IndexFunc(words, func(k rcfile.Keyword) bool { return k.Name == name })
	return &words[i]
}

// The makers below build the set function of an option that names no keyword.

func do(f func(*commandLine)) func(*commandLine, string) error {
	return func(c *commandLine, _ string) error { f(c); return nil }
}

func text(place func(*commandLine) *optString) func(*commandLine, string) error {
	return func(c *commandLine, arg string) error {
		*place(c) = rcfile.Some(arg)
		return nil
	}
}

// word is text in lower case that must be one of words.
func word(words string, place func(*commandLine) *optString) func(*commandLine, string) error {
	return func(c *commandLine, arg string) error {
		arg = strings.ToLower(arg)
		if !slices.Contains(strings.Fields(words), arg) {
			return fmt.Errorf("%q is none of: %s", arg, strings.Join(strings.Fields(words), ", "))
		}
		*place(c) = rcfile.Some(arg)
		return nil
	}
}

// setService is --service; a name or number that does not exist is refused at once.
func setService(c *commandLine, arg string) error {
	if _, err := account.ServicePort(arg); err != nil {
		return err
	}
	_, err := c.said.Say("service", "--service", arg)
	return err
}
