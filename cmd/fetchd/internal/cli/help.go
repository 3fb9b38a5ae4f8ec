package cli

import (
	"fmt"
	"io"
	"strings"
)

// helpWidth is the width of the text that --help prints.
const helpWidth = 80

// PrintHelp writes the text of --help.
func PrintHelp(w io.Writer, name string, subs []Subcommand) {
	fmt.Fprintf(w, "Usage: %s [option…] [server…]\n", name)
	for _, sub := range subs {
		fmt.Fprintf(w, "       %s %s %s\n", name, sub.Name, sub.Args)
	}
	fmt.Fprint(w, "\nRetrieves mail from POP3 and IMAP servers and delivers it locally, as\n"+
		"~/.fetchmailrc says.\n")
	printOptions(w, Options())
	if len(subs) > 0 {
		fmt.Fprintf(w, "\nA server with the name of a subcommand: %s -- NAME. See also fetchd(1).\n", name)
	}
}

// PrintSubcommandHelp writes the text of `fetchd SUBCOMMAND --help`.
func PrintSubcommandHelp(w io.Writer, name string, sub *Subcommand) {
	fmt.Fprintf(w, "Usage: %s %s %s\n\n%s\n", name, sub.Name, sub.Args,
		strings.Join(wrap(sub.Summary, helpWidth), "\n"))
	printOptions(w, sub.Options)
	fmt.Fprintf(w, "\nThe options of \"%s --help\" count too, as -f FILE, the rc file.\n", name)
}

// printOptions writes the options by groups, beginning with those that have none, under "Options".
func printOptions(w io.Writer, table []Option) {
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

func printOption(w io.Writer, o *Option) {
	head := "      --" + o.Long
	if o.Short != "" {
		head = "  -" + o.Short + ", --" + o.Long
	}
	if o.Arg != "" {
		head += " " + o.Arg
	}
	if len(head) > helpColumn-2 {
		fmt.Fprintln(w, head)
		head = ""
	}

	for _, line := range wrap(o.Help, helpWidth-helpColumn) {
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
