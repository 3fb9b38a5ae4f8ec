package main

import (
	"crypto/x509"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"fetchd/fetch"
	"fetchd/rcfile"
)

// version is the program's version; the linker may set another.
var version = "0.1"

// showVersion prints the version, where trust comes from, and the merged settings of each account.
func (p *program) showVersion(c *commandLine, at *places, cfg *rcfile.Config) status {
	fmt.Fprintf(p.stdout, "This is %s release %s%s (%s, %s/%s).\n", p.name, version, revision(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprintf(p.stdout, "Trusted certificates: %s\n", p.trustRoots())
	fmt.Fprintf(p.stdout, "Journal: %s\nLock file: %s\n", journalPath(at, cfg), cfg.Globals.Pidfile.Or(at.pidfile))
	for _, poll := range selected(cfg, c.servers) {
		for i := range poll.Users {
			p.describe(p.stdout, at, poll, &poll.Users[i])
		}
	}
	return exitMail
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

// trustRoots says which certificates are trusted where an account names none.
func (p *program) trustRoots() string {
	var from []string
	for _, name := range []string{"SSL_CERT_FILE", "SSL_CERT_DIR"} {
		if v := p.env(name); v != "" {
			from = append(from, name+"="+escape(v))
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

// describe prints one account's settings as they are after defaults, file and command line.
func (p *program) describe(w io.Writer, at *places, poll *rcfile.Poll, u *rcfile.User) {
	names := &wiring{env: p.env, places: at}
	line := func(format string, args ...any) { fmt.Fprintf(w, "  %s\n", escape(fmt.Sprintf(format, args...))) }
	fmt.Fprintf(w, "\nOptions for retrieving from %s:\n", escape(names.name(poll, u)))
	server := host(poll)
	if poll.Service.Value != "" {
		server += ", port " + poll.Service.Value
	}
	line("Server: %s, protocol %s, time-out %d s", server, poll.Protocol.Or("auto"), poll.Timeout.Or(defaultTimeout))
	line("Login: %s, password %s", poll.Auth.Or("any"), passwordSource(names.lookup(poll, u), at))
	line("TLS: %s", describeTLS(u))
	folders := append(append([]string(nil), u.Folders...), u.FolderPatterns...)
	if len(folders) > 0 {
		line("Folders: %s", strings.Join(folders, ", "))
	}
	line("Messages: %s", describeRetrieval(u))
	d, err := destination(u, at, "")
	if err != nil {
		line("Delivery: %v", err)
	} else {
		line("Delivery: %s", d)
	}
	if err := unsupported(u); err != nil {
		line("This account is refused: %v", err)
	}
}

func passwordSource(l lookup, at *places) string {
	u := l.user
	switch {
	case !l.needed:
		return "not needed"
	case u.Password.Set:
		return "in the rc file"
	case u.PasswordEval.Set:
		return "from a command"
	case u.PasswordFile.Set:
		return "from " + u.PasswordFile.Value
	case u.PasswordFD.Set:
		return fmt.Sprintf("from descriptor %d", u.PasswordFD.Value)
	}
	return "from $CREDENTIALS_DIRECTORY, " + at.netrc + " or the terminal"
}

func describeTLS(u *rcfile.User) string {
	mode, err := tlsMode(u)
	if err != nil {
		return err.Error()
	}
	if mode == fetch.ClearText {
		return "none: clear text"
	}
	text := "STARTTLS, mandatory"
	if mode == fetch.Wrapped {
		text = "from the first byte"
	}
	if u.SSLCertCk.Or(true) {
		text += "; certificate checked"
	} else {
		text += "; certificate NOT checked"
	}
	if n := len(u.SSLPins) + len(u.SSLFingerprints); n > 0 {
		text += fmt.Sprintf("; %d pins", n)
	}
	for _, o := range []optString{u.SSLProto, u.SSLCommonName, u.SSLCertFile, u.SSLCertPath} {
		if o.Set {
			text += "; " + o.Value
		}
	}
	return text
}

func describeRetrieval(u *rcfile.User) string {
	words := []string{"new ones"}
	if u.FetchAll.Value {
		words = []string{"all"}
	}
	if u.Keep.Value {
		words = append(words, "kept on the server")
	} else {
		words = append(words, "deleted after delivery")
	}
	if u.Limit.Value > 0 {
		words = append(words, fmt.Sprintf("up to %d bytes", u.Limit.Value))
	}
	if u.FetchLimit.Value > 0 {
		words = append(words, fmt.Sprintf("at most %d a poll", u.FetchLimit.Value))
	}
	if u.Idle.Value {
		words = append(words, "waiting with IDLE")
	}
	return strings.Join(words, ", ")
}
