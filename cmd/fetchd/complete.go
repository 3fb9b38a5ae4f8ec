package main

import (
	"context"
	"fmt"

	"fetchd/cmd/fetchd/internal/cli"
	"fetchd/cmd/fetchd/internal/exit"
)

func completionCommand() cli.Subcommand {
	return cli.Subcommand{
		Name: "completion", Args: "bash|zsh|fish",
		Summary: "Prints a completion script for the shell; the shell's own manual says where it goes.",
		Words:   func() string { return "bash zsh fish" },
	}
}

func runCompletion(_ context.Context, p *program, c *cli.CommandLine) exit.Status {
	if len(c.Servers) != 1 || !cli.WriteCompletion(p.stdout, c.Servers[0], p.name, subcommands()) {
		return p.usage(fmt.Errorf("completion needs one of bash, zsh, fish"))
	}
	return exit.Mail
}
