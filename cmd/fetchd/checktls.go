package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"fetchd/cmd/fetchd/internal/cli"
	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/docs"
	"fetchd/tlsverify/check"
	"fetchd/tlsverify/hints"
)

func checkTLSCommand() cli.Subcommand {
	return cli.Subcommand{
		Name: "check-tls", Args: "[option…] [host[:port]…]",
		Summary: "Goes through the check-list for mail servers with each host, or with every server of the " +
			"rc file, without logging in. Ends with 0 if all is well, 1 with warnings, 2 with failures.",
		Options: append(targetOptions(),
			cli.Option{Long: "json", Help: "print the result as JSON"},
			cli.Option{Long: "report", Help: "add a message for the operator of the server"}),
	}
}

// checkFailed is the status if a server can't be checked at all; otherwise it is that of
// check.Report.ExitStatus.
const checkFailed exit.Status = 2

func runCheckTLS(ctx context.Context, p *program, c *cli.CommandLine) exit.Status {
	targets, err := p.targets(c)
	switch {
	case err != nil:
		return p.failTargets(c, err)
	case len(targets) == 0:
		return p.fail(exit.Syntax, hints.Errorf("name a host", "no server to check"))
	}

	ctx, stop := interrupted(ctx)
	defer stop()
	worst := exit.Mail
	for i, o := range targets {
		if i > 0 && !c.Has("json") {
			fmt.Fprintln(p.stdout)
		}
		if limit := c.Said.Poll.Timeout; limit.Value > 0 {
			o.Timeout = time.Duration(limit.Value) * time.Second
		}
		report, err := check.Server(ctx, o)
		if err != nil {
			// On to the next host: a report about many servers must not end at the first that is down.
			worst = max(worst, p.fail(checkFailed, err))
			continue
		}
		if err := p.printReport(c, report); err != nil {
			return p.fail(exit.IO, err)
		}
		worst = max(worst, exit.Status(report.ExitStatus()))
	}

	return worst
}

func (p *program) printReport(c *cli.CommandLine, r *check.Report) error {
	if c.Has("json") {
		return r.JSON(logging.EscapeJSON(p.stdout))
	}
	if err := r.Text(p.stdout); err != nil || !c.Has("report") {
		return err
	}
	fmt.Fprintln(p.stdout)
	return r.OperatorMessage(p.stdout, docs.Page)
}

// interrupted returns a context that SIGINT and SIGTERM cancel.
func interrupted(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, unix.SIGTERM)
}
