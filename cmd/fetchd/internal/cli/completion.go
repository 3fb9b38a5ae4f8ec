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

func bashCompletion(w io.Writer, name string, table []Option, subs []Subcommand) {
	var words, files []string
	fmt.Fprintf(w, "_%s() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"+
		"\tcase $prev in\n", name)
	for i := range table {
		o := &table[i]
		words = append(words, "--"+o.Long)
		if fileArgument(o) {
			files = append(files, spellings(o)...)
		}
		if o.Values != "" {
			fmt.Fprintf(w, "\t%s) COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return;;\n",
				strings.Join(spellings(o), "|"), o.Values)
		}
	}

	fmt.Fprintf(w, "\t%s) COMPREPLY=($(compgen -f -- \"$cur\")); return;;\n\tesac\n",
		strings.Join(files, "|"))
	names := make([]string, len(subs))
	for i, sub := range subs {
		names[i] = sub.Name
		for _, o := range sub.Options {
			words = append(words, "--"+o.Long)
		}
	}

	fmt.Fprintf(w, "\tif [[ $cur == -* ]]; then\n\t\tCOMPREPLY=($(compgen -W '%s' -- \"$cur\"))\n",
		strings.Join(words, " "))
	fmt.Fprintf(w, "\telif [[ $COMP_CWORD == 1 ]]; then\n\t\tCOMPREPLY=($(compgen -W '%s' -- "+
		"\"$cur\"))\n\tfi\n}\n", strings.Join(names, " "))
	fmt.Fprintf(w, "complete -o default -F _%s %s\n", name, name)
}

func spellings(o *Option) []string {
	s := []string{"--" + o.Long}
	if o.Short != "" {
		s = append(s, "'-"+o.Short+"'")
	}
	return s
}

func zshCompletion(w io.Writer, name string, table []Option, subs []Subcommand) {
	fmt.Fprintf(w, "#compdef %s\n_arguments -s \\\n", name)
	for i := range table {
		o := &table[i]
		// Brackets and colons separate the parts of zsh's own notation.
		help := strings.NewReplacer("[", "(", "]", ")", ":", "").Replace(o.Help)
		action := ""
		switch {
		case fileArgument(o):
			action = ":" + o.Arg + ":_files"
		case o.Values != "":
			action = ":" + o.Arg + ":(" + o.Values + ")"
		case o.Arg != "":
			action = ":" + o.Arg + ": "
		}
		for _, s := range spellings(o) {
			fmt.Fprintf(w, "  %s \\\n", shell.Quote("*"+strings.Trim(s, "'")+"["+help+"]"+action))
		}
	}

	var items []string
	for _, sub := range subs {
		items = append(items, sub.Name)
	}

	fmt.Fprintf(w, "  %s\n", shell.Quote("*:server:("+strings.Join(items, " ")+")"))
}

func fishCompletion(w io.Writer, name string, table []Option, subs []Subcommand) {
	fmt.Fprintf(w, "complete -c %s -f\n", name)
	for i := range table {
		o := &table[i]
		line := "complete -c " + name + " -l " + o.Long
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

	for _, sub := range subs {
		fmt.Fprintf(w, "complete -c %s -n __fish_use_subcommand -a %s -d %s\n", name, sub.Name,
			shell.Quote(sub.Summary))
		for _, o := range sub.Options {
			fmt.Fprintf(w, "complete -c %s -n '__fish_seen_subcommand_from %s' -l %s -d %s\n", name, sub.Name,
				o.Long, shell.Quote(o.Help))
		}
	}
}
