// Command bench compares fetchd with other retrieval programs and with a raw reader, on a private Dovecot
// that it starts itself. It prints a table for each workload and writes only into temporary folders, which it
// removes. Run it from the module's root: go run ./cmd/bench, or make bench. When root runs it, the programs
// run as nobody, since some refuse root.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// options are the command line's.
type options struct {
	workloads  []string
	contenders []string
	rounds     int
	slow       time.Duration
	memory     string
	disk       string
	fetchd     string
	accounts   int
}

func main() {
	switch {
	case len(os.Args) > 1 && os.Args[1] == "launch":
		os.Exit(launch(os.Stdin, os.Stdout))
	case len(os.Args) > 1 && os.Args[1] == "limit":
		os.Exit(readAll(os.Args[2:]))
	case len(os.Args) > 1 && os.Args[1] == "write":
		os.Exit(writeAll(os.Args[2:]))
	case len(os.Args) > 1 && os.Args[1] == "spawn":
		os.Exit(spawn(os.Args[2:]))
	}

	o := parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ok := onStage(ctx, func(s *stage) { newBench(s, o).run() })
	if !ok {
		os.Exit(1)
	}
}

func parse() options {
	var o options
	var names []string
	for _, w := range workloads() {
		names = append(names, w.name)
	}
	for _, w := range scales() {
		names = append(names, w.name)
	}

	w := flag.String("w", "", "workloads, with commas between them; all of: "+strings.Join(names, " "))
	c := flag.String("c", "", "contenders, with commas between them; all of: "+strings.Join(contenderNames(),
		" "))
	flag.IntVar(&o.rounds, "r", 3, "rounds; their median counts")
	flag.DurationVar(&o.slow, "slow", 10*time.Second,
		"a program that needs longer runs in the first round only")
	flag.StringVar(&o.memory, "tmp", memoryDir(),
		"where the server and, but for the disk workload, the programs have their files")
	flag.StringVar(&o.disk, "disk", "/var/tmp", "a folder on a real disk")
	flag.StringVar(&o.fetchd, "fetchd", "", "a fetchd to measure instead of this tree's")
	flag.IntVar(&o.accounts, "n", 0, "accounts of watched, polled and bundle; 0 = as the tables have them")
	flag.Parse()
	o.workloads, o.contenders = list(*w), list(*c)

	for _, name := range o.workloads {
		if !contains(names, name) {
			fmt.Fprintf(os.Stderr, "bench: there is no workload %q; there are: %s\n", name,
				strings.Join(names, " "))
			os.Exit(2)
		}
	}

	return o
}

func list(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

// contains tells whether name is among names; none means all.
func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return len(names) == 0
}

// memoryDir is a folder in memory if there is one.
func memoryDir() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return os.TempDir()
}
