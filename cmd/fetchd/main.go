// Fetchd retrieves mail from POP3 and IMAP servers over verified TLS and delivers it locally.
//
// This package is the process. main collects arguments, streams and environment; program.run chooses a
// subcommand or poll; poll takes the lock and makes a single pass (once.go) or becomes a daemon (daemon.go).
// What the entries of an rc file mean is in internal/account; the command line, the log, exit statuses and
// the lock have packages beside it.
package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"

	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/cmd/fetchd/internal/process"
	"fetchd/fetch/fault"
	"fetchd/tlsverify/check"
)

// runDir is where fetchmail puts root's lock file.
const runDir = "/var/run"

// mailServer is the one of this machine, as smtphost names it.
const mailServer = "localhost/25"

func main() { os.Exit(int(start(surroundings{runDir: runDir, mailServer: mailServer}))) }

// surroundings are what a process meets on its machine and in the network.
type surroundings struct {
	runDir     string            // where root's lock file is
	mailServer string            // of this machine, as smtphost names it
	systemLog  string            // its socket; "" = the usual one
	dns        check.SRVResolver // nil = the system's
	sites      http.RoundTripper // of the web, for setup; nil = the real ones
}

// start runs the program with the arguments and the environment of this process.
func start(s surroundings) exit.Status {
	fault.ReserveStack()
	process.LetOwnerIn()
	p := &program{
		name: filepath.Base(os.Args[0]), args: os.Args[1:], stdin: os.Stdin, stdout: os.Stdout,
		stderr: os.Stderr,
		env:    os.Getenv, uid: os.Getuid(), surroundings: s,
		journalStream: os.Getenv("JOURNAL_STREAM"), signals: newSignals(),
	}
	if err := p.adopt(); err != nil {
		return p.fail(exit.Internal, err)
	}
	return p.run(context.Background())
}
