package main

// options is the table of all options of the program itself; subcommands have tables of their own. The verdicts are
// fetchmail's options one by one: what does nothing here says so once (warn), what is gone is not in the table.
func options() []option {
	var all []option
	for _, part := range [][]option{
		runOptions(), logOptions(), fileOptions(), serverOptions(), tlsOptions(),
		accountOptions(), retrieveOptions(), deliverOptions(), oldOptions(),
	} {
		all = append(all, part...)
	}
	return all
}

func runOptions() []option {
	return []option{
		{long: "help", short: "?", group: groupRun, help: "show this text", set: do(func(c *commandLine) { c.mode = modeHelp })},
		{long: "version", short: "V", group: groupRun, help: "show the version and each account's merged settings; poll nothing",
			set: do(func(c *commandLine) { c.mode = modeVersion })},
		{long: "check", short: "c", group: groupRun, help: "only look: status 0 = mail is waiting, 1 = none", set: do(func(c *commandLine) { c.check = true })},
		{long: "daemon", short: "d", arg: "SECONDS", group: groupRun, help: "stay in the background and poll every SECONDS; 0 = one pass",
			set: seconds(func(c *commandLine) *optInt { return &c.globals.Daemon })},
		{long: "nodetach", short: "N", group: groupRun, help: "with --daemon, stay in the foreground", set: do(func(c *commandLine) { c.nodetach = true })},
		{long: "quit", short: "q", group: groupRun, help: "end the running daemon; as the last option, do nothing else",
			set: do(func(c *commandLine) { c.quit, c.quitLast = true, true })},
		{long: "nomail-ok", own: true, group: groupRun, help: "\"no mail\" is status 0 instead of 1 (for cron and systemd)", set: do(func(c *commandLine) { c.nomailOK = true })},
		{long: "configdump", group: groupRun, help: "print the merged configuration as JSON; poll nothing",
			set: do(func(c *commandLine) { c.mode = modeDump })},
		{long: "show-secrets", own: true, group: groupRun, help: "with --configdump or convert, show passwords", set: do(func(c *commandLine) { c.showSecrets = true })},
	}
}

func logOptions() []option {
	return []option{
		{long: "silent", short: "s", group: groupLog, help: "say nothing but errors", set: do(func(c *commandLine) { c.silent = true })},
		{long: "verbose", short: "v", group: groupLog, help: "show the protocol and the server's certificate; twice: more", set: do(func(c *commandLine) { c.verbose++ })},
		{long: "logfile", short: "L", arg: "FILE", group: groupLog, help: "append what is said to FILE (background only)",
			set: text(func(c *commandLine) *optString { return &c.globals.Logfile })},
		{long: "log-format", own: true, arg: "FORMAT", values: "text json", group: groupLog, help: "text (fetchmail's lines) or json",
			set: word("text json", func(c *commandLine) *optString { return &c.logFormat })},
		{long: "syslog", group: groupLog, help: "say it to the system log, facility mail", set: flag(true, func(c *commandLine) *optBool { return &c.globals.Syslog })},
		{long: "nosyslog", group: groupLog, help: "don't", set: flag(false, func(c *commandLine) *optBool { return &c.globals.Syslog })},
	}
}

func fileOptions() []option {
	return []option{
		{long: "fetchmailrc", short: "f", arg: "FILE", group: groupFile, help: "the rc file; - = standard input", set: text(func(c *commandLine) *optString { return &c.rcfile })},
		{long: "rcformat", own: true, arg: "FORMAT", values: "fetchmailrc toml", group: groupFile, help: "grammar of the rc file: fetchmailrc or toml",
			set: word("fetchmailrc toml", func(c *commandLine) *optString { return &c.rcformat })},
		{long: "idfile", short: "i", arg: "FILE", group: groupFile, help: "what was delivered is recorded in FILE.db",
			set: text(func(c *commandLine) *optString { return &c.globals.Idfile })},
		{long: "pidfile", arg: "FILE", group: groupFile, help: "the lock file", set: text(func(c *commandLine) *optString { return &c.globals.Pidfile })},
	}
}

