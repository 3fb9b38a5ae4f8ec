package main

import (
	"context"
	"fmt"
	"strings"

	"fetchd/cmd/fetchd/internal/cli"
	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/docs"
	"fetchd/rcfile"
	"fetchd/tlsverify/hints"
)

func helpCommand() cli.Subcommand {
	return cli.Subcommand{
		Name: "help", Args: "[TOPIC]",
		Summary: "Prints a guide, or one section of the check-list for servers; without TOPIC, " +
			"what there is.",
		Words: topicNames,
	}
}

func topicNames() string {
	var names []string
	for topic := range docs.Topics() {
		names = append(names, topic)
	}
	return strings.Join(names, " ")
}

func runHelp(_ context.Context, p *program, c *cli.CommandLine) exit.Status {
	switch len(c.Servers) {
	case 0:
		for topic, title := range docs.Topics() {
			fmt.Fprintf(p.stdout, "%-18s%s\n", topic, title)
		}
		return exit.Mail
	case 1:
		return p.printTopic(c.Servers[0])
	}
	return p.usage(fmt.Errorf("help needs one topic"))
}

func (p *program) printTopic(topic string) exit.Status {
	if text, ok := docs.Page(topic); ok {
		fmt.Fprint(p.stdout, text)
		return exit.Mail
	}

	hint := p.name + " help lists the topics"
	near := rcfile.Nearest(topic, func(yield func(string) bool) {
		for name := range docs.Topics() {
			if !yield(name) {
				return
			}
		}
	})
	if near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return p.fail(exit.Syntax, hints.Errorf(hint, "there is no help on %q", topic))
}
