package cli

import (
	"fmt"
	"io"
	"strings"

	"fetchd/cmd/fetchd/internal/shell"
)

// WriteCompletion writes the completion script for a shell. It returns false for a shell that it doesn't
// know.
func WriteCompletion(w io.Writer, shell, name string, subs []Subcommand) bool {
	writers := map[string]func(io.Writer, string, []Option, []Subcommand){
		"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion,
	}
	write := writers[shell]
	if write == nil {
		return false
	}
	write(w, name, Options(), subs)
	return true
}

// fileArgument tells whether the option's argument is a file.
func fileArgument(o *Option) bool { return o.Arg == "FILE" || o.Arg == "DIR" }

// bashCompletion completes options, the values of those that have a few, and what stands behind subcommands.
func bashCompletion(w io.Writer, name string, table []Option, subs []Subcommand) {
	fmt.Fprintf(w, "_%s() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"+
		"\tlocal sub=${COMP_WORDS[1]} own= words=\n\tcase $sub in\n", name)
	for i := range subs {
		fmt.Fprintf(w, "\t%s) own='%s' words='%s';;\n", subs[i].Name, longOptions(subs[i].Options),
			subs[i].words())
	}

	// Those of a subcommand come first: its --proto has other values.
	fmt.Fprint(w, "\tesac\n\tcase $sub,$prev in\n")
	for i := range subs {
		bashValues(w, subs[i].Name, subs[i].Options)
	}
	bashValues(w, "*", table)
	fmt.Fprint(w, "\tesac\n")

	complete := func(words string) string { return `COMPREPLY=($(compgen -W ` + words + ` -- "$cur"))` }
	fmt.Fprintf(w, "\tif [[ $cur == -* ]]; then\n\t\t%s\n\telif [[ $COMP_CWORD == 1 ]]; then\n\t\t%s\n"+
		"\telse\n\t\t%s\n\tfi\n}\n", complete(`"$own `+longOptions(table)+`"`),
		complete("'"+names(subs)+"'"), complete(`"$words"`))
	fmt.Fprintf(w, "complete -o default -F _%s %s\n", name, name)
}

// bashValues completes the values of options behind sub, a subcommand or "*".
func bashValues(w io.Writer, sub string, table []Option) {
	for i := range table {
		o := &table[i]
		words := "-W '" + o.Values + "'"
		switch {
		case fileArgument(o):
			words = "-f"
		case o.Values == "":
			continue
		}

		var patterns []string
		for _, spelling := range spellings(o) {
			patterns = append(patterns, sub+","+spelling)
		}
		fmt.Fprintf(w, "\t%s) COMPREPLY=($(compgen %s -- \"$cur\")); return;;\n",
			strings.Join(patterns, "|"), words)
	}
}

func longOptions(table []Option) string {
	var words []string
	for i := range table {
		words = append(words, "--"+table[i].Long)
	}
	return strings.Join(words, " ")
}

func names(subs []Subcommand) string {
	var words []string
	for i := range subs {
		words = append(words, subs[i].Name)
	}
	return strings.Join(words, " ")
}

func spellings(o *Option) []string {
	s := []string{"--" + o.Long}
	if o.Short != "" {
		s = append(s, "'-"+o.Short+"'")
	}
	for _, alias := range o.aliases {
		s = append(s, "--"+alias)
	}
	return s
}

// zshCompletion completes what bashCompletion does, with zsh's own _arguments.
func zshCompletion(w io.Writer, name string, table []Option, subs []Subcommand) {
	fmt.Fprintf(w, "#compdef %s\nlocal -a general own rest\ngeneral=(\n", name)
	zshOptions(w, table)
	fmt.Fprintf(w, ")\nrest=(%s)\n(( CURRENT > 2 )) && case $words[2] in\n",
		shell.Quote("*:server:("+names(subs)+")"))

	for i := range subs {
		sub := &subs[i]
		fmt.Fprintf(w, "%s)\n  own=(\n", sub.Name)
		zshOptions(w, sub.Options)
		fmt.Fprint(w, "  )\n")

		// Its --proto has other values.
		for j := range sub.Options {
			fmt.Fprintf(w, "  general=(${general:#'*--%s'[=\\[]*})\n", sub.Options[j].Long)
		}

		action := "_files"
		if words := sub.words(); words != "" {
			action = "(" + words + ")"
		}
		fmt.Fprintf(w, "  rest=('1: :' %s);;\n", shell.Quote("*:argument:"+action))
	}

	fmt.Fprint(w, "esac\n_arguments -s $own $general $rest\n")
}

// zshOptions writes the specifications of options, each in quotes on a line of its own.
func zshOptions(w io.Writer, table []Option) {
	for i := range table {
		o := &table[i]
		// Brackets and colons separate the parts of zsh's own notation.
		help := strings.NewReplacer("[", "(", "]", ")", ":", "").Replace(o.Help)
		action, long, short := "", "", ""
		switch {
		case fileArgument(o):
			action = ":" + o.Arg + ":_files"
		case o.Values != "":
			action = ":" + o.Arg + ":(" + o.Values + ")"
		case o.Arg != "":
			action = ":" + o.Arg + ": "
		}
		if action != "" { // the value may stand in the same word
			long, short = "=", "+"
		}

		for _, s := range spellings(o) {
			s = strings.Trim(s, "'")
			if strings.HasPrefix(s, "--") {
				s += long
			} else {
				s += short
			}
			fmt.Fprintf(w, "  %s\n", shell.Quote("*"+s+"["+help+"]"+action))
		}
	}
}

func fishCompletion(w io.Writer, name string, table []Option, subs []Subcommand) {
	fmt.Fprintf(w, "complete -c %s -f\n", name)
	for i := range table {
		fishOption(w, "complete -c "+name, &table[i])
	}

	for i := range subs {
		sub := &subs[i]
		fmt.Fprintf(w, "complete -c %s -n __fish_use_subcommand -a %s -d %s\n", name, sub.Name,
			shell.Quote(sub.Summary))
		behind := fmt.Sprintf("complete -c %s -n '__fish_seen_subcommand_from %s'", name, sub.Name)
		for j := range sub.Options {
			fishOption(w, behind, &sub.Options[j])
		}
		if words := sub.words(); words != "" {
			fmt.Fprintf(w, "%s -a %s\n", behind, shell.Quote(words))
		}
	}
}

// fishOption writes the line of an option, which begins with what says where it may stand.
func fishOption(w io.Writer, line string, o *Option) {
	line += " -l " + o.Long
	if o.Short != "" {
		line += " -s " + shell.Quote(o.Short)
	}
	switch {
	case fileArgument(o):
		line += " -r -F"
	case o.Values != "":
		line += " -x -a " + shell.Quote(o.Values)
	case o.Arg != "":
		line += " -x"
	}
	fmt.Fprintf(w, "%s -d %s\n", line, shell.Quote(o.Help))
}
