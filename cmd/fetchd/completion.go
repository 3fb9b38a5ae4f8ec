package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"fetchd/cmd/fetchd/internal/exit"
)

func completionCommand() subcommand {
	return subcommand{
		name: "completion", args: "bash|zsh|fish",
		summary: "Prints a completion script for the shell; the shell's own manual says where it goes.",
		run:     runCompletion,
	}
}

func runCompletion(_ context.Context, p *program, c *commandLine) exit.Status {
	writers := map[string]func(io.Writer, string, []option, []subcommand){"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}
	if len(c.servers) == 1 {
		if write := writers[c.servers[0]]; write != nil {
			write(p.stdout, p.name, options(), subcommands())
			return exit.Mail
		}
	}
	return p.usage(fmt.Errorf("completion needs one of bash, zsh, fish"))
}

// fileArgument tells whether the option's argument is a file.
func fileArgument(o *option) bool { return o.arg == "FILE" || o.arg == "DIR" }

func bashCompletion(w io.Writer, name string, table []option, subs []subcommand) {
	var words, files []string
	fmt.Fprintf(w, "_%s() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n\tcase $prev in\n", name)
	for i := range table {
		o := &table[i]
		words = append(words, "--"+o.long)
		if fileArgument(o) {
			files = append(files, spellings(o)...)
		}
		if o.values != "" {
			fmt.Fprintf(w, "\t%s) COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return;;\n", strings.Join(spellings(o), "|"), o.values)
		}
	}
	fmt.Fprintf(w, "\t%s) COMPREPLY=($(compgen -f -- \"$cur\")); return;;\n\tesac\n", strings.Join(files, "|"))
	names := make([]string, len(subs))
	for i, sub := range subs {
		names[i] = sub.name
		for _, o := range sub.options {
			words = append(words, "--"+o.long)
		}
	}
	fmt.Fprintf(w, "\tif [[ $cur == -* ]]; then\n\t\tCOMPREPLY=($(compgen -W '%s' -- \"$cur\"))\n", strings.Join(words, " "))
	fmt.Fprintf(w, "\telif [[ $COMP_CWORD == 1 ]]; then\n\t\tCOMPREPLY=($(compgen -W '%s' -- \"$cur\"))\n\tfi\n}\n", strings.Join(names, " "))
	fmt.Fprintf(w, "complete -o default -F _%s %s\n", name, name)
}

func spellings(o *option) []string {
	s := []string{"--" + o.long}
	if o.short != "" {
		s = append(s, "'-"+o.short+"'")
	}
	return s
}

// shellQuote puts s in single quotes for a shell.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func zshCompletion(w io.Writer, name string, table []option, subs []subcommand) {
	fmt.Fprintf(w, "#compdef %s\n_arguments -s \\\n", name)
	for i := range table {
		o := &table[i]
		help := strings.NewReplacer("[", "(", "]", ")", ":", "").Replace(o.help)
		action := ""
		switch {
		case fileArgument(o):
			action = ":" + o.arg + ":_files"
		case o.values != "":
			action = ":" + o.arg + ":(" + o.values + ")"
		case o.arg != "":
			action = ":" + o.arg + ": "
		}
		for _, s := range spellings(o) {
			fmt.Fprintf(w, "  %s \\\n", shellQuote("*"+strings.Trim(s, "'")+"["+help+"]"+action))
		}
	}
	var items []string
	for _, sub := range subs {
		items = append(items, sub.name)
	}
	fmt.Fprintf(w, "  %s\n", shellQuote("*:server:("+strings.Join(items, " ")+")"))
}

func fishCompletion(w io.Writer, name string, table []option, subs []subcommand) {
	fmt.Fprintf(w, "complete -c %s -f\n", name)
	for i := range table {
		o := &table[i]
		line := "complete -c " + name + " -l " + o.long
		if o.short != "" {
			line += " -s " + shellQuote(o.short)
		}
		switch {
		case fileArgument(o):
			line += " -r -F"
		case o.values != "":
			line += " -x -a " + shellQuote(o.values)
		case o.arg != "":
			line += " -x"
		}
		fmt.Fprintf(w, "%s -d %s\n", line, shellQuote(o.help))
	}
	for _, sub := range subs {
		fmt.Fprintf(w, "complete -c %s -n __fish_use_subcommand -a %s -d %s\n", name, sub.name, shellQuote(sub.summary))
		for _, o := range sub.options {
			fmt.Fprintf(w, "complete -c %s -n '__fish_seen_subcommand_from %s' -l %s -d %s\n", name, sub.name, o.long, shellQuote(o.help))
		}
	}
}
