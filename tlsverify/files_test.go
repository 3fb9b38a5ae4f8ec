package tlsverify

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
	"weak"

	"fetchd/tlsverify/tlstest"
)

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// replace puts other content into a file, at another time.
func replace(t *testing.T, path string, data []byte) {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, data)
	later := st.ModTime().Add(time.Second)
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
}

// A policy sees roots that were replaced at its next handshake, and goes on with those from before while the
// file is none.
func TestReplacedRoots(t *testing.T) {
	t.Parallel()
	before, after := tlstest.NewCA(t), tlstest.NewCA(t)
	file := before.File(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "root.pem"), before.PEM())

	for _, c := range []struct {
		name, path string
		o          Options
	}{
		{"sslcertfile", file, Options{CAFile: file}},
		{"sslcertpath", filepath.Join(dir, "root.pem"), Options{CAPath: dir}},
	} {
		c.o.Host = host
		p := policy(t, c.o)
		stamp := p.FileStamp()
		if stamp != p.FileStamp() {
			t.Errorf("%s: another stamp without a change", c.name)
		}

		replace(t, c.path, []byte("-----BEGIN CERTI"))
		if _, err := meet(t, p, before.Leaf(good())); err != nil {
			t.Errorf("%s, half written: %v", c.name, err)
		}
		replace(t, c.path, after.PEM())
		if _, err := meet(t, p, after.Leaf(good())); err != nil {
			t.Errorf("%s, the new root: %v", c.name, err)
		}
		if _, err := meet(t, p, before.Leaf(good())); !as[*ChainError](err) {
			t.Errorf("%s, the old root: %v", c.name, err)
		}
		if stamp == p.FileStamp() {
			t.Errorf("%s: the same stamp after a change", c.name)
		}
	}
}

// A file that others could have written is not believed when it is replaced either.
func TestReplacedByOthers(t *testing.T) {
	t.Parallel()
	before, after := tlstest.NewCA(t), tlstest.NewCA(t)
	file := before.File(t)
	var refusal error
	p := policy(t, Options{
		Host: host, CAFile: file, Files: &Files{Check: func(string) error { return refusal }},
	})

	refusal = errors.New("others could have written it")
	replace(t, file, after.PEM())
	if _, err := meet(t, p, after.Leaf(good())); !as[*ChainError](err) {
		t.Errorf("the new root: %v", err)
	}
	if _, err := New(Options{Host: host, CAFile: file, Files: p.opt.Files}); !errors.Is(err, refusal) {
		t.Errorf("a new policy: %v", err)
	}
}

// Each file and directory is checked before it is believed.
func TestAllFilesAreChecked(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	pair := ca.Leaf(tlstest.Leaf{CN: "ann"})
	key, err := tlstest.KeyPEM(pair)
	if err != nil {
		t.Fatal(err)
	}
	list, err := ca.CRL(time.Now(), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "root.pem"), ca.PEM())
	lists := t.TempDir()
	write(t, filepath.Join(lists, "list.pem"), list)
	o := Options{
		Host: host, CAFile: ca.File(t), CAPath: dir, CRL: lists,
		CertFile: tlstest.WriteFile(t, "cert.pem", tlstest.CertPEM(pair)),
		KeyFile:  tlstest.WriteFile(t, "key.pem", key),
	}
	policy(t, o)

	refusal := errors.New("others could have written it")
	for _, bad := range []string{
		o.CAFile, o.CAPath, o.CRL, o.CertFile, o.KeyFile,
		filepath.Join(dir, "root.pem"), filepath.Join(o.CRL, "list.pem"),
	} {
		o.Files = &Files{Check: func(path string) error {
			if path == bad {
				return refusal
			}
			return nil
		}}
		if _, err := New(o); !errors.Is(err, refusal) {
			t.Errorf("%s: %v", bad, err)
		}
	}

	// What holds no certificate is not believed, so whoever writes it changes nothing.
	write(t, filepath.Join(dir, "README"), []byte("roots\n"))
	o.Files = &Files{Check: func(path string) error {
		if filepath.Base(path) == "README" {
			return refusal
		}
		return nil
	}}
	policy(t, o)
}

// A pair is replaced as a whole: as long as certificate and key don't belong together, the old one is shown.
func TestReplacedClientCertificate(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	usage := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	before := ca.Leaf(tlstest.Leaf{CN: "ann", Usage: usage})
	after := ca.Leaf(tlstest.Leaf{CN: "bob", Usage: usage})
	key := func(c tls.Certificate) []byte {
		text, err := tlstest.KeyPEM(c)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	o := Options{Host: host, CAFile: ca.File(t), KeyFile: tlstest.WriteFile(t, "key.pem", key(before)),
		CertFile: tlstest.WriteFile(t, "cert.pem", tlstest.CertPEM(before))}
	p := policy(t, o)

	var shown string
	cfg := ca.ClientCAs(tlstest.ServerConfig(ca.Leaf(good())))
	cfg.VerifyConnection = func(cs tls.ConnectionState) error {
		shown = cs.PeerCertificates[0].Subject.CommonName
		return nil
	}
	for _, step := range []struct {
		name   string
		change func()
		want   string
	}{
		{"at first", func() {}, "ann"},
		{"certificate replaced", func() { replace(t, o.CertFile, tlstest.CertPEM(after)) }, "ann"},
		{"key replaced too", func() { replace(t, o.KeyFile, key(after)) }, "bob"},
	} {
		step.change()
		if _, err := meetConfig(t, p, cfg); err != nil || shown != step.want {
			t.Errorf("%s: %q was shown, want %q; %v", step.name, shown, step.want, err)
		}
	}
}

// Policies that name the same files have them in memory once, until none is used any more.
func TestFilesAreShared(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	list, err := ca.CRL(time.Now(), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Host: host, CAFile: ca.File(t), CRL: tlstest.WriteFile(t, "crl.pem", list), Files: new(Files),
	}
	one, two := policy(t, o), policy(t, o)
	if one.roots().pool != two.roots().pool || one.crls != two.crls {
		t.Error("each has its own")
	}
	o.IncludeSystem = true
	if three := policy(t, o); three.roots().pool == one.roots().pool {
		t.Error("the system's roots are trusted where they are not asked for")
	}

	set := weak.Make(one.roots())
	runtime.KeepAlive(one)
	runtime.KeepAlive(two)
	runtime.GC()
	if set.Value() != nil {
		t.Error("kept although no policy uses it")
	}
}

// A file that was refused for its permissions, or those of its directory, is looked at again once they are
// set right, as the error demands.
func TestStampSeesPermissions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, path string
		wrong      os.FileMode
		right      os.FileMode
	}{
		{"file", "dir/file", 0o666, 0o600},
		{"directory", "dir", 0o777, 0o700},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			path := filepath.Join(root, tt.path)
			err := errors.Join(os.Mkdir(filepath.Join(root, "dir"), 0o700),
				os.WriteFile(filepath.Join(root, "dir/file"), []byte("x"), 0o600), os.Chmod(path, tt.wrong))
			if err != nil {
				t.Fatal(err)
			}

			before := Stamp(path)
			if err := os.Chmod(path, tt.right); err != nil {
				t.Fatal(err)
			}
			if Stamp(path) == before {
				t.Error("nothing has changed")
			}
		})
	}
}
