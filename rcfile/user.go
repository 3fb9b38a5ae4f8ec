package rcfile

// LocalName maps a name on the server to a local one; both are the same for a plain local name.
type LocalName struct {
	Server string
	Local  string
}

// User is one account on a poll's server.
type User struct {
	Secrets
	Pos             Pos
	Remote          Opt[string] // login name
	AuthzID         Opt[string] // ours: whose mailbox it is, if Remote acts for another user
	Locals          []LocalName
	Wildcard        bool // "*" among the local names
	Folders         []string
	FolderPatterns  []string // ours: LIST patterns
	SMTPHosts       []string
	FetchDomains    []string
	AntiSpam        []int
	MDA             Opt[string]
	MDAJobs         Opt[int]    // ours: delivery agents at once, default 1
	MDATimeout      Opt[int]    // ours: seconds an agent may take, default 600
	Maildir         Opt[string] // ours: deliver into this Maildir
	KeepFlags       Opt[bool]   // ours: put the source's flags into the names in the Maildir
	KeepDate        Opt[bool]   // ours: and its date into the time of the file
	Mbox            Opt[string] // ours
	BSMTP           Opt[string]
	Deliver         []Opt[string] // ours: destinations, KIND:VALUE, all of which get each message
	FolderDeliver   []Opt[string] // ours: a folder, its destination, and so on
	Append          Opt[string]   // ours: an IMAP folder, as imaps://USER@HOST[:PORT][/FOLDER]
	AppendPassword  Opt[Secret]
	AppendEval      Opt[string] // appendpasswordeval
	AppendFile      Opt[string] // appendpasswordfile
	AppendAuth      Opt[string]
	AppendProto     Opt[string] // appendsslproto
	AppendCertFile  Opt[string] // appendsslcertfile
	AppendPins      []Opt[string]
	AppendCreate    Opt[bool]
	AppendKeywords  Opt[bool]
	LMTP            Opt[bool]
	SMTPAddress     Opt[string]
	SMTPName        Opt[string]
	Preconnect      Opt[string]
	Postconnect     Opt[string]
	Properties      Opt[string]
	SSL             Opt[bool]
	SSLProto        Opt[string] // as written, any case; "" with Set = never TLS
	SSLMode         Opt[string] // fetchmail 7 sslmode/tlsmode: none | wrapped | starttls=may | starttls=must
	SSLCert         Opt[string]
	SSLKey          Opt[string]
	SSLCertCk       Opt[bool]
	SSLCertFile     Opt[string]
	SSLCertPath     Opt[string]
	SSLCommonName   Opt[string]
	SSLFingerprints []Opt[string] // each as written; checked by tlsverify.ParseFingerprint
	SSLPins         []Opt[string] // ours: sha256//BASE64
	SSLCRLFile      Opt[string]   // ours: file or directory
	SSLExpiryWarn   Opt[int]      // ours: days, 0 = off, default 14
	Keep            Opt[bool]
	OnFetched       []Opt[string] // ours: seen, delete, nothing, or move and a folder
	KeepDays        Opt[int]      // ours: days after which kept messages are removed, 0 = never
	FetchAll        Opt[bool]
	Flush           Opt[bool]
	LimitFlush      Opt[bool]
	Rewrite         Opt[bool]
	StripCR         Opt[bool]
	ForceCR         Opt[bool]
	Pass8Bits       Opt[bool]
	DropStatus      Opt[bool]
	DropDelivered   Opt[bool]
	MimeDecode      Opt[bool]
	Idle            Opt[bool]
	IdleTimeout     Opt[int] // seconds
	ForceIdle       Opt[bool]
	MarkSeen        Opt[bool]     // ours: set \Seen on kept messages, default on as in fetchmail
	MoveTo          Opt[string]   // ours: move delivered messages to this folder instead of deleting
	Compress        Opt[bool]     // ours: COMPRESS=DEFLATE
	RateLimit       Opt[int]      // ours: bytes a second, 0 = none
	Limit           Opt[int]      // bytes, 0 = none
	Exclude         []Opt[string] // ours: a header field, a regular expression for it, and so on
	Warnings        Opt[int]      // seconds between oversize notes
	FetchLimit      Opt[int]
	FetchSizeLimit  Opt[int]
	FastUIDL        Opt[int]
	BatchLimit      Opt[int]
	Expunge         Opt[int]
}

