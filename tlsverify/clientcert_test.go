package tlsverify

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"fetchd/tlsverify/internal/show"
	"fetchd/tlsverify/tlstest"
)

func TestClientCertificate(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	sub := ca.Intermediate(tlstest.Authority{})
	client := sub.Leaf(tlstest.Leaf{CN: "ann", Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	key, err := tlstest.KeyPEM(client)
	if err != nil {
		t.Fatal(err)
	}

	cfg := ca.ClientCAs(tlstest.ServerConfig(ca.Leaf(good())))
	o := Options{Host: host, CAFile: ca.File(t)}
	o.CertFile, o.KeyFile = tlstest.WriteFile(t, "cert.pem", tlstest.CertPEM(client)),
		tlstest.WriteFile(t, "key.pem", key)
	if _, err := meetConfig(t, policy(t, o), cfg); err != nil {
		t.Errorf("two files: %v", err)
	}

	o.CertFile, o.KeyFile = tlstest.WriteFile(t, "both.pem", append(tlstest.CertPEM(client), key...)), ""
	if _, err := meetConfig(t, policy(t, o), cfg); err != nil {
		t.Errorf("one file: %v", err)
	}

	mark := []byte("\ufeff")
	o.CertFile, o.KeyFile = tlstest.WriteFile(t, "cert.pem", append(mark, tlstest.CertPEM(client)...)),
		tlstest.WriteFile(t, "key.pem", append(mark, key...))
	if _, err := meetConfig(t, policy(t, o), cfg); err != nil {
		t.Errorf("with byte order marks: %v", err)
	}
}

// A server that refuses our certificate says little of why; what we know ourselves is told.
func TestRefusedClientCertificate(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	usage := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	end := time.Now().Add(-time.Hour)
	for _, tt := range []struct {
		name   string
		client tls.Certificate
		want   string
	}{
		{"of another authority", tlstest.NewCA(t).Leaf(tlstest.Leaf{CN: "ann", Usage: usage}),
			"does not accept that of sslcert (remote error: tls: unknown certificate authority); " +
				"hint: add its issuers"},
		{"without its issuer", ca.Intermediate(tlstest.Authority{}).Leaf(
			tlstest.Leaf{CN: "ann", Usage: usage, Bare: true}), "hint: add its issuers to that file"},
		{"expired", ca.Leaf(tlstest.Leaf{CN: "ann", Usage: usage,
			NotBefore: end.AddDate(-1, 0, 0), NotAfter: end}),
			"that of sslcert, which expired on " + show.Date(end) + " (remote error: tls: expired " +
				"certificate); hint: get a new one"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			key, err := tlstest.KeyPEM(tt.client)
			if err != nil {
				t.Fatal(err)
			}
			both := append(tlstest.CertPEM(tt.client), key...)
			o := Options{Host: host, CAFile: ca.File(t), CertFile: tlstest.WriteFile(t, "both.pem", both)}

			cfg := ca.ClientCAs(tlstest.ServerConfig(ca.Leaf(good())))
			cfg.MaxVersion = tls.VersionTLS12 // which refuses it in the handshake
			_, err = meetConfig(t, policy(t, o), cfg)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v\nwant %s", err, tt.want)
			}
		})
	}
}

