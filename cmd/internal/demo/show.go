package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// Options say what Show runs, and where its output goes.
type Options struct {
	Program        string   // path of the fetchd to show
	Arguments      []string // further arguments for each of its runs, such as -v
	KeepFiles      bool     // keep the temporary directory, for a closer look
	Serve          bool     // run nothing, but keep the servers for the user to try
	Stdout, Stderr io.Writer
}

// Show starts the servers, writes an rc file and runs the program on it twice: the first run finds mail, the
// second none. With Serve it says how to do that, and ends with ctx. Everything happens in a temporary
// directory. The error says which run ended with a wrong status.
func Show(ctx context.Context, o Options) error {
	dir, err := os.MkdirTemp("", "fetchd-demo-")
	if err != nil {
		return err
	}
	err = o.show(ctx, dir)

	if o.KeepFiles {
		fmt.Fprintf(o.Stdout, "\nEverything is in %s.\n", dir)
		return err
	}
	err = errors.Join(err, os.RemoveAll(dir))
	if o.Serve && err == nil {
		fmt.Fprintln(o.Stdout, "\nThe servers and their files are gone.")
	}
	return err
}

// The exit statuses of the program that the demonstration expects.
const (
	foundMail = 0
	foundNone = 1
)

func (o *Options) show(ctx context.Context, dir string) error {
	servers, err := Start(Messages())
	if err != nil {
		return err
	}
	defer servers.Close()

	rc, err := writeFiles(dir, servers)
	if err != nil {
		return err
	}

	fmt.Fprintf(o.Stdout, "An IMAPS server listens on port %d, a POP3S server on port %d. The "+
		"rc file:\n\n%s\n",
		servers.IMAPPort, servers.POP3Port, rc)
	if o.Serve {
		o.serve(ctx, dir, servers)
		return nil
	}
	fmt.Fprintf(o.Stdout, "First run: fetchd -f %s\n\n", filepath.Join(dir, "fetchmailrc"))
	if err := o.runProgram(ctx, dir, foundMail); err != nil {
		return err
	}
	if err := o.listMaildir(dir); err != nil {
		return err
	}

	fmt.Fprint(o.Stdout, "\nSecond run, which finds nothing new (status 1):\n\n")
	if err := o.runProgram(ctx, dir, foundNone); err != nil {
		return err
	}

	fmt.Fprint(o.Stdout, farewell)
	return nil
}

// serve says what can be tried, and waits for the end of ctx.
func (o *Options) serve(ctx context.Context, dir string, s *Servers) {
	rc := filepath.Join(dir, "fetchmailrc")
	fmt.Fprintf(o.Stdout, "The login is %s, the password %q. In another terminal:\n\n", s.User, s.Password)
	for _, arguments := range []string{
		"check-config -f " + rc, "check-tls -f " + rc + " imaps", "-v -f " + rc, "-d 300 -f " + rc,
		"status -f " + rc, "--quit -f " + rc,
	} {
		fmt.Fprintf(o.Stdout, "    %s %s\n", o.Program, arguments)
	}
	fmt.Fprintf(o.Stdout, "\nMail goes into %s. Ctrl-C ends the servers, and removes all of it.\n",
		filepath.Join(dir, "Maildir"))

	<-ctx.Done()
}

const farewell = `
For your own account put this into ~/.fetchmailrc, with chmod 600:

    poll imap.example.org proto imap
        user "you" password "your password" ssl keep

ssl is TLS from the first byte; without it STARTTLS is required. No sslcertfile
is needed: the system's certificates are trusted. keep leaves the mail on the
server; remove it once all works well. "fetchd check-config" checks the file,
"fetchd" retrieves once into ~/Maildir, "fetchd -d 300" every five minutes.
`

// writeFiles writes the rc file and the files that it names, and returns the rc file's text with the password
// hidden.
func writeFiles(dir string, s *Servers) (string, error) {
	text := func(password string) string {
		return fmt.Sprintf(`set pidfile "pid"
set idfile "ids"
defaults user %q password %q ssl sslcertfile "root.pem" maildir "Maildir"
poll imaps via %s proto imap port %d keep
poll pop3s via %s proto pop3 port %d
`, s.User, password, Host, s.IMAPPort, Host, s.POP3Port)
	}

	files := map[string][]byte{"root.pem": s.Root, "fetchmailrc": []byte(text(s.Password))}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return "", err
		}
	}

	return text("***"), nil
}

// runProgram runs the program on the demonstration's rc file, with dir as its home. Any exit status other
// than want is an error.
func (o *Options) runProgram(ctx context.Context, dir string, want int) error {
	cmd := exec.CommandContext(ctx, o.Program, append([]string{"-f", filepath.Join(dir, "fetchmailrc")},
		o.Arguments...)...)
	cmd.Env = append(os.Environ(), "HOME="+dir, "FETCHMAILHOME=", "HOME_ETC=", "XDG_STATE_HOME=",
		"STATE_DIRECTORY=")
	cmd.Stdout, cmd.Stderr = o.Stdout, o.Stderr
	err := cmd.Run()

	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	if got := cmd.ProcessState.ExitCode(); got != want {
		return fmt.Errorf("%s ended with status %d, not %d", o.Program, got, want)
	}

	return nil
}

func (o *Options) listMaildir(dir string) error {
	files, err := os.ReadDir(filepath.Join(dir, "Maildir", "new"))
	if err != nil {
		return err
	}

	fmt.Fprintf(o.Stdout, "\n%d messages in %s:\n\n", len(files), filepath.Join(dir, "Maildir", "new"))
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(o.Stdout, "  %8d  %s\n", info.Size(), f.Name())
	}
	return nil
}
