// Demo shows fetchd at work: it starts an IMAPS and a POP3S server on this machine with a dozen messages
// each, writes an rc file, and runs fetchd on it twice. It is a program of its own so that fetchd ships no
// servers. "make demo" runs it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"fetchd/cmd/internal/demo"
)

func main() {
	o := demo.Options{Stdout: os.Stdout, Stderr: os.Stderr}
	flag.StringVar(&o.Program, "fetchd", "fetchd", "the `program` to show")
	flag.BoolVar(&o.KeepFiles, "keep-files", false, "keep the temporary directory, for a closer look")
	flag.Parse()
	o.Arguments = flag.Args()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := demo.Show(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}
