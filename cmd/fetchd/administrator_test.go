package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// administrator looks after a daemon with 200 accounts.
type administrator struct {
	*runningDaemon
	port    int
	journal *os.File // stands for the stream to systemd's
}

const (
	wrongPin = "sslpin sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	nobody   = 1 // listens at this port
)

// rc is the rc file: of 200 accounts one has words of its own, and one a port of its own.
func (a *administrator) rc(pin string, port int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "set postmaster root set notify \"maildir:notices\" "+
		"set metrics \"unix:%s\" set statuspage set maxperhost 50\n",
		filepath.Join(a.dir, "metrics.sock"))
	b.WriteString("defaults proto pop3 user ann ssl sslcertfile root.pem maildir mail keep\n")
	entry := func(name string, port int, words string) {
		fmt.Fprintf(&b, "poll %s via localhost port %d user ann %s\n", name, port, words)
	}
	entry("wrongpw", a.port, "passwordfile pw")
	entry("wrongpin", a.port, "passwordfile good "+pin)
	entry("wronghost", port, "passwordfile good")
	for i := range 197 {
		entry(fmt.Sprintf("well%03d", i), a.port, "passwordfile good")
	}
	return b.String()
}

func newAdministrator(t *testing.T) *administrator {
	t.Helper()
	servers := startServers(t, 0)
	a := &administrator{runningDaemon: newDaemon(t, ""), port: servers.POP3Port}
	a.write("root.pem", string(servers.Root))
	a.write("good", servers.Password)
	a.write("pw", "wrong")
	a.write("rc", a.rc(wrongPin, nobody))

	var err error
	if a.journal, err = os.Create(filepath.Join(a.dir, "journal")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.journal.Close() })
	var st unix.Stat_t
	if err := unix.Fstat(int(a.journal.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	a.cmd.Stdout, a.cmd.Stderr = a.journal, a.journal
	a.cmd.Env = append(a.cmd.Env, fmt.Sprintf("JOURNAL_STREAM=%d:%d", st.Dev, st.Ino))
	return a
}

// finds waits until what read returns has all of the texts.
func (a *administrator) finds(where string, read func() string, texts ...string) {
	a.t.Helper()
	for _, text := range texts {
		if !within(waitFileTimeout, func() bool { return strings.Contains(read(), text) }) {
			a.t.Fatalf("%s never has %q:\n%s", where, text, read())
		}
	}
}

func (a *administrator) readJournal() string {
	text, _ := os.ReadFile(a.journal.Name())
	return string(text)
}

// notices are those to the postmaster.
func (a *administrator) notices() string {
	var all strings.Builder
	paths, _ := filepath.Glob(filepath.Join(a.dir, "notices", "new", "*"))
	for _, path := range paths {
		text, _ := os.ReadFile(path)
		all.Write(text)
	}
	return all.String()
}

func (a *administrator) metrics() string { return a.web("/metrics") }
func (a *administrator) page() string    { return a.web("/?state=trouble") }

func (a *administrator) web(path string) string {
	_, text, err := askSocket(filepath.Join(a.dir, "metrics.sock"), path)
	if err != nil {
		return err.Error()
	}
	return text
}

// Of 200 accounts three are broken in different ways. Whoever looks anywhere sees which, and that they are
// mended.
func TestAdministratorsStory(t *testing.T) {
	t.Parallel()
	a := newAdministrator(t)
	a.launch()
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(a.readJournal())
		}
	})
	a.await("READY=1")
	a.signal(unix.SIGUSR1) // so that they don't wait for their turns

	a.finds("the journal", a.readJournal, "\n<3>Authorization failure on ann@wrongpw: ",
		"\n<3>ann@wrongpin: ",
		"\n<3>ann@wronghost: localhost:1: connection refused; hint: ")
	a.finds("status", func() string { return a.status() }, "200 accounts, 3 in trouble; daemon ",
		"\nlogin refused        ann@wrongpw",
		"\ncertificate refused  ann@wrongpin", "\nbacking off          ann@wronghost", "\nstatus 1")
	a.await("WATCHDOG=1\nSTATUS=200 accounts, 3 in trouble (ann@wronghost: backing off since ")
	a.finds("the metrics", a.metrics, "\nfetchd_accounts 200\n", "\nfetchd_accounts_in_trouble 3\n",
		"\nfetchd_account_up{account=\"ann@wrongpw\"} 0\n",
		"\nfetchd_account_up{account=\"ann@well007\"} 1\n")
	a.finds("the page", a.page, "<h1>3 of 200 accounts in trouble</h1>", ">ann@wrongpw</a>",
		">ann@wrongpin</a>",
		">ann@wronghost</a>", "localhost:1: connection refused")
	a.finds("the page of one", func() string { return a.web("/account?name=ann%40wrongpin") },
		"certificate refused", "Certificates of the server, which was refused")
	a.finds("a notice", a.notices, "\nTo: root\n", "\nann@wrongpw: login refused since ",
		"\nann@wrongpin: certificate refused since ")
	// A host may be there again in a minute; that is told after an hour.
	if text := a.notices(); strings.Contains(text, "\nann@wronghost: ") {
		t.Errorf("a notice too soon:\n%s", text)
	}
	for line := range strings.Lines(a.readJournal()) {
		if strings.HasPrefix(line, "<3>") && strings.Contains(line, "@well") ||
			!strings.HasPrefix(line, "<") {
			t.Errorf("in the journal: %s", line)
		}
	}

	good, err := os.ReadFile(filepath.Join(a.dir, "good"))
	if err != nil {
		t.Fatal(err)
	}
	a.write("pw", string(good))
	a.write("rc", a.rc("", a.port))
	a.signal(unix.SIGHUP)
	for _, name := range []string{"wrongpw", "wrongpin", "wronghost"} {
		a.finds("the journal", a.readJournal, "\n<6>ann@"+name+": retrieval works again\n")
	}
	a.finds("status", func() string { return a.status() }, "200 accounts, 0 in trouble; ", "\nstatus 0")
	a.await("WATCHDOG=1\nSTATUS=200 accounts, next poll ")
	a.finds("the metrics", a.metrics, "\nfetchd_accounts_in_trouble 0\n",
		"\nfetchd_account_up{account=\"ann@wrongpin\"} 1\n")
	a.finds("the page", a.page, "<h1>All 200 accounts are well</h1>", "No account is like that.")
	a.finds("the page of one", func() string { return a.web("/account?name=ann%40wrongpin") },
		"Certificates of the server<", "Retrievals that changed something or failed<")
	a.finds("a notice", a.notices, "\nann@wrongpw is well again: ok.\n",
		"\nann@wrongpin is well again: ok.\n")
}
