package logintest

import (
	"context"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"

	"fetchd/fetch/login"
	"fetchd/fetch/wire"
	"fetchd/tlsverify"
)

// loggedIn are the ways that lead to a login.
var loggedIn = map[string]func(*rig){
	"STARTTLS, PLAIN": func(r *rig) { r.succeeds("PLAIN") },
	"wrapped, PLAIN": func(r *rig) {
		r.TLS, r.wrapped = login.Wrapped, true
		r.succeeds("PLAIN")
	},
	"LOGIN": func(r *rig) {
		r.offered = []string{"LOGIN"}
		r.succeeds("LOGIN")
	},
	"CRAM-MD5": func(r *rig) {
		r.Auth, r.offered = "cram-md5", []string{"PLAIN", "CRAM-MD5"}
		r.succeeds("CRAM-MD5")
	},
	"token": func(r *rig) {
		r.Auth, r.offered = "oauthbearer", []string{"PLAIN", "XOAUTH2", "OAUTHBEARER"}
		r.succeeds("OAUTHBEARER")
		where := "host=" + host + "\x01port=" + strconv.Itoa(r.subject.Service.Plain) + "\x01"
		if !strings.Contains(r.decoded(), where) {
			r.t.Errorf("the token's %q lacks %q", r.decoded(), where)
		}
	},
	"the protocol's own": func(r *rig) {
		r.offered = nil
		if r.subject.Own {
			r.succeeds("own")
			return
		}
		r.keepsFrom(login.KindAuth)
	},
	"odd characters in the password": func(r *rig) {
		r.offered = nil
		if r.subject.Own {
			r.password(`sésame "\ street`)
			r.succeeds("own")
		}
	},
	"client certificate": func(r *rig) {
		r.Auth, r.offered = "external", []string{"EXTERNAL", "PLAIN"}
		if r.succeeds("EXTERNAL"); r.asked {
			r.t.Error("asked for the password")
		}
	},
	"clear text, if the user wants it": func(r *rig) {
		r.TLS = login.ClearText
		r.succeeds("PLAIN")
	},
	"what was offered before TLS is forgotten": func(r *rig) {
		r.before, r.offered = []string{"PLAIN", "LOGIN"}, []string{"CRAM-MD5"}
		r.Auth = "cram-md5"
		r.succeeds("CRAM-MD5")
	},
	"nothing vouches for the server: proofs first": func(r *rig) {
		r.offered, r.Policy = []string{"PLAIN", "CRAM-MD5"}, policy(r.t, tlsverify.Options{NoCheck: true})
		r.succeeds("CRAM-MD5")
	},
	"a pin vouches": func(r *rig) {
		pin, err := tlsverify.ParsePin(r.pin)
		if err != nil {
			r.t.Fatal(err)
		}
		r.offered = []string{"PLAIN", "CRAM-MD5"}
		r.Policy = policy(r.t, tlsverify.Options{NoCheck: true, Pins: []tlsverify.Pin{pin}})
		r.succeeds("PLAIN")
	},
}

// unproven are servers that have not proved who they are: nothing of a login is sent.
var unproven = map[string]func(*rig){
	"STARTTLS refused": func(r *rig) {
		r.noTLS = true
		r.keeps(login.KindTLS, "nothing was sent in clear text")
	},
	"another's certificate": func(r *rig) {
		r.cert = r.wrong
		r.keeps(login.KindTLS, "other.example.org")
	},
	"another's certificate, wrapped": func(r *rig) {
		r.TLS, r.wrapped, r.cert = login.Wrapped, true, r.wrong
		r.keeps(login.KindTLS, "other.example.org")
	},
	"no policy": func(r *rig) {
		r.Policy = nil
		r.keeps(login.KindTLS, "no TLS policy")
	},
	"answer behind the answer to STARTTLS": func(r *rig) {
		r.injected = r.dialect.Reply(Command{Tag: "A2"}, login.OK, "", "welcome")
		r.keeps(login.KindTLS, "in clear text behind")
	},
	"greeting that skips STARTTLS": func(r *rig) {
		if r.preauth = r.dialect.Preauth() != ""; r.preauth {
			r.keeps(login.KindTLS, "skips STARTTLS")
		}
	},
	"clear text on a port for TLS": func(r *rig) {
		r.TLS = login.Wrapped
		r.keeps(login.KindTLS, "")
	},
	"proof refused: an unproven server does not get the password": func(r *rig) {
		r.offered = []string{"PLAIN", "LOGIN", "CRAM-MD5"}
		r.Policy = policy(r.t, tlsverify.Options{NoCheck: true})
		r.refuses = map[string]verdict{"CRAM-MD5": {"", "use PLAIN"}}
		r.fails(login.KindAuth, "sslpin")
		r.wants("CRAM-MD5")
	},
	"implicit, and the server does not know the user": func(r *rig) {
		r.Auth = "implicit"
		r.keeps(login.KindAuth, "hint: it may need another plugin, or a password")
	},
}

