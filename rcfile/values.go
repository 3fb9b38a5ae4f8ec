package rcfile

const useMTA = "it only asks the server to send its queue; let the MTA do it"

// protocols are the values of "protocol".
var protocols = []Value{
	{Name: "auto", Verdict: Warned, Note: "imap is tried, then pop3; name the protocol, it " +
		"saves a connection"},
	{Name: "imap"},
	{Name: "pop3"},
	{Name: "apop", Verdict: Warned, Note: "its MD5 challenge is weak; it is only used over TLS; prefer pop3"},
	{Name: "sdps", Verdict: Warned, Note: "Demon's extension is gone; plain pop3 is spoken"},
	{Name: "imaps", Verdict: Refused, Note: "use imap, and ssl among the options of the user"},
	{Name: "pop3s", Verdict: Refused, Note: "use pop3, and ssl among the options of the user"},
	{Name: "pop2", Verdict: Refused, Note: "use pop3 or imap"},
	{Name: "rpop", Verdict: Refused, Note: "use pop3"},
	{Name: "kpop", Verdict: Refused, Note: "there is no Kerberos here; use pop3"},
	{Name: "etrn", Verdict: Refused, Note: useMTA},
	{Name: "odmr", Verdict: Refused, Note: useMTA},
}

const noKerberos = "there is no Kerberos here; use any, external or oauthbearer"

// auths are the values of "auth".
var auths = []Value{
	{Name: "any"},
	{Name: "password"},
	{Name: "plain"},
	{Name: "login"},
	{Name: "cram-md5", Aliases: []string{"cram"}, Verdict: Warned,
		Note: "MD5 is weak; prefer scram-sha-256 or password over TLS"},
	{Name: "scram-sha-1"},
	{Name: "scram-sha-256"},
	{Name: "scram-sha-1-plus"},
	{Name: "scram-sha-256-plus"},
	{Name: "apop", Verdict: Warned, Note: "its MD5 challenge is weak; prefer password over TLS"},
	{Name: "external"},
	{Name: "implicit", Aliases: []string{"ssh"}},
	{Name: "oauthbearer"},
	{Name: "xoauth2"},
	{Name: "ntlm", Aliases: []string{"msn"}, Verdict: Refused,
		Note: "NTLM is broken and gone; use any or oauthbearer"},
	{Name: "otp", Aliases: []string{"opie"}, Verdict: Refused,
		Note: "one-time passwords don't work for a daemon; use any or oauthbearer"},
	{Name: "gssapi", Verdict: Refused, Note: noKerberos},
	{Name: "kerberos_v5", Aliases: []string{"kerberos5"}, Verdict: Refused, Note: noKerberos},
	{Name: "kerberos_v4", Aliases: []string{"kerberos4", "kerberos"}, Verdict: Refused, Note: noKerberos},
}

// oauthFlows are the values of "oauthflow".
var oauthFlows = []Value{{Name: "device"}, {Name: "browser"}, {Name: "app"}, {Name: "key"}}

// badHeaders are the values of "bad-header".
var badHeaders = []Value{{Name: "accept"}, {Name: "reject"}}

// retrieveErrors are the values of "retrieve-error".
var retrieveErrors = []Value{{Name: "continue"}, {Name: "abort"}, {Name: "markseen"}}

const (
	tls12   = "it is read as tls1.2+ (RFC 8996); write tls1.1+ if the server has nothing better"
	tooWeak = "it lets in TLS versions with known weaknesses (RFC 8996), and RSA key exchange without " +
		"forward secrecy; " +
		"leave it out if the server has TLS 1.2"
	tooOld   = "TLS 1.2 is the oldest version that is spoken; use tls1.2+ or leave it out"
	mustStay = "STARTTLS is never optional; it is treated as starttls=must"
)

// sslProtos are the values of "sslproto".
var sslProtos = []Value{
	{Name: ""}, // never STARTTLS; whether that is safe depends on ssl and the server
	{Name: "auto"}, {Name: "ssl23"}, {Name: "tls"},
	{Name: "tls1.2"}, {Name: "tls1.2+"}, {Name: "tls1.3"}, {Name: "tls1.3+"},
	{Name: "tls1+", Verdict: Warned, Note: tooWeak},
	{Name: "tls1.1", Verdict: Warned, Note: tls12},
	{Name: "tls1.1+", Verdict: Warned, Note: tooWeak},
	{Name: "tls1", Verdict: Refused, Note: tooOld},
	{Name: "ssl3", Verdict: Refused, Note: tooOld},
	{Name: "ssl3+", Verdict: Refused, Note: tooOld},
	{Name: "ssl2", Verdict: Refused, Note: tooOld},
}

// sslModes are the values of "sslmode".
var sslModes = []Value{
	{Name: "wrapped"},
	{Name: "starttls=must"},
	{Name: "starttls=may", Verdict: Warned, Note: mustStay},
	{Name: "none"}, // whether that is safe depends on the server
}
