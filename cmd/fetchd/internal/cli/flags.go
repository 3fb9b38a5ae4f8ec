package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"fetchd/rcfile"
	"fetchd/tlsverify/hints"
)

// noArgument is what pflag passes on for an option without an argument. No real argument can contain a NUL.
const noArgument = "\x00"

// Parse reads the arguments (without the program's name) as getopt_long does. A subcommand is recognised only
// as the first word that is not an option, and not after "--".
func Parse(args []string, subcommands []Subcommand) (*CommandLine, error) {
	c := &CommandLine{Own: map[string]string{}}
	table := Options()
	fs := newFlagSet(c, table)
	// The first word that is no option decides which table of options holds for what follows, so the parsing
	// stops there.
	fs.SetInterspersed(false)
	if err := fs.Parse(keepEquals(fs, args)); err != nil {
		return c, parseError(table, err)
	}

	rest := args[len(args)-fs.NArg():] // as it was written
	if len(rest) == 0 || fs.ArgsLenAtDash() >= 0 {
		c.Servers = rest
		// --quit is the last option only if no "--" follows it: fetchmail looks at the last word.
		c.QuitLast = c.QuitLast && fs.ArgsLenAtDash() < 0
		return c, nil
	}

	for i := range subcommands {
		if subcommands[i].Name == rest[0] {
			return c, parseSubcommand(c, &subcommands[i], rest[1:])
		}
	}

	// No subcommand: options and servers may be mixed from here on, as getopt_long allows. A server behind
	// --quit is to be polled.
	c.QuitLast = false
	fs.SetInterspersed(true)
	if err := fs.Parse(keepEquals(fs, rest)); err != nil {
		return c, parseError(table, err)
	}

	c.Servers = fs.Args()
	c.QuitLast = c.QuitLast && fs.ArgsLenAtDash() < 0 && strings.HasPrefix(args[len(args)-1], "-")
	// Not yet an error: the rc file, which nobody has read yet, may have a server of that name.
	c.Meant = nearestSubcommand(rest[0], subcommands)
	return c, nil
}

// nearestSubcommand returns the subcommand that word is probably a misspelling of, or "". What has a dot is
// the name of a server.
func nearestSubcommand(word string, subcommands []Subcommand) string {
	if strings.Contains(word, ".") {
		return ""
	}
	return rcfile.Nearest(word, func(yield func(string) bool) {
		for i := range subcommands {
			if !yield(subcommands[i].Name) {
				return
			}
		}
	})
}

// parseSubcommand reads the arguments after a subcommand's name: its own options, and those of the program
// that it does not redefine.
func parseSubcommand(c *CommandLine, sub *Subcommand, args []string) error {
	c.Command = sub
	table := slices.Clone(sub.Options)
	for _, o := range Options() {
		own := func(n Option) bool { return n.Long == o.Long || n.Short != "" && n.Short == o.Short }
		// pflag panics if a name is defined twice. An alias counts too: --port is an option of login.
		if !slices.ContainsFunc(sub.Options, own) && !slices.ContainsFunc(o.aliases, func(a string) bool {
			return slices.ContainsFunc(sub.Options, func(n Option) bool { return n.Long == a })
		}) {
			table = append(table, o)
		}
	}

	fs := newFlagSet(c, table)
	if err := fs.Parse(keepEquals(fs, args)); err != nil {
		return parseError(table, err)
	}

	c.Servers = fs.Args()
	return nil
}

// flagValue is one option, bound to the CommandLine that it sets.
type flagValue struct {
	option *Option
	c      *CommandLine
}

func (v flagValue) String() string { return "" }
func (v flagValue) Type() string   { return v.option.Arg }

func (v flagValue) Set(arg string) error {
	if v.option.Arg == "" && arg != noArgument {
		return errors.New("takes no argument")
	}

	// Each option that asks for more undoes it; the set function of --quit, which runs after this, sets it
	// again.
	v.c.QuitLast = v.c.QuitLast && v.option.finds
	v.c.Given = append(v.c.Given, v.option.Long)
	if v.option.set == nil {
		v.c.Own[v.option.Long] = strings.TrimSuffix(arg, noArgument)
		return nil
	}
	return v.option.set(v.c, arg)
}

func newFlagSet(c *CommandLine, table []Option) *pflag.FlagSet {
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	// pflag would print errors in its own words, and the usage behind them.
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	known := map[string]bool{}
	for i := range table {
		o := &table[i]
		for j, name := range o.Names() {
			short := ""
			if j == 0 {
				short = o.Short
			}
			known[name] = true
			f := fs.VarPF(flagValue{o, c}, name, short, o.Help)
			if o.Arg == "" {
				f.NoOptDefVal = noArgument
			}
		}
	}

	fs.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if known[name] { // pflag asks for each option at once
			return pflag.NormalizedName(name)
		}
		return pflag.NormalizedName(unabbreviate(table, name))
	})
	return fs
}