// refused are servers that say no. They choose the text; we decide what it means.
var refused = map[string]func(*rig){
	"service": func(r *rig) {
		r.refused = "out of order"
		r.keeps(login.KindServer, "out of order")
	},
	"too many connections": func(r *rig) {
		r.refused = "too many connections from your address"
		if err := r.fails(login.KindServer, "this is temporary"); !errors.Is(err, login.ErrCrowded) {
			r.t.Errorf("%v is not ErrCrowded", err)
		}
	},
	"wrong password, without a code": func(r *rig) {
		r.offered, r.refuses = []string{"PLAIN", "LOGIN"}, map[string]verdict{"PLAIN": {"", "no"}}
		r.fails(login.KindAuth, `login as "ann" refused: `)
		r.wants("PLAIN")
	},
	"wrong password, by LOGIN": func(r *rig) {
		r.offered, r.refuses = []string{"LOGIN"}, map[string]verdict{"LOGIN": {"", "no"}}
		r.fails(login.KindAuth, "check user and password")
		r.wants("LOGIN")
	},
	"wrong password, with a code": func(r *rig) {
		r.offered = []string{"PLAIN", "LOGIN"}
		r.refuses = map[string]verdict{"PLAIN": {r.subject.Codes[login.KindAuth], "no"}}
		r.fails(login.KindAuth, `"no"; hint: check user and password in the rc file`)
		r.wants("PLAIN")
	},
	"proof, with a code": func(r *rig) {
		if r.subject.Codes[login.KindAuth] == "" {
			return
		}
		r.offered = []string{"SCRAM-SHA-256", "PLAIN"}
		r.refuses = map[string]verdict{"SCRAM-SHA-256": {r.subject.Codes[login.KindAuth], "no"}}
		r.fails(login.KindAuth, `write auth "password"`)
		r.wants("SCRAM-SHA-256")
	},
	"token": func(r *rig) {
		r.Auth, r.offered = "oauthbearer", []string{"XOAUTH2", "OAUTHBEARER"}
		r.refuses = map[string]verdict{"OAUTHBEARER": {r.subject.Codes[login.KindAuth], "no"}}
		r.fails(login.KindAuth, "get a fresh one")
		r.wants("OAUTHBEARER")
	},
	"temporary, with a code": func(r *rig) {
		r.refuses = map[string]verdict{"PLAIN": {r.subject.Codes[login.KindServer], "no"}}
		r.fails(login.KindServer, "this is temporary")
		r.wants("PLAIN")
	},
	"wrong password, by the protocol's own": func(r *rig) {
		if r.subject.Own {
			r.Auth, r.refuses = "password", map[string]verdict{"own": {"", "no"}}
			r.fails(login.KindAuth, "check user and password")
			r.wants("own")
		}
	},
	"proof, and the password follows": func(r *rig) {
		r.offered = []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"}
		r.refuses = map[string]verdict{"SCRAM-SHA-256": {"", "no"}}
		r.succeeds("SCRAM-SHA-256", "PLAIN")
	},
	"proofs, if nothing vouches for the server": func(r *rig) {
		r.Policy = policy(r.t, tlsverify.Options{NoCheck: true})
		r.offered = []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN"}
		r.refuses = map[string]verdict{"SCRAM-SHA-256": {"", "no"}, "SCRAM-SHA-1": {"", "no"}}
		r.fails(login.KindAuth, "sslpin")
		r.wants("SCRAM-SHA-256", "SCRAM-SHA-1")
	},
	"proof, for a temporary reason": func(r *rig) {
		r.offered = []string{"SCRAM-SHA-256", "PLAIN"}
		r.refuses = map[string]verdict{"SCRAM-SHA-256": {"", "Temporary authentication failure"}}
		r.fails(login.KindServer, "this is temporary")
		r.wants("SCRAM-SHA-256")
	},
	"temporary, in words": func(r *rig) {
		r.offered = []string{"PLAIN", "LOGIN"}
		r.refuses = map[string]verdict{"PLAIN": {"", "Server Unavailable. 15"}}
		r.fails(login.KindServer, "this is temporary")
		r.wants("PLAIN")
	},
	"busy": func(r *rig) {
		r.refuses = map[string]verdict{"PLAIN": {r.subject.Codes[login.KindBusy], "mailbox is locked"}}
		r.fails(login.KindBusy, "this is temporary")
	},
	"no password": func(r *rig) {
		r.Password = func(context.Context) (string, error) { return "", errHelper }
		r.keepsFrom(login.KindAuth)
	},
	"password that needs a while": func(r *rig) {
		r.Password = func(context.Context) (string, error) {
			return "", &login.Error{Kind: login.KindNetwork, Err: errHelper}
		}
		r.keepsFrom(login.KindNetwork)
	},
	"mechanism not offered": func(r *rig) {
		r.Auth = "cram-md5"
		r.keepsFrom(login.KindAuth)
	},
}