func serverOptions() []option {
	return []option{
		{long: "protocol", aliases: []string{"proto"}, short: "p", arg: "NAME", values: accepted("protocol"), group: groupServer, help: "imap, pop3 or auto",
			set: enum("protocol", func(c *commandLine) *optString { return &c.poll.Protocol })},
		{long: "service", aliases: []string{"port"}, short: "P", arg: "PORT", group: groupServer, help: "port number or service name",
			set: setService},
		{long: "timeout", short: "t", arg: "SECONDS", group: groupServer, help: "give up on a server that is silent for so long; 300 if not said",
			set: seconds(func(c *commandLine) *optInt { return &c.poll.Timeout })},
		{long: "plugin", arg: "COMMAND", group: groupServer, help: "talk to COMMAND instead of a TCP connection; %h %p = host, port",
			set: text(func(c *commandLine) *optString { return &c.poll.Plugin })},
		{long: "tracepolls", group: groupServer, help: "name poll and account in the Received line", set: flag(true, func(c *commandLine) *optBool { return &c.poll.TracePolls })},
		{long: "retrieve-error", own: true, arg: "WORD", values: accepted("retrieve-error"), group: groupServer, help: "after a message that can't be had: abort, continue, markseen",
			set: enum("retrieve-error", func(c *commandLine) *optString { return &c.poll.RetrieveError })},
	}
}

func tlsOptions() []option {
	return []option{
		{long: "ssl", group: groupTLS, help: "TLS from the first byte (ports 993, 995); else STARTTLS is demanded", set: flag(true, func(c *commandLine) *optBool { return &c.user.SSL })},
		{long: "sslmode", own: true, aliases: []string{"tlsmode"}, arg: "MODE", values: accepted("sslmode"), group: groupTLS, help: "wrapped, starttls=must or none",
			set: enum("sslmode", func(c *commandLine) *optString { return &c.user.SSLMode })},
		{long: "sslproto", aliases: []string{"sslprotocolversion"}, arg: "VERSION", values: accepted("sslproto"), group: groupTLS, help: "tls1.2+ (as if not said), tls1.3, …; '' = clear text",
			set: enum("sslproto", func(c *commandLine) *optString { return &c.user.SSLProto })},
		{long: "sslcertck", group: groupTLS, help: "check the server's certificate (as if not said)", set: flag(true, func(c *commandLine) *optBool { return &c.user.SSLCertCk })},
		{long: "nosslcertck", group: groupTLS, help: "don't: safe only together with a pin", set: flag(false, func(c *commandLine) *optBool { return &c.user.SSLCertCk })},
		{long: "sslcertfile", arg: "FILE", group: groupTLS, help: "trust the certificates in FILE instead of the system's",
			set: text(func(c *commandLine) *optString { return &c.user.SSLCertFile })},
		{long: "sslcertpath", arg: "DIR", group: groupTLS, help: "the same, every file in DIR", set: text(func(c *commandLine) *optString { return &c.user.SSLCertPath })},
		{long: "sslcommonname", arg: "NAME", group: groupTLS, help: "expect NAME in the certificate", set: text(func(c *commandLine) *optString { return &c.user.SSLCommonName })},
		{long: "sslfingerprint", arg: "HEX", group: groupTLS, help: "the certificate must have this fingerprint; repeatable",
			set: optList(func(c *commandLine) *[]optString { return &c.user.SSLFingerprints })},
		{long: "sslpin", own: true, arg: "PIN", group: groupTLS, help: "its public key must be this: sha256//BASE64; repeatable",
			set: optList(func(c *commandLine) *[]optString { return &c.user.SSLPins })},
		{long: "sslcrlfile", own: true, arg: "FILE", group: groupTLS, help: "certificates revoked by these lists are refused", set: text(func(c *commandLine) *optString { return &c.user.SSLCRLFile })},
		{long: "sslcert", arg: "FILE", group: groupTLS, help: "our own certificate", set: text(func(c *commandLine) *optString { return &c.user.SSLCert })},
		{long: "sslkey", arg: "FILE", group: groupTLS, help: "and its key", set: text(func(c *commandLine) *optString { return &c.user.SSLKey })},
	}
}

