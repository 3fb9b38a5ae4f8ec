package fetchtest

import (
	"fmt"
	"os"
	"os/user"
	"strings"
	"testing"
)

// conf returns the configuration for Dovecot 2.3 or, with modern set, for 2.4 and later. Dovecot is told not
// to sync anything to disk: the server is thrown away after the test.
func (d *Dovecot) conf(tb testing.TB, modern bool) string {
	tb.Helper()
	var b strings.Builder
	if modern {
		b.WriteString("dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n")
	}

	fmt.Fprintf(&b, `protocols = imap pop3 lmtp
listen = 127.0.0.1
base_dir = %[1]s/run
state_dir = %[1]s/state
instance_name = fetchtest
log_path = %[1]s/dovecot.log
ssl = yes
ssl_min_protocol = TLSv1.2
auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256
auth_failure_delay = 0
login_trusted_networks = 127.0.0.0/8
mail_max_userip_connections = 0
default_vsz_limit = 0
first_valid_uid = 1
first_valid_gid = 1
mail_fsync = never
mdbox_preallocate_space = no
recipient_delimiter = +
postmaster_address = postmaster@localhost
namespace inbox {
  inbox = yes
  separator = /
}
`, d.dir)

	uid, gid := ownerOfMail()
	if modern {
		fmt.Fprintf(&b, conf24, d.dir, uid, gid, d.Password)
	} else {
		fmt.Fprintf(&b, conf23, d.dir, uid, gid, d.Password)
	}

	b.WriteString(rootless(tb))
	d.services(&b, modern)
	for _, line := range d.more {
		b.WriteString(line + "\n")
	}

	return b.String()
}

const conf23 = `ssl_cert = <%[1]s/server.pem
ssl_key = <%[1]s/server.key
disable_plaintext_auth = no
mail_location = mdbox:~/mdbox
passdb {
  driver = static
  args = password=%[4]s
}
userdb {
  driver = static
  args = uid=%[2]d gid=%[3]d home=%[1]s/mail/%%u allow_all_users=yes
}
`

const conf24 = `ssl_server_cert_file = %[1]s/server.pem
ssl_server_key_file = %[1]s/server.key
auth_allow_cleartext = yes
mail_driver = mdbox
mail_path = ~/mdbox
passdb static {
  password = %[4]s
}
userdb static {
  allow_all_users = yes
  fields {
    uid = %[2]d
    gid = %[3]d
    home = %[1]s/mail/%%{user}
  }
}
`

// ownerOfMail is the user whom mail processes run as: Dovecot refuses root.
func ownerOfMail() (uid, gid int) {
	if os.Geteuid() != 0 {
		return os.Geteuid(), os.Getegid()
	}
	return mailUID, mailUID
}

// mailUID owns the mail when root runs the tests; the number needs no entry in the user database.
const mailUID = 54321

// rootless makes Dovecot run without other users and chroot. It needs the names of users, not their numbers.
func rootless(tb testing.TB) string {
	tb.Helper()
	if os.Geteuid() == 0 {
		return ""
	}

	me, err := user.Current()
	check(tb, err)
	group, err := user.LookupGroupId(me.Gid)
	check(tb, err)
	return fmt.Sprintf(`default_internal_user = %[1]s
default_login_user = %[1]s
default_internal_group = %[2]s
service anvil {
  chroot =
}
service stats {
  chroot =
}
`, me.Username, group.Name)
}

// services sets the ports. A wrong password has no penalty: all clients of this address would have to wait.
func (d *Dovecot) services(b *strings.Builder, modern bool) {
	// One login process for all connections: a process that is just starting delays Dovecot's end by 5 s.
	shared := "service_count = 0"
	if modern {
		shared = "restart_request_count = unlimited"
	}

	login := func(name string, plain, wrapped int) {
		fmt.Fprintf(b, `service %[1]s-login {
  chroot =
  %[4]s
  inet_listener %[1]s {
    port = %[2]d
  }
  inet_listener %[1]ss {
    port = %[3]d
    ssl = yes
  }
}
`, name, plain, wrapped, shared)
	}

	login("imap", d.IMAP, d.IMAPS)
	login("pop3", d.POP3, d.POP3S)
	fmt.Fprintf(b, `service lmtp {
  inet_listener lmtp {
    port = %d
  }
}
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
`, d.LMTP)
}
