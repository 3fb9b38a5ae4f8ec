package login

import (
	"crypto/md5"
	"encoding/hex"
	"strings"

	"fetchd/fetch/pattern"
	"fetchd/fetch/sasl"
	"fetchd/tlsverify/hints"
)

// timestamp is a msg-id as RFC 1939 section 7 wants it. Any other text may be chosen by an attacker so that
// the MD5 digest gives the password away (CVE-2007-1558).
var timestamp = pattern.New(`<[A-Za-z0-9!#$%&'*+/=?^_{|}~.-]+@[A-Za-z0-9.\[\]:-]+>`)

const hintNoAPOP = "leave \"auth\" out"

// digest logs in with a digest of the greeting's timestamp and the password, over TLS only. The timestamp
// of a greeting in clear text can't be trusted; it is forgotten with the greeting when TLS starts.
func (a *attempt) digest(cred sasl.Credentials) (Reply, error) {
	p, ok := a.p.(Digester)
	if !ok {
		return Reply{}, Fail(KindConfig, hints.Errorf(hintNoAPOP, "auth \"apop\" is for POP3"))
	}

	if !a.conn.TLS() {
		return Reply{}, Fail(KindConfig, hints.Errorf("use TLS, and leave \"auth\" out",
			"auth \"apop\" is too weak without TLS"))
	}

	stamp := stampIn(a.greeting)
	if stamp == "" {
		return Reply{}, Fail(KindAuth, hints.Errorf(hintNoAPOP,
			"auth \"apop\": the server's greeting over TLS has no well-formed timestamp"))
	}

	// RFC 1939 knows only MD5; TLS is what protects it.
	sum := md5.Sum([]byte(stamp + cred.Password))
	return named(p.Digest(cred.User, hex.EncodeToString(sum[:])))
}

// stampIn returns the timestamp in a greeting if there is exactly one, else "".
func stampIn(greeting string) string {
	if strings.Count(greeting, "<") != 1 || strings.Count(greeting, ">") != 1 {
		return ""
	}
	return timestamp().FindString(greeting)
}
