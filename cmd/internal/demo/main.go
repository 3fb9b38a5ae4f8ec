package demo

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os/signal"
	"syscall"
)

// Main is the program: it returns the status of the process with these arguments.
func Main(args []string, stdout, stderr io.Writer) int {
	o := Options{Stdout: stdout, Stderr: stderr}
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.Program, "fetchd", "fetchd", "the `program` to show")
	flags.BoolVar(&o.KeepFiles, "keep-files", false, "keep the temporary directory, for a closer look")
	flags.BoolVar(&o.Serve, "serve", false, "keep the servers until Ctrl-C, and say how to try them")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	o.Arguments = flags.Args()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := Show(ctx, o); err != nil {
		fmt.Fprintln(stderr, "demo:", err)
		return 1
	}
	return 0
}