// keepEquals makes "-uX" of what is written "-u=X" mean what it means to getopt, where the value is "=X":
// pflag drops one "=" behind a short option.
func keepEquals(fs *pflag.FlagSet, args []string) []string {
	var kept []string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			return append(kept, args[i:]...)
		}
		value, apart := argumentOf(fs, arg)
		if strings.HasPrefix(value, "=") && !strings.HasPrefix(arg, "--") {
			arg = strings.TrimSuffix(arg, value) + "=" + value
		}
		kept = append(kept, arg)
		if apart && i+1 < len(args) { // whatever it looks like
			i++
			kept = append(kept, args[i])
		}
	}

	return kept
}

// argumentOf gives the argument that stands in the same word as its option, or tells that it stands apart.
func argumentOf(fs *pflag.FlagSet, word string) (argument string, apart bool) {
	if name, long := strings.CutPrefix(word, "--"); long {
		name, argument, joined := strings.Cut(name, "=")
		f := fs.Lookup(name)
		return argument, f != nil && f.NoOptDefVal == "" && !joined
	}

	shorts, isOption := strings.CutPrefix(word, "-")
	for i := 0; isOption && i < len(shorts); i++ {
		f := fs.ShorthandLookup(shorts[i : i+1])
		switch {
		case f == nil:
			return "", false
		case f.NoOptDefVal == "": // the rest is its argument
			return shorts[i+1:], i+1 == len(shorts)
		}
	}

	return "", false
}

// unabbreviate returns the long name of which name is an unambiguous prefix, or else name. An exact match
// wins, several names of one option are not ambiguous, and an abbreviation that fetchmail accepts stays
// unambiguous.
func unabbreviate(table []Option, name string) string {
	found := candidates(table, name)
	if len(found) > 1 {
		// Scripts for fetchmail may use an abbreviation that an option of ours would make ambiguous.
		old := slices.DeleteFunc(slices.Clone(table), func(o Option) bool { return o.own })
		found = candidates(old, name)
	}
	if len(found) == 1 {
		return found[0]
	}
	return name
}

// candidates are the options, one name for each, that name may abbreviate.
func candidates(table []Option, name string) []string {
	var found []string
	for i := range table {
		names := table[i].Names()
		if slices.Contains(names, name) {
			return []string{name}
		}
		isAbbreviated := func(full string) bool { return strings.HasPrefix(full, name) }
		if j := slices.IndexFunc(names, isAbbreviated); j >= 0 {
			found = append(found, names[j])
		}
	}
	return found
}

// parseError puts pflag's error into our own words.
func parseError(table []Option, err error) error {
	var unknown *pflag.NotExistError
	var missing *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.Is(err, pflag.ErrHelp): // -h
		return errors.New("unknown option -h; help is -?")
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return fmt.Errorf("unknown option -%s", unknown.GetSpecifiedName())
	case errors.As(err, &unknown):
		if found := candidates(table, unknown.GetSpecifiedName()); len(found) > 1 {
			return fmt.Errorf("option --%s is ambiguous: --%s", unknown.GetSpecifiedName(),
				strings.Join(found, ", --"))
		}
		return unknownOption(table, unknown.GetSpecifiedName())
	case errors.As(err, &missing) && missing.GetSpecifiedShortnames() != "":
		return fmt.Errorf("option -%s needs an argument", missing.GetSpecifiedName())
	// The name of the option, and not what was written, which may be the beginning of another one that was
	// meant.
	case errors.As(err, &missing):
		return fmt.Errorf("option --%s needs an argument", missing.GetFlag().Name)
	case errors.As(err, &invalid):
		return fmt.Errorf("option --%s: %w", invalid.GetFlag().Name, invalid.Unwrap())
	}

	return err
}

// unknownOption names the option that name probably is a misspelling of.
func unknownOption(table []Option, name string) error {
	near := rcfile.Nearest(name, func(yield func(string) bool) {
		for i := range table {
			for _, full := range table[i].Names() {
				if !yield(full) {
					return
				}
			}
		}
	})
	if near == "" {
		return fmt.Errorf("unknown option --%s", name)
	}
	return hints.Errorf(fmt.Sprintf(`did you mean "--%s"?`, near), "unknown option --%s", name)
}
