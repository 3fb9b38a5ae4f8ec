package main

import (
	"context"

	"fetchd/cmd/fetchd/internal/cli"
	"fetchd/cmd/fetchd/internal/exit"
)

// command is a subcommand and what it does.
type command struct {
	cli.Subcommand
	run func(ctx context.Context, p *program, c *cli.CommandLine) exit.Status
}

// commands is the table of all subcommands.
func commands() []command {
	return []command{
		{setupCommand(), runSetup},
		{checkTLSCommand(), runCheckTLS},
		{checkConfigCommand(), runCheckConfig},
		{convertCommand(), runConvert},
		{pinCommand(), runPin},
		{statusCommand(), runStatus},
		{retryCommand(), runRetry},
		{adoptCommand(), runAdopt},
		{loginCommand(), runLogin},
		{logoutCommand(), runLogout},
		{tokenCommand(), runToken},
		{completionCommand(), runCompletion},
		{helpCommand(), runHelp},
	}
}

// subcommands are the words that the command line may begin with.
func subcommands() []cli.Subcommand {
	var all []cli.Subcommand
	for _, c := range commands() {
		all = append(all, c.Subcommand)
	}
	return all
}