func accountOptions() []option {
	return []option{
		{long: "username", aliases: []string{"user"}, short: "u", arg: "NAME", group: groupAccount, help: "login name on the server", set: text(func(c *commandLine) *optString { return &c.user.Remote })},
		{long: "auth", arg: "KIND", values: accepted("auth"), group: groupAccount, help: "how to log in: any, password, external, oauthbearer, …", set: enum("auth", func(c *commandLine) *optString { return &c.poll.Auth })},
		{long: "passwordfile", own: true, arg: "FILE", group: groupAccount, help: "the password is the first line of FILE",
			set: text(func(c *commandLine) *optString { return &c.user.PasswordFile })},
		{long: "passwordeval", own: true, arg: "COMMAND", group: groupAccount, help: "the password is the first line that COMMAND prints",
			set: text(func(c *commandLine) *optString { return &c.user.PasswordEval })},
		{long: "passwordfd", own: true, arg: "N", group: groupAccount, help: "the password is the first line of descriptor N",
			set: number(func(c *commandLine) *optInt { return &c.user.PasswordFD })},
	}
}

func retrieveOptions() []option {
	return []option{
		{long: "folder", short: "r", arg: "LIST", group: groupRetrieve, help: "IMAP folders, separated by commas", set: list(func(c *commandLine) *[]string { return &c.user.Folders })},
		{long: "fetchall", aliases: []string{"all"}, short: "a", group: groupRetrieve, help: "old messages too", set: flag(true, func(c *commandLine) *optBool { return &c.user.FetchAll })},
		{long: "keep", short: "k", group: groupRetrieve, help: "leave messages on the server", set: flag(true, func(c *commandLine) *optBool { return &c.user.Keep })},
		{long: "nokeep", short: "K", group: groupRetrieve, help: "delete them once they are delivered (as if not said)", set: flag(false, func(c *commandLine) *optBool { return &c.user.Keep })},
		{long: "flush", short: "F", group: groupRetrieve, help: "first delete what an earlier run delivered and kept",
			warn: "deletes mail on the server: only what this program has delivered before", set: flag(true, func(c *commandLine) *optBool { return &c.user.Flush })},
		{long: "limit", short: "l", arg: "SIZE", group: groupRetrieve, help: "leave larger messages on the server (10k, 5M)", set: size(func(c *commandLine) *optInt { return &c.user.Limit })},
		{long: "limitflush", group: groupRetrieve, help: "delete them there unread", warn: "deletes messages over the limit without reading them",
			set: flag(true, func(c *commandLine) *optBool { return &c.user.LimitFlush })},
		{long: "warnings", short: "w", arg: "SECONDS", group: groupRetrieve, help: "time between notes about messages over the limit",
			set: seconds(func(c *commandLine) *optInt { return &c.user.Warnings })},
		{long: "fetchlimit", short: "B", arg: "N", group: groupRetrieve, help: "at most N messages a poll (then status 13)", set: number(func(c *commandLine) *optInt { return &c.user.FetchLimit })},
		{long: "expunge", short: "e", arg: "N", group: groupRetrieve, help: "delete for good after every N messages; IMAP: 0 = at the end",
			set: number(func(c *commandLine) *optInt { return &c.user.Expunge })},
		{long: "idle", group: groupRetrieve, help: "wait for new mail with IMAP IDLE", set: flag(true, func(c *commandLine) *optBool { return &c.user.Idle })},
		{long: "idletimeout", own: true, arg: "SECONDS", group: groupRetrieve, help: "restart IDLE after so long", set: seconds(func(c *commandLine) *optInt { return &c.user.IdleTimeout })},
	}
}
