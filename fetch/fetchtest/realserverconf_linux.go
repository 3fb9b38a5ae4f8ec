package fetchtest

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// What the servers read. Passwords are checked by PAM, but by Cyrus.
const (
	realUsers = `root:x:0:0::/:/bin/false
courier:x:75:75::/:/bin/false
cyrus:x:76:8::/:/bin/false
nobody:x:65534:65534::/:/bin/false
`
	courierAuth = `authmodulelist="authpam"
authmodulelistorig="authpam"
daemons=5
authdaemonvar=/run/courier/authdaemon
`
	mailutils = `mailbox { mail-spool "/var/mail"; };
logging { syslog no; };
server 127.0.0.1:%d { single-process no; };
auth { authentication pam; authorization system; };
`
	cyrusMail = `configdirectory: /var/lib/cyrus
defaultpartition: default
partition-default: /var/spool/cyrus/mail
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_mech_list: PLAIN
autocreate_quota: 0
altnamespace: yes
unixhierarchysep: yes
popminpoll: 0
`
	cyrusServices = `START { }
SERVICES {
  imap cmd="imapd" listen="127.0.0.1:%d" prefork=1 maxchild=100
  pop3 cmd="pop3d" listen="127.0.0.1:%d" prefork=1 maxchild=100
}
EVENTS { }
`
)

// courierSettings are for its IMAP server, which reads them from the environment.
var courierSettings = []string{
	"IMAP_CAPABILITY=IMAP4rev1 UIDPLUS CHILDREN NAMESPACE IDLE", "IMAP_TLS_REQUIRED=0",
}

func startCourier(tb testing.TB, s *RealServer, put func(name, text string)) {
	tb.Helper()
	check(tb, os.MkdirAll(filepath.Join(s.root, "run/courier/authdaemon"), 0o755))
	put("courier/authdaemonrc", courierAuth)
	s.run(tb, "/usr/lib/courier/courier-authlib/authdaemond")
	const libexec = "/usr/lib/courier/courier/"
	for port, programs := range map[int][]string{
		s.IMAP: {libexec + "imaplogin", "/usr/bin/imapd"},
		s.POP3: {libexec + "courierpop3login", libexec + "courierpop3d"},
	} {
		s.run(tb, "/usr/sbin/couriertcpd", "-address=127.0.0.1", "-maxprocs=100", "-maxperip=100",
			"-nodnslookup", "-noidentlookup", strconv.Itoa(port), programs[0], programs[1], "Maildir")
	}
}

func startMailutils(tb testing.TB, s *RealServer, put func(name, text string)) {
	tb.Helper()
	spool := filepath.Join(s.root, "var/mail")
	check(tb, os.MkdirAll(spool, 0o755))
	check(tb, os.Chmod(spool, 0o777))
	for program, port := range map[string]int{"imap4d": s.IMAP, "pop3d": s.POP3} {
		put(program+".conf", fmt.Sprintf(mailutils, port))
		s.run(tb, "/usr/sbin/"+program, "--config-file=/etc/"+program+".conf", "--foreground", "--daemon=100")
	}
}

func startCyrus(tb testing.TB, s *RealServer, put func(name, text string)) {
	tb.Helper()
	s.sasl = true
	for _, dir := range []string{
		"var/lib/cyrus/db", "var/spool/cyrus/mail", "run/cyrus/lock", "run/cyrus/proc", "run/cyrus/socket",
	} {
		check(tb, os.MkdirAll(filepath.Join(s.root, dir), 0o755))
	}
	for _, top := range []string{"var/lib/cyrus", "var/spool/cyrus", "run/cyrus"} {
		own := func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Chown(path, 76, 8)
		}
		check(tb, filepath.WalkDir(filepath.Join(s.root, top), own))
	}

	put("services", "imap 143/tcp\npop3 110/tcp\n")
	put("protocols", "tcp 6 TCP\n")
	put("imapd.conf", cyrusMail)
	put("cyrus.conf", fmt.Sprintf(cyrusServices, s.IMAP, s.POP3))
	s.addSASL(tb, "nobody")
	s.run(tb, "/usr/lib/cyrus/bin/master", "-C", "/etc/imapd.conf", "-M", "/etc/cyrus.conf")
}
