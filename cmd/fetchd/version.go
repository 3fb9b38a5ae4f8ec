package main

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"fetchd/cmd/fetchd/internal/account"
	"fetchd/cmd/fetchd/internal/account/oauth"
	"fetchd/cmd/fetchd/internal/account/secret"
	"fetchd/cmd/fetchd/internal/cli"
	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/rcfile"
)

// version is the release's name, as the linker was told; "" = this is no release.
var version string

// release names this build: by its version, or by the commit that it was made from.
func release() string { return cmp.Or(version, "0.1"+revision()) }

// showVersion prints the version, where trust comes from, and the merged settings of each account.
func (p *program) showVersion(c *cli.CommandLine, at *places, cfg *rcfile.Config) exit.Status {
	fmt.Fprintf(p.stdout, "This is %s release %s (%s, %s/%s).\n", p.name, release(),
		runtime.Version(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprintf(p.stdout, "Trusted certificates: %s\n", p.trustRoots())
	fmt.Fprintf(p.stdout, "Journal: %s\nLock file: %s\n", journalPath(at, cfg),
		cfg.Globals.Pidfile.Or(at.pidfile))

	finder := &secret.Finder{Getenv: p.env, Netrc: at.netrc, Grants: &oauth.Keeper{Dir: at.grants}}
	r := account.New(account.Environment{
		Getenv: p.env, Home: at.home, Caller: at.caller, Secrets: finder, MailServer: p.mailServer,
	})
	// Asks this machine's mail server, if an entry names no destination: the same answer as a run would get.
	r.Survey(cfg)

	for _, poll := range account.Selected(cfg, c.Servers) {
		for i := range poll.Users {
			u := &poll.Users[i]
			fmt.Fprintf(p.stdout, "\nOptions for retrieving from %s:\n", logging.Escape(r.Name(poll, u)))
			for _, line := range r.Describe(poll, u) {
				fmt.Fprintf(p.stdout, "  %s\n", logging.Escape(line))
			}
		}
	}

	return exit.Mail
}

func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "+" + s.Value[:12]
		}
	}
	return ""
}

// trustRoots says which certificates are trusted if an account names none.
func (p *program) trustRoots() string {
	var from []string
	for _, name := range []string{"SSL_CERT_FILE", "SSL_CERT_DIR"} {
		if v := p.env(name); v != "" {
			from = append(from, name+"="+logging.Escape(v))
		}
	}

	if len(from) > 0 {
		return strings.Join(from, ", ")
	}
	if _, err := x509.SystemCertPool(); err != nil {
		return "none: the system's could not be read: " + err.Error()
	}
	return "the system's"
}

func journalPath(at *places, cfg *rcfile.Config) string {
	if idfile := cfg.Globals.Idfile.Value; idfile != "" {
		return idfile + ".db"
	}
	return at.journal
}
