package main

import (
	"fmt"
	"io"
	"strings"
)

// helpWidth is the width that --help keeps to.
const helpWidth = 80

// printHelp writes what --help shows.
func printHelp(w io.Writer, name string, subs []subcommand) {
	fmt.Fprintf(w, "Usage: %s [option…] [server…]\n", name)
	for _, sub := range subs {
		fmt.Fprintf(w, "       %s %s %s\n", name, sub.name, sub.args)
	}
	fmt.Fprint(w, "\nRetrieves mail from POP3 and IMAP servers and delivers it locally, as\n~/.fetchmailrc says.\n")
	printOptions(w, options())
	if len(subs) > 0 {
		fmt.Fprintf(w, "\nA server with the name of a subcommand: %s -- NAME. See also fetchd(1).\n", name)
	}
}

// printSubcommandHelp writes what `fetchd SUBCOMMAND --help` shows.
func printSubcommandHelp(w io.Writer, name string, sub *subcommand) {
	fmt.Fprintf(w, "Usage: %s %s %s\n\n%s\n", name, sub.name, sub.args, strings.Join(wrap(sub.summary, helpWidth), "\n"))
	printOptions(w, sub.options)
}

// printOptions writes the options by groups; one of no group stands under "Options".
func printOptions(w io.Writer, table []option) {
	for _, group := range append([]string{""}, groups()...) {
		title := group
		if title == "" {
			title = "Options"
		}
		for i := range table {
			if table[i].group != group {
				continue
			}
			if title != "" {
				fmt.Fprintf(w, "\n%s:\n", title)
				title = ""
			}
			printOption(w, &table[i])
		}
	}
}

const helpColumn = 29 // where the explanations start

func printOption(w io.Writer, o *option) {
	head := "      --" + o.long
	if o.short != "" {
		head = "  -" + o.short + ", --" + o.long
	}
	if o.arg != "" {
		head += " " + o.arg
	}
	if len(head) > helpColumn-2 {
		fmt.Fprintln(w, head)
		head = ""
	}
	for _, line := range wrap(o.help, helpWidth-helpColumn) {
		fmt.Fprintf(w, "%-*s%s\n", helpColumn, head, line)
		head = ""
	}
}

// wrap breaks s at blanks into lines of at most width characters, where its words allow it.
func wrap(s string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		switch {
		case line == "":
			line = word
		case len([]rune(line))+1+len([]rune(word)) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
}
