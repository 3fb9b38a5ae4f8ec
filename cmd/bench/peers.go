package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func fetchmailCommand(j *job) (command, error) {
	file := filepath.Join(j.dest, "out") // its fastest way to deliver
	deliver := fmt.Sprintf("bsmtp %q", file)
	out := output{batched, file}
	switch {
	case j.w.agents:
		deliver, out = fmt.Sprintf("mda %q", j.agent()), output{files, j.dest}
	case j.place != nil:
		deliver, out = j.place.words(), j.place.out
	}
	head := fmt.Sprintf("set no syslog\nset no bouncemail\nset idfile \"%s/ids\"\n", j.state)
	path, err := j.write("rc", head+j.rc("fetchmail", deliver))
	return command{[]string{"fetchmail", "-s", "--nodetach", "-f", path}, []output{out}}, err
}

func mbsyncCommand(j *job) (command, error) {
	var b strings.Builder
	var c command
	fmt.Fprintf(&b, "SyncState %s/\n\n", j.state)
	for _, a := range j.accounts {
		c.out = append(c.out, output{maildir, j.maildir(a.name)})
		fmt.Fprintf(&b, `IMAPAccount %[1]s
Host localhost
Port %[2]d
User %[3]s
Pass %[4]s
SSLType IMAPS
SystemCertificates no
CertificateFile %[5]s
Timeout 60

IMAPStore %[1]s-far
Account %[1]s

MaildirStore %[1]s-near
Inbox %[6]s
Path %[7]s/

Channel %[1]s
Far :%[1]s-far:INBOX
Near :%[1]s-near:INBOX
Sync PullNew
Create Near
Expunge None

`, a.name, a.port, a.user, j.password, j.ca, j.maildir(a.name), j.dest)
	}

	path, err := j.write("mbsyncrc", b.String())
	c.argv = []string{"mbsync", "-q", "-c", path, "-a"}
	return c, err
}

func mpopCommand(j *job) (command, error) {
	deliver := "maildir " + j.maildir("Maildir")
	if j.w.agents {
		deliver = "mda " + j.agent()
	}

	var b strings.Builder
	fmt.Fprintf(&b, `defaults
tls on
tls_starttls off
tls_trust_file %s
tls_host_override localhost
timeout 60
pipelining auto
keep on
only_new on
uidls_file %s/uidls/%%U
delivery %s
`, j.ca, j.state, deliver)

	for _, a := range j.accounts {
		fmt.Fprintf(&b, "account %s\nhost 127.0.0.1\nport %d\nuser %s\npassword %s\n", a.name, a.port, a.user,
			j.password)
	}

	path, err := j.write("mpoprc", b.String())
	if err == nil {
		err = os.MkdirAll(filepath.Join(j.state, "uidls"), 0o700)
	}

	return j.one("mpop", "-q", "-C", path, "-a"), err
}

func fdmCommand(j *job) (command, error) {
	action := fmt.Sprintf("maildir %q", j.maildir("Maildir"))
	if j.w.agents {
		action = fmt.Sprintf("pipe %q", j.agent())
	}
	if j.place != nil {
		action = fmt.Sprintf("mbox %q", j.place.address)
	}

	var b strings.Builder
	fmt.Fprintf(&b, "set maximum-size 1G\nset timeout 60\nset verify-certificates\n"+
		"set lock-file \"%s/lock\"\n", j.state)
	for _, a := range j.accounts {
		seen := "new-only"
		if j.w.proto == pop3s {
			seen = fmt.Sprintf("new-only cache \"%s/%s.cache\"", j.state, a.name)
		}
		fmt.Fprintf(&b, "account %q %s server \"localhost\" port %d user %q pass %q %s keep\n", a.name,
			j.w.proto, a.port, a.user, j.password, seen)
	}

	fmt.Fprintf(&b, "match all action %s\n", action)
	path, err := j.write("fdm.conf", b.String())
	return j.one("fdm", "-f", path, "fetch"), err
}
