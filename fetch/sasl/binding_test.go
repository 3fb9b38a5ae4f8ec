package sasl

import (
	"crypto/tls"
	"errors"
	"strings"
	"testing"

	"github.com/xdg-go/scram"

	"fetchd/tlsverify/tlstest"
)

// handshake returns both ends' views of one TLS connection.
func handshake(t *testing.T, version uint16) (client, server *tls.ConnectionState) {
	t.Helper()
	leaf := tlstest.NewCA(t).Leaf(tlstest.Leaf{DNS: []string{"mail.example.org"}})
	a, b := tlstest.BufferedPipe()
	s := tls.Server(b, tlstest.ServerConfig(leaf))
	c := tls.Client(a, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
	done := make(chan error, 1)
	go func() { done <- s.Handshake() }()
	if err := errors.Join(c.Handshake(), <-done); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	x, y := c.ConnectionState(), s.ConnectionState()
	y.PeerCertificates = x.PeerCertificates // a server knows its own
	return &x, &y
}

// peer is the server's side of an exchange.
func peer(t *testing.T, hash scram.HashGeneratorFcn, binding *scram.ChannelBinding,
	required bool) *scram.ServerConversation {
	t.Helper()
	server := storing(t, hash, ann.Password)
	switch {
	case binding == nil:
		return server.NewConversation()
	case required:
		return server.NewConversationWithChannelBindingRequired(*binding)
	}
	return server.NewConversationWithChannelBinding(*binding)
}

// storing is a server that knows the password as it was stored, prepared or not.
func storing(t *testing.T, hash scram.HashGeneratorFcn, password string) *scram.Server {
	t.Helper()
	client, err := hash.NewClientUnprepped(ann.User, password, "")
	if err != nil {
		t.Fatal(err)
	}
	stored, err := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: "salt", Iters: 4096})
	if err != nil {
		t.Fatal(err)
	}
	server, err := hash.NewServer(func(string) (scram.StoredCredentials, error) { return stored, nil })
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// converse leads the exchange, and returns its first message and how it ends.
func converse(m Mechanism, server *scram.ServerConversation) (first string, err error) {
	_, out, err := m.Start()
	first = string(out)
	for err == nil && !server.Done() {
		var in string
		if in, err = server.Step(string(out)); err == nil {
			out, err = m.Next([]byte(in))
		}
	}
	if err == nil {
		err = m.Finish()
	}
	return first, err
}

// A server that binds to one kind of its own, by whatever version of TLS, is satisfied by one of ours.
func TestPlus(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, make := range []func(*tls.ConnectionState) (scram.ChannelBinding, error){
			scram.NewTLSExporterBinding, scram.NewTLSServerEndpointBinding,
		} {
			client, server := handshake(t, version)
			binding, err := make(server)
			if err != nil {
				t.Fatal(err)
			}
			cred := ann
			cred.TLS = client
			ms, err := Choose("any", []string{"SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"}, cred, true)
			if err != nil {
				t.Fatal(err)
			}
			worked := 0
			for _, m := range ms {
				if _, bound := m.(*scramExchange); !bound {
					continue
				}
				first, err := converse(m, peer(t, scram.SHA256, &binding, true))
				if !strings.HasPrefix(first, "p=tls-") {
					t.Errorf("begins with %q", first)
				}
				if err == nil {
					worked++
				}
			}
			if worked != 1 {
				t.Errorf("%s with TLS %x: %d of %d worked", binding.Type, version, worked, len(ms))
			}
		}
	}
}

// Somebody between us and the server has two connections, to which the proofs don't belong.
func TestPlusIsNotRelayed(t *testing.T) {
	t.Parallel()
	client, _ := handshake(t, tls.VersionTLS13)
	_, server := handshake(t, tls.VersionTLS13)
	for _, make := range []func(*tls.ConnectionState) (scram.ChannelBinding, error){
		scram.NewTLSExporterBinding, scram.NewTLSServerEndpointBinding,
	} {
		binding, err := make(server)
		if err != nil {
			t.Fatal(err)
		}
		cred := ann
		cred.TLS = client
		for _, m := range newPlus("SCRAM-SHA-256", scram.SHA256, cred) {
			if _, err := converse(m, peer(t, scram.SHA256, &binding, true)); err == nil {
				t.Errorf("%s was relayed", m.(*scramExchange).binding)
			}
		}
	}
}

// Somebody who takes -PLUS out of the list is found out by the server: we say that we would have used it.
func TestDowngradeIsRefused(t *testing.T) {
	t.Parallel()
	client, server := handshake(t, tls.VersionTLS13)
	binding, err := scram.NewTLSExporterBinding(server)
	if err != nil {
		t.Fatal(err)
	}
	cred := ann
	cred.TLS = client
	for _, tt := range []struct {
		offered string
		binding *scram.ChannelBinding // of the server
		tls     *tls.ConnectionState
		first   string
		works   bool
	}{
		{"SCRAM-SHA-256", &binding, client, "y,,", false}, // removed on the way
		{"SCRAM-SHA-256", nil, client, "y,,", true},       // the server has none
		{"SCRAM-SHA-256", nil, nil, "n,,", true},          // nor have we
	} {
		cred.TLS = tt.tls
		ms, err := Choose("scram-sha-256", []string{tt.offered}, cred, true)
		if err != nil || len(ms) != 1 {
			t.Fatalf("%v, %v", ms, err)
		}
		first, err := converse(ms[0], peer(t, scram.SHA256, tt.binding, false))
		if !strings.HasPrefix(first, tt.first) || (err == nil) != tt.works {
			t.Errorf("%+v: %q, %v", tt, first, err)
		}
	}
	if _, err := Choose("scram-sha-256-plus", []string{"SCRAM-SHA-256", "PLAIN"}, cred, true); err == nil {
		t.Error("-plus is demanded, and something else is used")
	}
}

// Who acts for another user never logs in as himself.
func TestActingForAnother(t *testing.T) {
	t.Parallel()
	master := ann
	master.AuthzID = "bob"
	all := strings.Fields("PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256 EXTERNAL XOAUTH2 OAUTHBEARER")
	for auth, want := range map[string]string{
		"any": "n,a=bob,n=ann,", "plain": "bob\x00ann\x00s3cret", "external": "bob",
		"oauthbearer": "n,a=bob,", "xoauth2": "user=bob\x01", "scram-sha-256": "n,a=bob,n=ann,",
	} {
		ms, err := Choose(auth, all, master, true)
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range ms {
			name, first, err := m.Start()
			if err != nil || !strings.Contains(string(first), "bob") || i == 0 &&
				!strings.HasPrefix(string(first), want) {
				t.Errorf("%s: %s begins with %q, %v", auth, name, first, err)
			}
		}
	}
	for _, auth := range []string{"login", "cram-md5", "apop"} {
		if ms, err := Choose(auth, all, master, true); err == nil || !strings.Contains(err.Error(), "bob") {
			t.Errorf("%s: %v, %v", auth, ms, err)
		}
	}
	if ms, err := Choose("any", []string{"LOGIN"}, master, true); err == nil {
		t.Errorf("%v", ms)
	}
	master.AuthzID = "bob\r\n"
	if _, err := Choose("any", all, master, true); err == nil {
		t.Error("a line break in the name")
	}
}
