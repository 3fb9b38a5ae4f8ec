package deliverytest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"fetchd/tlsverify/tlstest"
)

// postfixStart bounds how long the server may take until it answers.
const postfixStart = 20 * time.Second

// Postfix is a private Postfix on 127.0.0.1 that lasts for a test. Its certificate is for localhost. It takes
// mail for anybody at localhost, over TLS and from clients that have logged in, but refuses it for "refused"
// and defers it for "deferred".
type Postfix struct {
	Port   int
	CAFile string

	dir string
}

// StartPostfix starts the server from the folder that POSTFIX names, into which Debian's package is unpacked;
// without one, or unless run by root, the test is skipped. sasl is the socket of a Dovecot that knows who may
// log in.
func StartPostfix(tb testing.TB, sasl string) *Postfix {
	tb.Helper()
	root := os.Getenv("POSTFIX")
	if root == "" || os.Geteuid() != 0 {
		tb.Skip("no POSTFIX to start, or not root: make ci has one")
	}

	dir, err := os.MkdirTemp("", "pf")
	check(tb, err)
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(tb, err)
	p := &Postfix{Port: l.Addr().(*net.TCPAddr).Port, dir: dir}
	_ = l.Close()

	p.prepare(tb)
	p.configure(tb, root, sasl)
	p.run(tb, root)
	return p
}

// prepare makes the queue, which belongs to nobody.
func (p *Postfix) prepare(tb testing.TB) {
	tb.Helper()
	check(tb, os.Chmod(p.dir, 0o755))
	nobody, err := user.Lookup("nobody")
	check(tb, err)
	group, err := user.LookupGroup("mail")
	check(tb, err)
	uid, _ := strconv.Atoi(nobody.Uid)
	gid, _ := strconv.Atoi(group.Gid)

	for name, mode := range map[string]os.FileMode{
		"conf": 0o755, "queue": 0o755, "data": 0o700, "mail": 0o700, "queue/pid": 0o755,
		"queue/private": 0o700,
		"queue/public":  0o710, "queue/maildrop": 0o730, "queue/active": 0o700, "queue/bounce": 0o700,
		"queue/corrupt": 0o700,
		"queue/defer":   0o700, "queue/deferred": 0o700, "queue/flush": 0o700, "queue/hold": 0o700,
		"queue/incoming": 0o700,
		"queue/saved":    0o700, "queue/trace": 0o700,
	} {
		path := filepath.Join(p.dir, name)
		check(tb, os.MkdirAll(path, mode))
		check(tb, os.Chmod(path, mode))
		if name != "conf" && name != "queue" && name != "queue/pid" {
			check(tb, os.Chown(path, uid, gid))
		}
	}
}

func (p *Postfix) configure(tb testing.TB, root, sasl string) {
	tb.Helper()
	ca := tlstest.NewCA(tb)
	p.CAFile = ca.File(tb)
	cert := ca.Leaf(tlstest.Leaf{DNS: []string{"localhost"}})
	key, err := tlstest.KeyPEM(cert)
	check(tb, err)
	check(tb, os.WriteFile(filepath.Join(p.dir, "chain.pem"), append(key, tlstest.CertPEM(cert)...), 0o600))

	libraries := filepath.Join(root, "usr/lib/postfix")
	main := fmt.Sprintf(postfixMain, p.dir, root, libraries, sasl)
	check(tb, os.WriteFile(filepath.Join(p.dir, "conf/main.cf"), []byte(main), 0o644))
	master := fmt.Sprintf("127.0.0.1:%d inet n - n - - smtpd\n", p.Port) + postfixMaster
	check(tb, os.WriteFile(filepath.Join(p.dir, "conf/master.cf"), []byte(master), 0o644))
}

// run starts the server and waits until it answers.
func (p *Postfix) run(tb testing.TB, root string) {
	tb.Helper()
	cmd := exec.Command(filepath.Join(root, "usr/lib/postfix/sbin/master"), "-c",
		filepath.Join(p.dir, "conf"), "-d")
	cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+filepath.Join(root, "usr/lib/postfix"))
	check(tb, cmd.Start())

	tb.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // which it passes on
		_ = cmd.Wait()
		if tb.Failed() {
			tb.Logf("Postfix's log:\n%s", p.Log())
		}
	})

	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Port))
	for end := time.Now().Add(postfixStart); time.Now().Before(end); <-time.After(50 * time.Millisecond) {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			return
		}
	}

	tb.Fatalf("Postfix does not answer:\n%s", p.Log())
}

// Log is what the server has logged.
func (p *Postfix) Log() string {
	text, _ := os.ReadFile(filepath.Join(p.dir, "log"))
	return string(text)
}

// Got waits for n messages and returns them, without the header that the server adds. Lines end in LF.
func (p *Postfix) Got(tb testing.TB, n int) [][]byte {
	tb.Helper()
	for end := time.Now().Add(postfixStart); ; <-time.After(50 * time.Millisecond) {
		files, _ := filepath.Glob(filepath.Join(p.dir, "mail/box/new/*"))
		if len(files) < n && time.Now().Before(end) {
			continue
		}
		var all [][]byte
		for _, file := range files {
			text, err := os.ReadFile(file)
			check(tb, err)
			_, own, _ := strings.Cut(string(text), "\nReceived: from mail.example.org")
			all = append(all, []byte("Received: from mail.example.org"+own))
		}
		return all
	}
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

const postfixMain = `compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
daemon_directory = %[3]s/sbin
command_directory = %[2]s/usr/sbin
shlib_directory = %[3]s
mail_owner = nobody
setgid_group = mail
default_privs = daemon
import_environment = LD_LIBRARY_PATH=%[3]s MAIL_CONFIG
maillog_file = %[1]s/log
maillog_file_prefixes = /
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.example.org
mydestination =
alias_maps =
alias_database =
virtual_mailbox_domains = localhost
virtual_mailbox_base = %[1]s/mail
virtual_mailbox_maps = static:box/
virtual_uid_maps = static:65534
virtual_gid_maps = static:8
smtpd_tls_security_level = encrypt
smtpd_tls_chain_files = %[1]s/chain.pem
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = unix:%[4]s
smtpd_recipient_restrictions =
 check_recipient_access inline:{{refused@localhost = REJECT}, {deferred@localhost = DEFER}},
 permit_sasl_authenticated, reject
`

const postfixMaster = `cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`
