package main

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// unreachable is an entry for an account whose server is not there.
const unreachable = "poll 127.0.0.1 proto imap port 1 user ann password sesame\n"

// promptly is how soon a process with nothing to do ends, also on a busy machine.
const promptly = 5 * time.Second

// slowKey is an encrypted private key that can't be decrypted, and takes long to tell so.
func slowKey(t *testing.T, iterations int) string {
	t.Helper()
	marshal := func(v any) asn1.RawValue {
		der, err := asn1.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return asn1.RawValue{FullBytes: der}
	}

	type kdf struct {
		Salt       []byte
		Iterations int
		KeyLength  int
		Hash       pkix.AlgorithmIdentifier
	}

	type scheme struct{ KDF, Cipher pkix.AlgorithmIdentifier }
	algorithm := func(parameters asn1.RawValue, oid ...int) pkix.AlgorithmIdentifier {
		return pkix.AlgorithmIdentifier{Algorithm: oid, Parameters: parameters}
	}
	hash := algorithm(asn1.NullRawValue, 1, 2, 840, 113549, 2, 9) // HMAC with SHA-256
	params := scheme{
		KDF: algorithm(marshal(kdf{make([]byte, 8), iterations, 32, hash}),
			1, 2, 840, 113549, 1, 5, 12), // PBKDF2
		Cipher: algorithm(marshal(make([]byte, 16)), 2, 16, 840, 1, 101, 3, 4, 1, 42), // AES-256-CBC
	}

	key := struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}{algorithm(marshal(params), 1, 2, 840, 113549, 1, 5, 13), make([]byte, 64)} // PBES2
	block := &pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: marshal(key).FullBytes}
	return string(pem.EncodeToMemory(block))
}

// slowEntries are n entries for accounts that take long to make.
func (d *runningDaemon) slowEntries(n, iterations int) string {
	d.write("client.pem", string(startServers(d.t, 1).Root)+slowKey(d.t, iterations))
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "poll h%d via 127.0.0.1 proto imap port 1 "+
			"user ann password x ssl sslcert client.pem sslkeypass x\n", i)
	}
	return b.String()
}

// The end of a daemon waits for nothing: not behind other signals, and not behind a reload that takes its
// time.
func TestTerminatesDuringReload(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, unreachable)
	d.start()
	d.write("rc", d.slowEntries(50, 10_000_000)) // some seconds for each
	d.signal(unix.SIGHUP)
	d.await("RELOADING=1")
	for range 10 {
		d.signal(unix.SIGHUP)
		d.signal(unix.SIGUSR1)
	}
	d.signal(unix.SIGTERM)
	d.await("STOPPING=1")
	d.endsWithin(promptly)
	if d.state != nil && !d.state.Success() {
		t.Errorf("%v:\n%s", d.state, d.log.String())
	}
}

// What is asked for several times while it can't be done is done once.
func TestReloadsCoalesce(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, unreachable)
	d.start()
	d.write("rc", unreachable+d.slowEntries(1, 1_000_000))
	d.signal(unix.SIGHUP)
	d.await("RELOADING=1")
	for range 10 {
		d.signal(unix.SIGHUP)
	}
	d.signal(unix.SIGUSR1)
	d.says("awakened by signal 10")
	d.signal(unix.SIGTERM)
	d.endsWithin(promptly)
	if n := strings.Count(d.log.String(), "read rc again"); n < 1 || n > 3 {
		t.Errorf("%d reloads:\n%s", n, d.log.String())
	}
}

// A daemon that hasn't begun yet ends as well, and so does a program that is no daemon.
func TestTerminatesAtTheStart(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"daemon": {"fetchd", "-f", "rc", "-N", "-d", "300", "--pidfile", "pid"},
		"pass":   {"fetchd", "-f", "rc", "--pidfile", "pid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDaemon(t, "")
			d.write("rc", d.slowEntries(50, 10_000_000))
			d.cmd.Args = args
			d.launch()
			// What is opened before the accounts are made.
			journal := filepath.Join(d.dir, "*", "*", "*", "journal.db")
			made := func() bool { found, _ := filepath.Glob(journal); return len(found) > 0 }
			if !within(waitFileTimeout, made) {
				t.Fatalf("it never opened a journal:\n%s", d.log.String())
			}

			d.signal(unix.SIGTERM)
			d.endsWithin(promptly)
		})
	}
}

// A password file that was mended is used as soon as the daemon is told to look, however long the login was
// to wait; and it delivers what came meanwhile.
func TestMendedPasswordIsUsedAtReload(t *testing.T) {
	t.Parallel()
	servers := startServers(t, 3)
	d := newDaemon(t, "")
	d.write("secret", "wrong\n")
	d.write("rc", d.demoAccount(servers, "passwordfile secret"))
	d.start()
	d.says("Query status=3")
	d.write("secret", servers.Password+"\n")
	d.signal(unix.SIGHUP)
	d.says("retrieval works again")
	if n := d.mails(); n < 4 {
		t.Errorf("%d messages, want 3 and a notice:\n%s", n, d.log.String())
	}
}
