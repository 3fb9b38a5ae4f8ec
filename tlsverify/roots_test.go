package tlsverify

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"fetchd/tlsverify/tlstest"
)

// systemRoot stands for the machine's root certificates, which a process reads only once.
var systemRoot *tlstest.CA

func TestMain(m *testing.M) {
	status, err := runWithSystemRoot(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func runWithSystemRoot(m *testing.M) (status int, err error) {
	dir, err := os.MkdirTemp("", "tlsverify")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)

	if systemRoot, err = tlstest.MakeRoot(tlstest.Authority{Name: "System Root"}); err != nil {
		return 0, err
	}
	file := filepath.Join(dir, "system.pem")
	if err := os.WriteFile(file, systemRoot.PEM(), 0o600); err != nil {
		return 0, err
	}
	for name, value := range map[string]string{"SSL_CERT_FILE": file, "SSL_CERT_DIR": dir} {
		if err := os.Setenv(name, value); err != nil {
			return 0, err
		}
	}

	return m.Run(), nil
}

// Who names roots of their own trusts these, and the system's no longer.
func TestOwnRootsReplaceTheSystems(t *testing.T) {
	t.Parallel()
	own := tlstest.NewCA(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "own.pem"), own.PEM())
	bySystem, err := systemRoot.MakeLeaf(good())
	if err != nil {
		t.Fatal(err)
	}
	byOwn := own.Leaf(good())

	cases := []struct {
		name        string
		o           Options
		system, own bool // whether a server with a certificate of it is trusted
	}{
		{"none named", Options{}, true, false},
		{"system's named too, none of one's own", Options{IncludeSystem: true}, true, false},
		{"sslcertfile", Options{CAFile: own.File(t)}, false, true},
		{"sslcertpath", Options{CAPath: dir}, false, true},
		{"both", Options{CAFile: own.File(t), CAPath: dir}, false, true},
		{"sslcertfile and the system's", Options{CAFile: own.File(t), IncludeSystem: true}, true, true},
		{"sslcertpath and the system's", Options{CAPath: dir, IncludeSystem: true}, true, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.o.Host = host
			p := policy(t, c.o)

			if _, err := meet(t, p, bySystem); (err == nil) != c.system || err != nil &&
				!as[*ChainError](err) {
				t.Errorf("certificate of the system's root: %v", err)
			}
			if _, err := meet(t, p, byOwn); (err == nil) != c.own || err != nil && !as[*ChainError](err) {
				t.Errorf("certificate of the own root: %v", err)
			}
		})
	}
}
