package cli

import (
	"fmt"
	"slices"
	"strings"

	"fetchd/rcfile"
)

// Option is one option of the command line. The table made of them drives parsing, --help, shell completion
// and the comparison with the manual page.
type Option struct {
	// the rc file's keyword that the option sets, from which complete takes the rest; "" = none
	keyword string
	off     bool // the option switches the keyword, a flag, off

	Long    string
	aliases []string // further long names, not shown in --help
	Short   string
	Arg     string // name of the argument; "" = the option takes none
	Values  string // blank-separated words that the argument may be, for completion; "" = anything
	group   string
	Help    string
	own     bool // fetchmail 6.4 does not have it, so it makes no abbreviation of fetchmail's ambiguous
	finds   bool // it says which daemon is meant, or what is said: behind --quit it asks for nothing more
	set     func(c *CommandLine, arg string) error
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
	return []string{groupRun, groupLog, groupFile, groupServer, groupTLS, groupAccount, groupRetrieve,
		groupDeliver, groupOld}
}

// Names are all long names of o.
func (o *Option) Names() []string { return append([]string{o.Long}, o.aliases...) }

// complete fills in from the keyword what an option leaves out. An option is fetchmail's if its keyword is.
func (o Option) complete() Option {
	if o.keyword == "" {
		return o
	}

	// One table says what a word means: the rc file's. An option only says how the command line spells it.
	k := rcfile.KeywordOf(o.keyword)
	if o.Long == "" && o.off {
		o.Long = "no" + k.Name
	} else if o.Long == "" {
		o.Long = k.Name
	}
	if o.Help == "" {
		o.Help = k.Help
	}

	o.own = k.Own
	if k.Kind != rcfile.Flag {
		o.Arg, o.Values = k.Argument(), strings.Join(k.Accepted(), " ")
	}
	if o.set == nil {
		o.set = o.setKeyword
	}

	return o
}

// setKeyword is the set function of an option that names a keyword.
func (o Option) setKeyword(c *CommandLine, arg string) error {
	var warnings []string
	var err error
	if o.Arg == "" {
		warnings = c.Said.SetFlag(o.keyword, "--"+o.Long, !o.off)
	} else {
		warnings, err = c.Said.Set(o.keyword, "--"+o.Long, arg)
	}
	c.Warnings = append(c.Warnings, warnings...)
	return err
}

// The makers below build the set function of an option that names no keyword.

func do(f func(*CommandLine)) func(*CommandLine, string) error {
	return func(c *CommandLine, _ string) error { f(c); return nil }
}

// file is the name of a file; the shell leaves the ~ of --option=~/file alone.
func file(place func(*CommandLine) *optString) func(*CommandLine, string) error {
	return func(c *CommandLine, arg string) error {
		*place(c) = rcfile.Some(rcfile.ExpandHome(arg))
		return nil
	}
}

// word is text in lower case that must be one of words.
func word(words string, place func(*CommandLine) *optString) func(*CommandLine, string) error {
	return func(c *CommandLine, arg string) error {
		arg = strings.ToLower(arg)
		if !slices.Contains(strings.Fields(words), arg) {
			return fmt.Errorf("%q is none of: %s", arg, strings.Join(strings.Fields(words), ", "))
		}
		*place(c) = rcfile.Some(arg)
		return nil
	}
}

// checked makes the set function of an option that names a keyword and whose value must parse at once: a
// mistake on the command line concerns all accounts, so it is not reported for each of them.
func checked[T any](keyword string, parse func(string) (T, error)) func(*CommandLine, string) error {
	return func(c *CommandLine, arg string) error {
		if _, err := parse(arg); err != nil {
			return err
		}
		_, err := c.Said.Set(keyword, "--"+keyword, arg)
		return err
	}
}
