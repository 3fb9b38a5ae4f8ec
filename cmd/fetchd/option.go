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

// The makers below build an option's set function from the place where its value goes.

func do(f func(*commandLine)) func(*commandLine, string) error {
	return func(c *commandLine, _ string) error { f(c); return nil }
}

func text(place func(*commandLine) *rcfile.Opt[string]) func(*commandLine, string) error {
	return func(c *commandLine, arg string) error {
		*place(c) = said(c, arg)
		return nil
	}
}

// setService is --service; a name or number that does not exist is refused at once.
func setService(c *commandLine, arg string) error {
	_, err := account.ServicePort(arg)
	c.poll.Service = said(c, arg)
	return err
}

// word is text in lower case that must be one of words.
func word(words string, place func(*commandLine) *rcfile.Opt[string]) func(*commandLine, string) error {
	return func(c *commandLine, arg string) error {
		arg = strings.ToLower(arg)
		for _, w := range strings.Fields(words) {
			if w == arg {
				*place(c) = said(c, arg)
				return nil
			}
		}
		return fmt.Errorf("%q is none of: %s", arg, strings.Join(strings.Fields(words), ", "))
	}
}

// enum is a word that the rc file knows for the keyword too, with the same verdict: refused, warned about, or taken.
func enum(keyword string, place func(*commandLine) *rcfile.Opt[string]) func(*commandLine, string) error {
	return func(c *commandLine, arg string) error {
		lower := strings.ToLower(arg)
		for _, v := range enumValues(keyword) {
			if v.Name != lower && !slices.Contains(v.Aliases, lower) {
				continue
			}
			switch v.Verdict {
			case rcfile.Refused:
				return fmt.Errorf("%q is not supported: %s", arg, v.Note)
			case rcfile.Warned:
				c.warnings = append(c.warnings, fmt.Sprintf("--%s %q: %s", c.parsing, arg, v.Note))
			}
			*place(c) = said(c, v.Name)
			return nil
		}
		return fmt.Errorf("%q is none of: %s", arg, strings.Join(strings.Fields(accepted(keyword)), ", "))
	}
}

func enumValues(keyword string) []rcfile.Value {
	for _, k := range rcfile.Keywords() {
		if k.Name == keyword {
			return k.Values
		}
	}
	return nil
}

// accepted lists the words for the keyword that are not refused, separated by blanks.
func accepted(keyword string) string {
	var names []string
	for _, v := range enumValues(keyword) {
		if v.Verdict != rcfile.Refused && v.Name != "" {
			names = append(names, v.Name)
		}
	}
	return strings.Join(names, " ")
}

func flag(value bool, place func(*commandLine) *rcfile.Opt[bool]) func(*commandLine, string) error {
	return do(func(c *commandLine) { *place(c) = said(c, value) })
}

func number(place func(*commandLine) *rcfile.Opt[int]) func(*commandLine, string) error {
	return scaled(rcfile.Count, place)
}

func seconds(place func(*commandLine) *rcfile.Opt[int]) func(*commandLine, string) error {
	return scaled(rcfile.Seconds, place)
}

func size(place func(*commandLine) *rcfile.Opt[int]) func(*commandLine, string) error {
	return scaled(rcfile.Bytes, place)
}

// scaled is a number with the units and the bounds that it has in the rc file.
func scaled(kind rcfile.Kind, place func(*commandLine) *rcfile.Opt[int]) func(*commandLine, string) error {
	return func(c *commandLine, arg string) error {
		n, err := rcfile.ParseNumber(kind, arg)
		if err != nil {
			return err
		}
		*place(c) = said(c, n)
		return nil
	}
}

func list(place func(*commandLine) *[]string) func(*commandLine, string) error {
	return func(c *commandLine, arg string) error {
		for _, item := range strings.Split(arg, ",") {
			if item = strings.TrimSpace(item); item != "" {
				*place(c) = append(*place(c), item)
			}
		}
		return nil
	}
}

func optList(place func(*commandLine) *[]rcfile.Opt[string]) func(*commandLine, string) error {
	return func(c *commandLine, arg string) error {
		*place(c) = append(*place(c), said(c, arg))
		return nil
	}
}

func numbers(place func(*commandLine) *[]int) func(*commandLine, string) error {
	return func(c *commandLine, arg string) error {
		for _, item := range strings.Split(arg, ",") {
			n, err := rcfile.ParseNumber(rcfile.Codes, strings.TrimSpace(item))
			if err != nil {
				return err
			}
			*place(c) = append(*place(c), n)
		}
		return nil
	}
}

// said is v, said on the command line by the option that is being parsed.
func said[T any](c *commandLine, v T) rcfile.Opt[T] {
	return rcfile.Opt[T]{Value: v, Set: true, Pos: rcfile.Pos{File: "--" + c.parsing}}
}
