// Fetchd retrieves mail from POP3 and IMAP servers over verified TLS and delivers it locally.
//
// This package is the process. main collects arguments, streams and environment; program.run chooses a
// subcommand or poll; poll takes the lock and makes a single pass (once.go) or becomes a daemon (daemon.go).
// What the entries of an rc file mean is in internal/account; the command line, the log, exit statuses and
// the lock have packages beside it.
package main

import (
	"context"
	"os"
	"path/filepath"

	"fetchd/cmd/fetchd/internal/exit"
)

// runDir is where fetchmail puts root's lock file.
const runDir = "/var/run"

// mailServer is the one of this machine, as smtphost names it.
const mailServer = "localhost/25"

func main() { os.Exit(int(start(runDir, mailServer, ""))) }

// start runs the program with the arguments and the environment of this process. Root's lock file is in
// runDir, mailServer gets the mail that the rc file names no destination for, and systemLog is the socket of
// the system log, "" for the usual one.
func start(runDir, mailServer, systemLog string) exit.Status {
	p := &program{
		name: filepath.Base(os.Args[0]), args: os.Args[1:], stdin: os.Stdin, stdout: os.Stdout,
		stderr: os.Stderr,
		env:    os.Getenv, uid: os.Getuid(), runDir: runDir, mailServer: mailServer,
		systemLog: systemLog, journalStream: os.Getenv("JOURNAL_STREAM"), signals: newSignals(),
	}
	if err := p.adopt(); err != nil {
		return p.fail(exit.Internal, err)
	}
	return p.run(context.Background())
}
