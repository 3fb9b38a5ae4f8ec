package rcfile

// Poll is one "poll" or "skip" entry: a server.
type Poll struct {
	Pos      Pos
	Name     string
	Via      Opt[string]
	Active   bool
	Protocol Opt[string] // lower case: auto imap pop3 apop sdps …
	Service  Opt[string] // port number or service name
	Timeout  Opt[int]    // seconds
	Interval Opt[int]    // poll every N-th cycle
	Every    Opt[int]    // ours: seconds between polls of this entry
	// lower case, aliases resolved: any password cram-md5 external implicit oauthbearer …
	Auth          Opt[string]
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
	ESMTPEval     Opt[string] // esmtppasswordeval
	ESMTPFile     Opt[string] // esmtppasswordfile
	ESMTPAuth     Opt[string] // as Auth
	TracePolls    Opt[bool]
	BadHeader     Opt[string] // accept | reject
	RetrieveError Opt[string] // abort | continue | markseen
	SRV           Opt[bool]   // ours: find the server by RFC 6186
	KeepAlive     Opt[bool]   // ours: keep the connection between polls
	Users         []User      // at least one
}

// serverWords are options of a poll entry.
var serverWords = []Keyword{
	{Name: "via", Kind: Text, traits: oneLine | isHost, server: func(p *Poll) any { return &p.Via }},
	{Name: "protocol", Aliases: []string{"proto"}, Kind: Enum, Values: protocols,
		Help: "imap, pop3 or auto", Arg: "NAME",
		server: func(p *Poll) any { return &p.Protocol }},
	{Name: "service", Kind: Text,
		Help: "port number or service name", Arg: "PORT",
		server: func(p *Poll) any { return &p.Service }},
	{Name: "port", Kind: Count, dump: "-", server: func(p *Poll) any { return &p.Service }},
	{Name: "timeout", Kind: Seconds, Default: 300,
		Help:   "give up on a server that is silent for so long; 300 if not said",
		server: func(p *Poll) any { return &p.Timeout }},
	{Name: "interval", Kind: Count, Default: 0, server: func(p *Poll) any { return &p.Interval }},
	{Name: "auth", Aliases: []string{"authenticate", "preauth", "preauthenticate"}, Kind: Enum, Values: auths,
		Help: "how to log in: any, password, external, oauthbearer, …", Arg: "KIND",
		server: func(p *Poll) any { return &p.Auth }},
	{Name: "uidl", Kind: Flag, Default: false, traits: fusedNo,
		Help:   "always on",
		server: func(p *Poll) any { return &p.UIDL }},
	{Name: "envelope", Kind: Text, traits: oneLine | fusedNo,
		Help: "the header that names a message's recipient", Arg: "HEADER",
		server: func(p *Poll) any { return &p.Envelope }},
	{Name: "envskip", Kind: Count, Default: 0, Own: true, server: func(p *Poll) any { return &p.EnvSkip }},
	{Name: "qvirtual", Kind: Text,
		Help: "cut PREFIX from the name found there", Arg: "PREFIX",
		server: func(p *Poll) any { return &p.QVirtual }},
	{Name: "aka", Kind: TextList, server: func(p *Poll) any { return &p.AKA }},
	{Name: "localdomains", Aliases: []string{"local"}, Kind: TextList,
		server: func(p *Poll) any { return &p.LocalDomains }},
	{Name: "dns", Kind: Flag, Default: true, Verdict: Warned, traits: fusedNo,
		Note:   "no names are looked up in multidrop; list them with aka",
		server: func(p *Poll) any { return &p.DNS }},
	{Name: "checkalias", Kind: Flag, Default: false, Verdict: Warned, traits: fusedNo,
		Note:   "no addresses are looked up in multidrop; list the names with aka",
		server: func(p *Poll) any { return &p.CheckAlias }},
	{Name: "interface", Kind: Text, Verdict: Warned,
		Note: "links are not checked; start the program when the link is up",
		Help: "link check", Arg: "SPEC",
		server: func(p *Poll) any { return &p.Interface }},
	{Name: "monitor", Kind: Text, Verdict: Warned,
		Note: "links are not watched; start the program when the link is up",
		Help: "link check", Arg: "LINK",
		server: func(p *Poll) any { return &p.Monitor }},
	{Name: "plugin", Kind: Text, traits: isCommand,
		Help:   "talk to COMMAND instead of a TCP connection; %h %p = host, port",
		server: func(p *Poll) any { return &p.Plugin }},
	{Name: "plugout", Kind: Text, traits: isCommand,
		Help:   "talk to COMMAND instead of the SMTP host",
		server: func(p *Poll) any { return &p.Plugout }},
	{Name: "principal", Kind: Text, Verdict: Warned,
		Note:   "there is no Kerberos here; use auth external or oauthbearer",
		Help:   "Kerberos 4",
		server: func(p *Poll) any { return &p.Principal }},
	{Name: "esmtpname", Kind: Text, traits: oneLine, server: func(p *Poll) any { return &p.ESMTPName }},
	{Name: "esmtppassword", Kind: Private, traits: oneLine,
		server: func(p *Poll) any { return &p.ESMTPPassword }},
	{Name: "esmtppasswordeval", Kind: Text, Own: true, traits: isCommand | printsSecret,
		server: func(p *Poll) any { return &p.ESMTPEval }},
	{Name: "esmtppasswordfile", Kind: Text, Own: true, traits: isPath | namesSecret,
		server: func(p *Poll) any { return &p.ESMTPFile }},
	{Name: "esmtpauth", Kind: Enum, Values: auths, Own: true,
		server: func(p *Poll) any { return &p.ESMTPAuth }},
	{Name: "tracepolls", Kind: Flag, Default: false,
		Help:   "name poll and account in the Received line",
		server: func(p *Poll) any { return &p.TracePolls }},
	{Name: "bad-header", Kind: Enum, Values: badHeaders, dump: "badheader",
		Help: "deliver a message with a broken header, or leave it", Arg: "WORD",
		server: func(p *Poll) any { return &p.BadHeader }},
	{Name: "retrieve-error", Kind: Enum, Values: retrieveErrors, Own: true, dump: "retrieveerror",
		Help: "after a message that can't be had: abort, continue, markseen", Arg: "WORD",
		server: func(p *Poll) any { return &p.RetrieveError }},
	{Name: "every", Kind: Seconds, Own: true, server: func(p *Poll) any { return &p.Every }},
	{Name: "srv", Kind: Flag, Default: false, Own: true, server: func(p *Poll) any { return &p.SRV }},
	{Name: "keepalive", Kind: Flag, Default: false, Own: true,
		server: func(p *Poll) any { return &p.KeepAlive }},
}
