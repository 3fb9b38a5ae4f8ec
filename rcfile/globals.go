package rcfile

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
	MaxPolls   Opt[int] // ours: retrievals that transfer at once, default 32
	MaxPerHost Opt[int] // ours: retrievals at once from one host, default 10
	Metrics    Opt[string]
	StatusPage Opt[bool]   // ours: a page for people at the address of the metrics
	Alert      Opt[string] // a command
	Notify     Opt[string] // ours: destination of notices to the postmaster
	PassLimit  Opt[int]    // ours: seconds that a single pass may take, default 7200; 0 = any number
}

// globalWords stand after "set" or in [global].
var globalWords = []Keyword{
	{Name: "daemon", Kind: Seconds, Default: 0,
		Help:   "stay in the background and poll every SECONDS; 0 = one pass",
		global: func(g *Globals) any { return &g.Daemon }},
	{Name: "logfile", Kind: Text, traits: isPath,
		Help:   "append what is said to FILE (background only)",
		global: func(g *Globals) any { return &g.Logfile }},
	{Name: "idfile", Kind: Text, traits: isPath,
		Help:   "what was delivered is recorded in FILE.db",
		global: func(g *Globals) any { return &g.Idfile }},
	{Name: "pidfile", Kind: Text, traits: isPath,
		Help:   "the lock file",
		global: func(g *Globals) any { return &g.Pidfile }},
	{Name: "postmaster", Kind: Text,
		Help:   "whom mail is for that is for none of several local names; '' = nobody",
		global: func(g *Globals) any { return &g.Postmaster }},
	{Name: "bouncemail", Kind: Flag, Default: true, traits: fusedNo,
		global: func(g *Globals) any { return &g.Bouncemail }},
	{Name: "spambounce", Kind: Flag, Default: false, traits: fusedNo,
		global: func(g *Globals) any { return &g.Spambounce }},
	{Name: "softbounce", Kind: Flag, Default: true,
		Help:   "leave refused mail on the server (the default)",
		global: func(g *Globals) any { return &g.Softbounce }},
	{Name: "syslog", Kind: Flag, Default: false,
		Help:   "say it to the system log, facility mail",
		global: func(g *Globals) any { return &g.Syslog }},
	{Name: "invisible", Kind: Flag, Default: false,
		Help:   "add no Received line",
		global: func(g *Globals) any { return &g.Invisible }},
	{Name: "showdots", Kind: Flag, Default: false,
		Help:   "there are no progress dots",
		global: func(g *Globals) any { return &g.Showdots }},
	{Name: "properties", Kind: Text, global: func(g *Globals) any { return &g.Properties }},
	{Name: "maxpolls", Kind: Count, Default: 32, Own: true,
		global: func(g *Globals) any { return &g.MaxPolls }},
	{Name: "maxperhost", Kind: Count, Default: 10, Own: true,
		global: func(g *Globals) any { return &g.MaxPerHost }},
	{Name: "alertcommand", Kind: Text, Own: true, traits: isCommand,
		Help:   "run COMMAND when an account needs a person, and when it is well again",
		global: func(g *Globals) any { return &g.Alert }},
	{Name: "notify", Kind: Text, Own: true, traits: isDestination,
		global: func(g *Globals) any { return &g.Notify }},
	{Name: "metrics", Kind: Text, Own: true,
		Help:   "a daemon serves metrics at 127.0.0.1:PORT or unix:/PATH",
		global: func(g *Globals) any { return &g.Metrics }},
	{Name: "statuspage", Kind: Flag, Default: false, Own: true,
		Help:   "show people a page at the address of the metrics",
		global: func(g *Globals) any { return &g.StatusPage }},
	{Name: "passlimit", Kind: Seconds, Default: 7200, Own: true,
		global: func(g *Globals) any { return &g.PassLimit }},
}
