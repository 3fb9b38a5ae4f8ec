package account

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fetchd/cmd/fetchd/internal/account/secret"
	"fetchd/fetch"
	"fetchd/rcfile"
	"fetchd/tlsverify/tlstest"
)

// lockedPair writes a client certificate and its key, encrypted with pass.
func lockedPair(t *testing.T, pass string) (cert, key string) {
	t.Helper()
	pair := tlstest.NewCA(t).Leaf(tlstest.Leaf{CN: "ann"})
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	//lint:ignore SA1019 what users of fetchmail have
	block, err := x509.EncryptPEMBlock(rand.Reader, "PRIVATE KEY", der, []byte(pass), x509.PEMCipherAES256)
	if err != nil {
		t.Fatal(err)
	}
	return tlstest.WriteFile(t, "cert.pem", tlstest.CertPEM(pair)),
		tlstest.WriteFile(t, "key.pem", pem.EncodeToMemory(block))
}

func TestKeyPass(t *testing.T) {
	t.Parallel()
	cert, key := lockedPair(t, "sesame")
	credentials := t.TempDir()
	credential := filepath.Join(credentials, "fetchd.ann@h.sslkeypass")
	if err := os.WriteFile(credential, []byte("sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}

	pair := "sslcert " + cert + " sslkey " + key + "\n"
	text := "poll h proto imap auth external user ann " + pair + "  user bob " + pair
	cfg, err := rcfile.Parse("rc", []byte(text), rcfile.Fetchmailrc)
	if err != nil {
		t.Fatal(err)
	}

	for _, tt := range []struct {
		name, credentials, typed, user string
		questions                      int
		want                           string
	}{
		{"typed in, once for two accounts", "", "sesame", "bob", 1, ""},
		{"a credential", credentials, "", "ann", 1, ""}, // bob has none
		{"typed in wrongly", "", "x", "ann", 1, "wrong pass phrase"},
		{"no terminal", "", "", "ann", 2, `key.pem": is encrypted`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			finder := &secret.Finder{
				Getenv: environment("CREDENTIALS_DIRECTORY", tt.credentials), Collected: map[string]string{},
				Warn: func(string, string) {},
			}
			r := New(Environment{Getenv: environment(), Secrets: finder, Log: slog.New(slog.DiscardHandler)})
			var logins []secret.Login
			for i := range cfg.Polls[0].Users {
				logins = append(logins, r.Login(&cfg.Polls[0], &cfg.Polls[0].Users[i]))
			}

			if err := finder.Collect(logins, func(question string) (string, error) {
				if asked++; tt.typed == "" {
					return "", secret.ErrNoTerminal
				}
				if !strings.Contains(question, "key.pem") {
					t.Errorf("question %q", question)
				}
				return tt.typed, nil
			}, nil); err != nil {
				t.Fatal(err)
			}

			u := &cfg.Polls[0].Users[map[string]int{"ann": 0, "bob": 1}[tt.user]]
			a := &fetch.Account{
				Name: tt.user + "@h", Poll: "h",
				Server:      fetch.Server{Host: "h", Protocol: fetch.IMAP},
				Credentials: fetch.Credentials{User: tt.user},
			}

			err := r.setTrust(a, u)
			if (err == nil) != (tt.want == "") ||
				err != nil && !strings.Contains(err.Error(), tt.want) || asked != tt.questions {
				t.Errorf("%v, asked %d times", err, asked)
			}
			if err != nil &&
				(strings.Count(err.Error(), "give") > 1 || strings.Contains(err.Error(), "PEM file")) {
				t.Errorf("more than one advice: %v", err)
			}
		})
	}
}

// Who ends the question ends the program.
func TestKeyPassQuestionIsEnded(t *testing.T) {
	t.Parallel()
	cert, key := lockedPair(t, "sesame")
	u := &rcfile.User{SSLCert: rcfile.Some(cert), SSLKey: rcfile.Some(key)}
	f := &secret.Finder{Getenv: environment(), Collected: map[string]string{}}
	ended := errors.New("terminated")
	login := secret.Login{Account: "ann@h", Secrets: &u.Secrets, KeyFile: key}
	if err := f.Collect([]secret.Login{login}, func(string) (string, error) { return "", ended },
		nil); !errors.Is(err, ended) {
		t.Errorf("%v", err)
	}
}

// Whoever can read a private key can log in with it; one that is encrypted, or that systemd guards, is safe.
func TestExposedKey(t *testing.T) {
	t.Parallel()
	pair := tlstest.NewCA(t).Leaf(tlstest.Leaf{CN: "ann"})
	plain, err := tlstest.KeyPEM(pair)
	if err != nil {
		t.Fatal(err)
	}
	cert, locked := lockedPair(t, "sesame")
	open := tlstest.WriteFile(t, "key.pem", plain)
	both := tlstest.WriteFile(t, "both.pem", append(tlstest.CertPEM(pair), plain...))

	for _, tt := range []struct {
		name, words, file, credentials string
		mode                           os.FileMode
		want                           bool
	}{
		{"readable", "sslcert " + cert + " sslkey " + open, open, "", 0o644, true},
		{"by a group", "sslcert " + cert + " sslkey " + open, open, "", 0o640, false},
		{"in one file", "sslcert " + both, both, "", 0o644, true},
		{"encrypted", "sslcert " + cert + " sslkey " + locked, locked, "", 0o644, false},
		{"a credential", "sslcert " + both, both, filepath.Dir(both), 0o644, false},
		{"none", "", open, "", 0o644, false},
	} {
		if err := os.Chmod(tt.file, tt.mode); err != nil {
			t.Fatal(err)
		}
		text := "poll h proto imap user ann password x " + tt.words + "\n"
		cfg, err := rcfile.Parse("rc", []byte(text), rcfile.Fetchmailrc)
		if err != nil {
			t.Fatal(err)
		}
		r := New(Environment{Getenv: environment("CREDENTIALS_DIRECTORY", tt.credentials)})
		if got := r.exposedKey(&cfg.Polls[0].Users[0]); (got != "") != tt.want {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
}