// Secrets are what a user logs in with, or where that is to be found. A program that asks for it again and
// again keeps a copy, which is a fraction of a User.
type Secrets struct {
	Password      Opt[Secret]
	PasswordEval  Opt[string] // ours and fetchmail 7: command whose first output line is the password
	PasswordFile  Opt[string]
	PasswordFD    Opt[int]
	OAuth         Opt[string] // ours: google, microsoft or an issuer's URL; stands in place of a password
	OAuthClient   Opt[string] // ours
	OAuthSecret   Opt[Secret] // ours
	OAuthTenant   Opt[string] // ours: of microsoft
	OAuthScope    Opt[string] // ours: divided by blanks
	OAuthFlow     Opt[string] // ours: device, browser, app or key
	OAuthKey      Opt[string] // ours: file with the key of oauthflow key
	OAuthCertFile Opt[string] // ours: authorities that the provider's certificate may be of
	OAuthProxy    Opt[string] // ours: "environment", or the address of a proxy
	SSLKeyPass    Opt[Secret] // ours: pass phrase of SSLKey
}

// CopySecrets returns a copy, which does not keep the rest of the user in memory.
func (u *User) CopySecrets() *Secrets {
	secrets := u.Secrets
	return &secrets
}

// loginWords are options of a user.
var loginWords = []Keyword{
	{Name: "user", Aliases: []string{"username"}, Kind: Text, traits: anyWord | oneLine, dump: "remote",
		Help: "login name on the server",
		user: func(u *User) any { return &u.Remote }},
	{Name: "password", Aliases: []string{"pass"}, Kind: Private, traits: anyWord | oneLine,
		user: func(u *User) any { return &u.Password }},
	{Name: "passwordeval", Aliases: []string{"passeval"}, Kind: Text, Own: true,
		traits: isCommand | printsSecret,
		Help:   "the password is the first line that COMMAND prints",
		user:   func(u *User) any { return &u.PasswordEval }},
	{Name: "passwordfile", Kind: Text, Own: true, traits: isPath | namesSecret,
		Help: "the password is the first line of FILE",
		user: func(u *User) any { return &u.PasswordFile }},
	{Name: "passwordfd", Kind: Count, Own: true, traits: namesSecret,
		Help: "the password is the first line of descriptor N",
		user: func(u *User) any { return &u.PasswordFD }},
	{Name: "authzid", Kind: Text, Own: true, traits: anyWord | oneLine,
		user: func(u *User) any { return &u.AuthzID }},
	{Name: "oauth", Kind: Text, Own: true, traits: oneLine, user: func(u *User) any { return &u.OAuth }},
	{Name: "oauthclient", Kind: Text, Own: true, traits: oneLine,
		user: func(u *User) any { return &u.OAuthClient }},
	{Name: "oauthsecret", Kind: Private, Own: true, traits: oneLine,
		user: func(u *User) any { return &u.OAuthSecret }},
	{Name: "oauthtenant", Kind: Text, Own: true, traits: oneLine,
		user: func(u *User) any { return &u.OAuthTenant }},
	{Name: "oauthscope", Kind: Text, Own: true, traits: oneLine,
		user: func(u *User) any { return &u.OAuthScope }},
	{Name: "oauthflow", Kind: Enum, Values: oauthFlows, Own: true,
		user: func(u *User) any { return &u.OAuthFlow }},
	{Name: "oauthkey", Kind: Text, Own: true, traits: isPath | namesSecret,
		user: func(u *User) any { return &u.OAuthKey }},
	{Name: "oauthcertfile", Kind: Text, Own: true, traits: isPath,
		user: func(u *User) any { return &u.OAuthCertFile }},
	{Name: "oauthproxy", Kind: Text, Own: true, traits: oneLine,
		user: func(u *User) any { return &u.OAuthProxy }},
	{Name: "is", Aliases: []string{"to"}, Kind: Names, traits: anyWord, dump: "locals",
		user: func(u *User) any { return &u.Locals }},
	{Name: "folder", Aliases: []string{"folders"}, Kind: TextList, dump: "folders",
		Help: "IMAP folders, separated by commas",
		user: func(u *User) any { return &u.Folders }},
	{Name: "folderpattern", Kind: TextList, Own: true, dump: "folderpatterns",
		user: func(u *User) any { return &u.FolderPatterns }},
	{Name: "smtphost", Aliases: []string{"smtp"}, Kind: TextList, traits: isHost, dump: "smtphosts",
		Help: "deliver by SMTP to one of these hosts",
		user: func(u *User) any { return &u.SMTPHosts }},
	{Name: "fetchdomains", Kind: TextList, Verdict: Warned,
		Note: "it is for ETRN and ODMR only, which an MTA does; it changes nothing here",
		Help: "for ETRN and ODMR",
		user: func(u *User) any { return &u.FetchDomains }},
	{Name: "antispam", Kind: Codes,
		Help: "SMTP replies that mean: refused as spam",
		user: func(u *User) any { return &u.AntiSpam }},
	{Name: "mda", Kind: Text, traits: isCommand,
		Help: "pipe each message to COMMAND; %T = recipients, %F = sender",
		user: func(u *User) any { return &u.MDA }},
	{Name: "mdajobs", Kind: Count, Default: 1, Own: true, user: func(u *User) any { return &u.MDAJobs }},
	{Name: "mdatimeout", Kind: Seconds, Default: 600, Own: true,
		user: func(u *User) any { return &u.MDATimeout }},
	{Name: "maildir", Kind: Text, Own: true, traits: isPath,
		Help: "deliver into this Maildir", Arg: "DIR",
		user: func(u *User) any { return &u.Maildir }},
	{Name: "keepflags", Kind: Flag, Default: false, Own: true,
		user: func(u *User) any { return &u.KeepFlags }},
	{Name: "keepdate", Kind: Flag, Default: false, Own: true,
		user: func(u *User) any { return &u.KeepDate }},
	{Name: "mbox", Kind: Text, Own: true, traits: isPath, user: func(u *User) any { return &u.Mbox }},
	{Name: "bsmtp", Kind: Text, traits: isPath,
		Help: "append to FILE as batched SMTP",
		user: func(u *User) any { return &u.BSMTP }},
	{Name: "append", Kind: Text, Own: true, traits: oneLine,
		user: func(u *User) any { return &u.Append }},
	{Name: "appendpassword", Kind: Private, Own: true, traits: anyWord | oneLine,
		user: func(u *User) any { return &u.AppendPassword }},
	{Name: "appendpasswordeval", Kind: Text, Own: true, traits: isCommand | printsSecret,
		user: func(u *User) any { return &u.AppendEval }},
	{Name: "appendpasswordfile", Kind: Text, Own: true, traits: isPath | namesSecret,
		user: func(u *User) any { return &u.AppendFile }},
	{Name: "appendauth", Kind: Enum, Values: auths, Own: true,
		user: func(u *User) any { return &u.AppendAuth }},
	{Name: "appendsslproto", Kind: Enum, Values: sslProtos, Own: true, traits: anyCase,
		user: func(u *User) any { return &u.AppendProto }},
	{Name: "appendsslcertfile", Kind: Text, Own: true, traits: isPath,
		user: func(u *User) any { return &u.AppendCertFile }},
	{Name: "appendsslpin", Kind: TextList, Own: true, traits: glued, dump: "appendsslpins",
		user: func(u *User) any { return &u.AppendPins }},
	{Name: "appendcreate", Kind: Flag, Default: false, Own: true,
		user: func(u *User) any { return &u.AppendCreate }},
	{Name: "appendkeywords", Kind: Flag, Default: false, Own: true,
		user: func(u *User) any { return &u.AppendKeywords }},
	{Name: "lmtp", Kind: Flag, Default: false,
		Help: "by LMTP instead",
		user: func(u *User) any { return &u.LMTP }},
	{Name: "deliver", Kind: TextList, Own: true, traits: isDestination,
		user: func(u *User) any { return &u.Deliver }},
	{Name: "folderdeliver", Kind: TextList, Own: true, traits: isDestination,
		user: func(u *User) any { return &u.FolderDeliver }},
	{Name: "smtpaddress", Kind: Text, traits: oneLine,
		Help: "put DOMAIN behind bare local names", Arg: "DOMAIN",
		user: func(u *User) any { return &u.SMTPAddress }},
	{Name: "smtpname", Kind: Text, traits: oneLine,
		Help: "deliver to ADDRESS whatever the local name", Arg: "ADDRESS",
		user: func(u *User) any { return &u.SMTPName }},
	{Name: "preconnect", Aliases: []string{"pre"}, Kind: Text, traits: isCommand,
		user: func(u *User) any { return &u.Preconnect }},
	{Name: "postconnect", Aliases: []string{"post"}, Kind: Text, traits: isCommand,
		user: func(u *User) any { return &u.Postconnect }},
	{Name: "properties", Kind: Text, user: func(u *User) any { return &u.Properties }},
	{Name: "ssl", Kind: Flag, Default: false,
		Help: "TLS from the first byte (ports 993, 995); else STARTTLS is demanded",
		user: func(u *User) any { return &u.SSL }},
	{Name: "sslproto", Aliases: []string{"sslprotocolversion", "sslprotocolver", "sslprotoversion",
		"sslprotover"}, Kind: Enum, Values: sslProtos, traits: anyCase,
		Help: "tls1.2+ (the default), tls1.3, …; '' = clear text", Arg: "VERSION",
		user: func(u *User) any { return &u.SSLProto }},
	{Name: "sslmode", Aliases: []string{"tlsmode"}, Kind: Enum, Values: sslModes, Own: true, traits: glued,
		Help: "wrapped, starttls=must or none", Arg: "MODE",
		user: func(u *User) any { return &u.SSLMode }},
	{Name: "sslcert", Kind: Text, traits: isPath,
		Help: "our own certificate",
		user: func(u *User) any { return &u.SSLCert }},
	{Name: "sslkey", Kind: Text, traits: isPath | namesSecret,
		Help: "and its key",
		user: func(u *User) any { return &u.SSLKey }},
	{Name: "sslkeypass", Kind: Private, Own: true, user: func(u *User) any { return &u.SSLKeyPass }},
	{Name: "sslcertck", Kind: Flag, Default: true,
		Help: "check the server's certificate (the default)",
		user: func(u *User) any { return &u.SSLCertCk }},
	{Name: "sslcertfile", Kind: Text, traits: isPath,
		Help: "trust the certificates in FILE instead of the system's",
		user: func(u *User) any { return &u.SSLCertFile }},
	{Name: "sslcertpath", Kind: Text, traits: isPath,
		Help: "the same, every file in DIR", Arg: "DIR",
		user: func(u *User) any { return &u.SSLCertPath }},
	{Name: "sslcommonname", Kind: Text,
		Help: "expect NAME in the certificate",
		user: func(u *User) any { return &u.SSLCommonName }},
	{Name: "sslfingerprint", Kind: TextList,
		Help: "the certificate must have this fingerprint; repeatable", Arg: "HEX",
		user: func(u *User) any { return &u.SSLFingerprints }},
	{Name: "sslpin", Kind: TextList, Own: true, traits: glued, dump: "sslpins",
		Help: "its public key must be this: sha256//BASE64; repeatable", Arg: "PIN",
		user: func(u *User) any { return &u.SSLPins }},
	{Name: "sslcrlfile", Kind: Text, Own: true, traits: isPath,
		Help: "certificates revoked by these lists are refused",
		user: func(u *User) any { return &u.SSLCRLFile }},
	{Name: "sslexpirywarn", Kind: Days, Default: 14, Own: true,
		user: func(u *User) any { return &u.SSLExpiryWarn }},
	{Name: "keep", Kind: Flag, Default: false, traits: fusedNo,
		Help: "leave messages on the server",
		user: func(u *User) any { return &u.Keep }},
	{Name: "onfetched", Kind: TextList, Own: true, user: func(u *User) any { return &u.OnFetched }},
	{Name: "keepdays", Kind: Days, Default: 0, Own: true, user: func(u *User) any { return &u.KeepDays }},
	{Name: "fetchall", Kind: Flag, Default: false, traits: fusedNo,
		Help: "old messages too",
		user: func(u *User) any { return &u.FetchAll }},
	{Name: "flush", Kind: Flag, Default: false, Verdict: Warned, traits: fusedNo,
		Note: "it deletes old mail on the server before fetching, here only what was delivered " +
			"by this program",
		Help: "first delete what an earlier run delivered and kept",
		user: func(u *User) any { return &u.Flush }},
	{Name: "limitflush", Kind: Flag, Default: false, Verdict: Warned, traits: fusedNo,
		Note: "it deletes mail larger than limit from the server, unread",
		Help: "delete them there unread",
		user: func(u *User) any { return &u.LimitFlush }},
	{Name: "rewrite", Kind: Flag, Default: false, traits: fusedNo,
		user: func(u *User) any { return &u.Rewrite }},
	{Name: "stripcr", Kind: Flag, Default: true, traits: fusedNo,
		user: func(u *User) any { return &u.StripCR }},
	{Name: "forcecr", Kind: Flag, Default: false, Verdict: Warned, traits: fusedNo,
		Note: "line ends are always right for the kind of delivery; leave it out",
		user: func(u *User) any { return &u.ForceCR }},
	{Name: "pass8bits", Aliases: []string{"pass8"}, Kind: Flag, Default: false, Verdict: Warned,
		traits: fusedNo,
		Note:   "messages are always handed on with all their bits; leave it out",
		user:   func(u *User) any { return &u.Pass8Bits }},
	{Name: "dropstatus", Kind: Flag, Default: false, traits: fusedNo,
		user: func(u *User) any { return &u.DropStatus }},
	{Name: "dropdelivered", Kind: Flag, Default: false, traits: fusedNo,
		user: func(u *User) any { return &u.DropDelivered }},
	{Name: "mimedecode", Aliases: []string{"mimedec"}, Kind: Flag, Default: false, Verdict: Warned,
		traits: fusedNo,
		Note:   "messages are not decoded, because that breaks their signatures; leave it to the mail reader",
		user:   func(u *User) any { return &u.MimeDecode }},
	{Name: "idle", Kind: Flag, Default: false, traits: fusedNo,
		Help: "wait for new mail with IMAP IDLE",
		user: func(u *User) any { return &u.Idle }},
	{Name: "idletimeout", Kind: Seconds, Default: 1680, Own: true,
		Help: "restart IDLE after so long",
		user: func(u *User) any { return &u.IdleTimeout }},
	{Name: "forceidle", Kind: Flag, Default: false, Verdict: Warned, Own: true,
		Note: "IDLE is used where the server offers it",
		user: func(u *User) any { return &u.ForceIdle }},
	{Name: "limit", Kind: Bytes, Default: 0,
		Help: "leave larger messages on the server (10k, 5M)",
		user: func(u *User) any { return &u.Limit }},
	{Name: "exclude", Kind: TextList, Own: true, user: func(u *User) any { return &u.Exclude }},
	{Name: "warnings", Kind: Seconds, Default: 3600,
		Help: "time between notes about messages over the limit",
		user: func(u *User) any { return &u.Warnings }},
	{Name: "fetchlimit", Kind: Count, Default: 0,
		Help: "at most N messages a poll (then status 13)",
		user: func(u *User) any { return &u.FetchLimit }},
	{Name: "fetchsizelimit", Kind: Count, Default: 100, Verdict: Warned,
		Note: "sizes are asked for in batches of its own choice",
		Help: "sizes are asked for in batches of its own choice",
		user: func(u *User) any { return &u.FetchSizeLimit }},
	{Name: "fastuidl", Kind: Count, Default: 4, Verdict: Warned,
		Note: "the whole list of UIDs is always read",
		Help: "UIDs are always listed in full",
		user: func(u *User) any { return &u.FastUIDL }},
	{Name: "batchlimit", Kind: Count, Default: 0,
		Help: "messages in one SMTP session",
		user: func(u *User) any { return &u.BatchLimit }},
	{Name: "expunge", Kind: Count, Default: 0,
		Help: "delete for good after every N messages; IMAP: 0 = at the end",
		user: func(u *User) any { return &u.Expunge }},
	{Name: "markseen", Kind: Flag, Default: true, Own: true, user: func(u *User) any { return &u.MarkSeen }},
	{Name: "moveto", Kind: Text, Own: true, user: func(u *User) any { return &u.MoveTo }},
	{Name: "compress", Kind: Flag, Default: false, Own: true, user: func(u *User) any { return &u.Compress }},
	{Name: "ratelimit", Kind: Bytes, Default: 0, Own: true, user: func(u *User) any { return &u.RateLimit }},
}