// exchange are the things that may go wrong between a mechanism and the server.
var exchange = map[string]func(*rig){
	"garbage is cancelled, and the next mechanism tried": func(r *rig) {
		r.offered, r.challenge = []string{"LOGIN"}, "!!!"
		if r.subject.Own {
			r.succeeds("LOGIN cancelled", "own")
			return
		}
		r.fails(login.KindAuth, "base64")
		r.wants("LOGIN cancelled")
	},
	"cancelled, and accepted nevertheless": func(r *rig) {
		r.Auth, r.offered, r.challenge, r.accepts = "cram-md5", []string{"CRAM-MD5", "PLAIN"}, "!!!", true
		r.fails(login.KindProtocol, "accepts a login that was cancelled")
		r.wants("CRAM-MD5 cancelled")
	},
	"success without SCRAM's proof": func(r *rig) {
		r.offered = []string{"SCRAM-SHA-256", "PLAIN"}
		r.fails(login.KindAuth, "without proving")
		r.wants("SCRAM-SHA-256")
	},
	"wrong proof": func(r *rig) {
		r.offered, r.challenge = []string{"SCRAM-SHA-256", "PLAIN"}, "dj1BQUE=" // v=AAA
		r.fails(login.KindAuth, "may not be your server")
		r.wants()
	},
	"line break in the user": func(r *rig) {
		r.User = "ann\r\nA9 NOOP"
		r.keepsFrom(login.KindAuth)
	},
	"line break in the password": func(r *rig) {
		r.password("x\ny")
		r.keepsFrom(login.KindAuth)
	},
	"NUL in the password": func(r *rig) {
		r.password("x\x00y")
		r.keepsFrom(login.KindAuth)
	},
}

// bounded are servers that would keep us for ever.
var bounded = map[string]func(*rig){
	"endless capabilities": func(r *rig) {
		r.flood = true
		if err := r.run(); err == nil || r.took != 0 {
			r.t.Errorf("%v after %s", err, r.took)
		}
	},
	"one byte at a time": func(r *rig) {
		r.drips = timeout / 2
		err := r.fails(login.KindNetwork, "not logged in after 3m0s")
		if !wire.IsTimeout(err) || r.took != 3*timeout {
			r.t.Errorf("%v after %s", err, r.took)
		}
	},
	"a helper that never ends": func(r *rig) {
		r.Password = func(ctx context.Context) (string, error) {
			<-ctx.Done()
			return "", errHelper
		}
		err := r.fails(login.KindNetwork, "not logged in after 3m0s")
		if !wire.IsTimeout(err) || r.took != 3*timeout {
			r.t.Errorf("%v after %s", err, r.took)
		}
	},
}

// decoded is everything that the client sent in base64.
func (r *rig) decoded() string {
	var out strings.Builder
	for _, word := range strings.Fields(strings.Join(r.heard, " ")) {
		if text, err := base64.StdEncoding.DecodeString(word); err == nil {
			out.Write(text)
		}
	}
	return out.String()
}

// keepsFrom wants an error of kind before anything of a login is sent.
func (r *rig) keepsFrom(kind login.Kind) {
	r.t.Helper()
	r.fails(kind, "")
	r.wants()
}
