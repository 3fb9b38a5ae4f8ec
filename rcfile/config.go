// Package rcfile turns the text of an rc file, in fetchmail's grammar or in TOML, into a Config.
//
// It opens no connection and runs no command. The only files it reads are the rc file, what that includes, and
// .netrc. Where a password comes from is stored, not resolved. Load reads a file, Parse a text; Fprint writes a Config
// in either grammar and Dump as JSON. All of them are driven by one table of keywords, which Keywords returns.
package rcfile

import "fmt"

// Pos is a place in an rc file. Line and Col count from 1; Col counts bytes. The zero Pos means "not from a file"
// (a built-in default or the command line).
type Pos struct {
	File string
	Line int
	Col  int
}

// String gives FILE:LINE:COL, or "" for the zero Pos.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Opt is a value that a file may leave unsaid, with the place where it was said.
type Opt[T any] struct {
	Value T
	Set   bool
	Pos   Pos
}

// Or returns the value, or def where nothing was said.
func (o Opt[T]) Or(def T) T {
	if o.Set {
		return o.Value
	}
	return def
}

// Some is an Opt that says v, with no place.
func Some[T any](v T) Opt[T] { return Opt[T]{Value: v, Set: true} }

// Config is what an rc file says, defaults merged.
type Config struct {
	Globals  Globals
	Polls    []Poll   // in file order; "skip" entries included with Active false
	Warnings []*Error // what was accepted but deserves a word; each with its position

	defaults Poll   // what AdHoc inherits; one user, or none without a defaults entry
	format   Format // see Format
}

// Format is the grammar that the file was in: Fetchmailrc or TOML, also where it was to be found out; Auto if none was
// read.
func (c *Config) Format() Format { return c.format }

// HasDefaults tells whether the file has defaults for servers that are named on the command line alone. They are merged
// into Polls, and Fprint does not write them.
func (c *Config) HasDefaults() bool { return len(c.defaults.Users) > 0 }

// Globals are the "set" statements.
type Globals struct {
	Daemon     Opt[int] // seconds; 0 = one pass
	Logfile    Opt[string]
	Idfile     Opt[string]
	Pidfile    Opt[string]
	Postmaster Opt[string]
	Bouncemail Opt[bool]
	Spambounce Opt[bool]
	Softbounce Opt[bool]
	Syslog     Opt[bool]
	Invisible  Opt[bool]
	Showdots   Opt[bool]
	Properties Opt[string]
	MaxPolls   Opt[int] // ours: retrievals at once, default 32
	MaxPerHost Opt[int] // ours: retrievals at once from one host, default 10
	PassLimit  Opt[int] // ours: seconds that a single pass may take, default 7200; 0 = any number
}

// Poll is one "poll" or "skip" entry: a server.
type Poll struct {
	Pos           Pos
	Name          string
	Via           Opt[string]
	Active        bool
	Protocol      Opt[string] // lower case: auto imap pop3 apop sdps …
	Service       Opt[string] // port number or service name
	Timeout       Opt[int]    // seconds
	Interval      Opt[int]    // poll every N-th cycle
	Every         Opt[int]    // ours: seconds between polls of this entry
	Auth          Opt[string] // lower case, aliases resolved: any password cram-md5 external implicit oauthbearer …
	UIDL          Opt[bool]
	Envelope      Opt[string] // "" with Set = "no envelope"
	EnvSkip       Opt[int]
	QVirtual      Opt[string]
	AKA           []string
	LocalDomains  []string
	DNS           Opt[bool]
	CheckAlias    Opt[bool]
	Interface     Opt[string]
	Monitor       Opt[string]
	Plugin        Opt[string]
	Plugout       Opt[string]
	Principal     Opt[string]
	ESMTPName     Opt[string]
	ESMTPPassword Opt[Secret]
	TracePolls    Opt[bool]
	BadHeader     Opt[string] // accept | reject
	RetrieveError Opt[string] // abort | continue | markseen
	SRV           Opt[bool]   // ours: find the server by RFC 6186
	KeepAlive     Opt[bool]   // ours: keep the connection between polls
	Users         []User      // at least one
}

// LocalName maps a name on the server to a local one; both are the same for a plain local name.
type LocalName struct {
	Server string
	Local  string
}

// User is one account on a poll's server.
type User struct {
	Pos             Pos
	Remote          Opt[string] // login name
	Password        Opt[Secret]
	PasswordEval    Opt[string] // ours and fetchmail 7: command whose first output line is the password
	PasswordFile    Opt[string]
	PasswordFD      Opt[int]
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
	Mbox            Opt[string] // ours
	BSMTP           Opt[string]
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
	SSLKeyPass      Opt[Secret] // ours: pass phrase of SSLKey
	SSLCertCk       Opt[bool]
	SSLCertFile     Opt[string]
	SSLCertPath     Opt[string]
	SSLCommonName   Opt[string]
	SSLFingerprints []Opt[string] // each as written; checked by tlsverify.ParseFingerprint
	SSLPins         []Opt[string] // ours: sha256//BASE64
	SSLCRLFile      Opt[string]   // ours: file or directory
	SSLExpiryWarn   Opt[int]      // ours: days, 0 = off, default 14
	Keep            Opt[bool]
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
	MarkSeen        Opt[bool]   // ours: set \Seen on kept messages, default on as in fetchmail
	MoveTo          Opt[string] // ours: move delivered messages to this folder instead of deleting
	Compress        Opt[bool]   // ours: COMPRESS=DEFLATE
	RateLimit       Opt[int]    // ours: bytes a second, 0 = none
	Limit           Opt[int]    // bytes, 0 = none
	Warnings        Opt[int]    // seconds between oversize notes
	FetchLimit      Opt[int]
	FetchSizeLimit  Opt[int]
	FastUIDL        Opt[int]
	BatchLimit      Opt[int]
	Expunge         Opt[int]
}