// Keys as OpenSSL 3 writes them, with the pass phrase "open sesame"; made for this test, of no other use.
var encryptedKeys = map[string]string{
	"PBES2 AES-256": `-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjckbmZQ8UI4wICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEJF3RYiSXDUx0RVXQkeE0q4EgZBY
NAEkiivBFrwEisxVzNl8wTSB7CPxGHN9c1UlZiqebAFaHsU2S927R/2gNwLOiLtN
vJLUPnGtRs1au2JVuMFPTBJZfj8Rdl2KvQBqQtOm6vzPxDA9tmqiKdX4YK5ede5R
2pUK+ZpsKTyU0o3TOMY1WpbxUc8/mBE1I3Bdzp0bpA+Y9ileUjymHZ1kQN6uug0=
-----END ENCRYPTED PRIVATE KEY-----
`,
	"PBES2 AES-128 with HMAC-SHA1": `-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHeMEkGCSqGSIb3DQEFDTA8MBsGCSqGSIb3DQEFDDAOBAinMM/llf1GuQICCAAw
HQYJYIZIAWUDBAECBBBZNfrkkZ9D9wHikNcCDTzrBIGQf1BQUTRq1C1AwkR1hv0x
HMKzr3/0q51HHS0BBJHG1PF99VKdw3JEJBgnh9isnaNfoUXQe6EOM53Sy0Us/a6R
3WMx3hV74Aa2vo+JrF0Ic/0fxzPXSLt2mPF8LJmIuBDy1Rhs5eb5E+5mu+fcBh5l
dTJ8D9Q0px8yqIGPKYm1e+oDDhLFWYuT87VcPE9elapZ
-----END ENCRYPTED PRIVATE KEY-----
`,
	"PBES2 3DES": `-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHjME4GCSqGSIb3DQEFDTBBMCkGCSqGSIb3DQEFDDAcBAhAZdS81pyQ0wICCAAw
DAYIKoZIhvcNAgkFADAUBggqhkiG9w0DBwQI3EAig1y1W+YEgZA2jlRqxXnOgAmk
09PTkYd1fHMS6EqtbqA9XBQI+4DBCsrB7Q2XVcGIfCCo5wSCPxcrR5Y+6b46CE16
B5Zy/uQt3VvFYMMPLnIeBDFXL51dTB3LJXyGRhH2TboG4ghVMVSrpkEVcNT9LsWp
A81uo23orGqxrwxT567bXrOfTn5huWxIti7/ZuCaRLsJpyTdkj8=
-----END ENCRYPTED PRIVATE KEY-----
`,
	"PBES2 scrypt": `-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHkME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAhINfm/xWEU0QICQAAC
AQgCAQEwHQYJYIZIAWUDBAEqBBATCPG0lXgGtmraENN2+7EQBIGQyfcg4Ujw+yP+
dOmJF11p8RAxzl/oJdb3eFW8MIobjmee3vofWaKGdUZzxG/4M8iuStJMiAoyr3qc
d8lPAKhs0vWOvFtUU9CTQeEvHso5X+J2vDGOOyzonbGBVq12RgvHeHyDoBM4O+qz
GZIQRCKjENsbgaEscfhcQap2WA0cySrkLRLVYWeAuuHK7Df39CZb
-----END ENCRYPTED PRIVATE KEY-----
`,
	"old PEM AES-256": `-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-256-CBC,A1FA114B50AAE4066E43B84231CA657E

TsfMJhuJVD0t60L5LQzGk/47BFSWlVlvdwVtHvYYoUPf6MNnd4jnIjCnDjol18u2
QSaaUChGdSwv0d/dwJno9jw/HyxuPu5xzFDmbR9BgJ9kDnEuTLzaSJhUa+RdgGLd
qIjBhPqaAd60ruRSs2KwDWumFhrDrR4AXMscZ4MqI7w=
-----END EC PRIVATE KEY-----
`,
}

func TestEncryptedKeys(t *testing.T) {
	t.Parallel()
	for name, pem := range encryptedKeys {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := tlstest.WriteFile(t, "key.pem", []byte(pem))
			asked := 0
			pass := func(p string, err error) func() (string, error) {
				return func() (string, error) { asked++; return p, err }
			}
			if _, err := readKey(file, pass("open sesame", nil)); err != nil || asked != 1 {
				t.Errorf("right pass phrase: %v, asked %d times", err, asked)
			}
			if _, err := readKey(file, pass("shut sesame", nil)); err == nil ||
				!strings.Contains(err.Error(), "pass phrase") {
				t.Errorf("wrong pass phrase: %v", err)
			}
			// Each of these leaves one of the keys with a padding that is right.
			for _, wrong := range []string{"wrong49", "wrong274", "wrong43", "wrong23", "wrong175"} {
				if _, err := readKey(file, pass(wrong, nil)); !errors.Is(err, errPassWrong) {
					t.Errorf("%s: %v", wrong, err)
				}
			}
			if _, err := readKey(file, nil); !errors.Is(err, errPassNeeded) {
				t.Errorf("no pass phrase: %v", err)
			}
			gone := errors.New("terminal gone")
			if _, err := readKey(file, pass("", gone)); !errors.Is(err, gone) {
				t.Errorf("asking fails: %v", err)
			}
		})
	}
}

func FuzzDecryptKey(f *testing.F) {
	f.Add([]byte{0x30, 0})
	f.Add([]byte{0x30, 0x80, 0x30, 0x0b, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 0x0d})
	f.Fuzz(func(t *testing.T, der []byte) {
		if plain, err := decryptPBES2(der, "x"); err == nil && len(plain) >= len(der) {
			t.Fatalf("%d bytes out of %d", len(plain), len(der))
		}
	})
}
