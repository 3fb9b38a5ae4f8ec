package main

// options is the table of all options of the program itself; subcommands have tables of their own. The verdicts are
// fetchmail's options one by one: what does nothing here says so once, what is gone is not in the table.
func options() []option {
	var all []option
	for _, part := range [][]option{
		runOptions(), logOptions(), fileOptions(), serverOptions(), tlsOptions(),
		accountOptions(), retrieveOptions(), deliverOptions(), oldOptions(),
	} {
		for _, o := range part {
			all = append(all, o.complete())
		}
	}
	return all
}

func runOptions() []option {
	return []option{
		{long: "help", short: "?", group: groupRun, help: "show this text",
			set: do(func(c *commandLine) { c.mode = modeHelp })},
		{long: "version", short: "V", group: groupRun,
			help: "show the version and each account's merged settings; poll nothing",
			set:  do(func(c *commandLine) { c.mode = modeVersion })},
		{long: "check", short: "c", group: groupRun, help: "only look: status 0 = mail is waiting, 1 = none",
			set: do(func(c *commandLine) { c.check = true })},
		{keyword: "daemon", short: "d", group: groupRun},
		{long: "nodetach", short: "N", group: groupRun, help: "with --daemon, stay in the foreground",
			set: do(func(c *commandLine) { c.nodetach = true })},
		{long: "quit", short: "q", group: groupRun, help: "end the running daemon; as the last option, do nothing else",
			set: do(func(c *commandLine) { c.quit, c.quitLast = true, true })},
		{long: "nomail-ok", own: true, group: groupRun,
			help: "\"no mail\" is status 0 instead of 1 (for cron and systemd)",
			set:  do(func(c *commandLine) { c.nomailOK = true })},
		{long: "configdump", group: groupRun, help: "print the merged configuration as JSON; poll nothing",
			set: do(func(c *commandLine) { c.mode = modeDump })},
		{long: "show-secrets", own: true, group: groupRun, help: "with --configdump or convert, show passwords",
			set: do(func(c *commandLine) { c.showSecrets = true })},
	}
}

func logOptions() []option {
	return []option{
		{long: "silent", short: "s", group: groupLog, help: "say nothing but errors",
			set: do(func(c *commandLine) { c.silent = true })},
		{long: "verbose", short: "v", group: groupLog,
			help: "show the protocol and the server's certificate; twice: more",
			set:  do(func(c *commandLine) { c.verbose++ })},
		{keyword: "logfile", short: "L", group: groupLog},
		{long: "log-format", own: true, arg: "FORMAT", values: "text json", group: groupLog,
			help: "text (fetchmail's lines) or json",
			set:  word("text json", func(c *commandLine) *optString { return &c.logFormat })},
		{keyword: "syslog", group: groupLog},
		{keyword: "syslog", off: true, group: groupLog, help: "don't"},
	}
}

func fileOptions() []option {
	return []option{
		{long: "fetchmailrc", short: "f", arg: "FILE", group: groupFile, help: "the rc file; - = standard input",
			set: text(func(c *commandLine) *optString { return &c.rcfile })},
		{long: "rcformat", own: true, arg: "FORMAT", values: "fetchmailrc toml", group: groupFile,
			help: "grammar of the rc file: fetchmailrc or toml",
			set:  word("fetchmailrc toml", func(c *commandLine) *optString { return &c.rcformat })},
		{keyword: "idfile", short: "i", group: groupFile},
		{keyword: "pidfile", group: groupFile},
	}
}

func serverOptions() []option {
	return []option{
		{keyword: "protocol", aliases: []string{"proto"}, short: "p", group: groupServer},
		{keyword: "service", aliases: []string{"port"}, short: "P", group: groupServer, set: setService},
		{keyword: "timeout", short: "t", group: groupServer},
		{keyword: "plugin", group: groupServer},
		{keyword: "tracepolls", group: groupServer},
		{keyword: "retrieve-error", group: groupServer},
	}
}

func tlsOptions() []option {
	return []option{
		{keyword: "ssl", group: groupTLS},
		{keyword: "sslmode", aliases: []string{"tlsmode"}, group: groupTLS},
		{keyword: "sslproto", aliases: []string{"sslprotocolversion"}, group: groupTLS},
		{keyword: "sslcertck", group: groupTLS},
		{keyword: "sslcertck", off: true, group: groupTLS, help: "don't: safe only together with a pin"},
		{keyword: "sslcertfile", group: groupTLS},
		{keyword: "sslcertpath", group: groupTLS},
		{keyword: "sslcommonname", group: groupTLS},
		{keyword: "sslfingerprint", group: groupTLS},
		{keyword: "sslpin", group: groupTLS},
		{keyword: "sslcrlfile", group: groupTLS},
		{keyword: "sslcert", group: groupTLS},
		{keyword: "sslkey", group: groupTLS},
	}
}

func accountOptions() []option {
	return []option{
		{keyword: "user", long: "username", aliases: []string{"user"}, short: "u", group: groupAccount},
		{keyword: "auth", group: groupAccount},
		{keyword: "passwordfile", group: groupAccount},
		{keyword: "passwordeval", group: groupAccount},
		{keyword: "passwordfd", group: groupAccount},
	}
}

func retrieveOptions() []option {
	return []option{
		{keyword: "folder", short: "r", group: groupRetrieve},
		{keyword: "fetchall", aliases: []string{"all"}, short: "a", group: groupRetrieve},
		{keyword: "keep", short: "k", group: groupRetrieve},
		{keyword: "keep", off: true, short: "K", group: groupRetrieve,
			help: "delete them once they are delivered (as if not said)"},
		{keyword: "flush", short: "F", group: groupRetrieve},
		{keyword: "limit", short: "l", group: groupRetrieve},
		{keyword: "limitflush", group: groupRetrieve},
		{keyword: "warnings", short: "w", group: groupRetrieve},
		{keyword: "fetchlimit", short: "B", group: groupRetrieve},
		{keyword: "expunge", short: "e", group: groupRetrieve},
		{keyword: "idle", group: groupRetrieve},
		{keyword: "idletimeout", group: groupRetrieve},
	}
}

func deliverOptions() []option {
	return []option{
		{keyword: "mda", short: "m", group: groupDeliver},
		{keyword: "maildir", group: groupDeliver},
		{keyword: "smtphost", short: "S", group: groupDeliver},
		{keyword: "lmtp", group: groupDeliver},
		{keyword: "bsmtp", group: groupDeliver},
		{keyword: "plugout", group: groupDeliver},
		{keyword: "smtpaddress", short: "D", group: groupDeliver},
		{keyword: "smtpname", group: groupDeliver},
		{keyword: "antispam", short: "Z", group: groupDeliver},
		{keyword: "batchlimit", short: "b", group: groupDeliver},
		{keyword: "envelope", short: "E", group: groupDeliver},
		{keyword: "qvirtual", short: "Q", group: groupDeliver},
		{keyword: "postmaster", group: groupDeliver},
		{keyword: "bouncemail", off: true, long: "nobounce", group: groupDeliver,
			help: "accepted for old scripts: senders are never told"},
		{keyword: "softbounce", group: groupDeliver},
		{keyword: "softbounce", off: true, group: groupDeliver, help: "does nothing: it always stays",
			warn: "does nothing: refused mail always stays on the server"},
		{keyword: "invisible", group: groupDeliver},
		{keyword: "rewrite", off: true, short: "n", group: groupDeliver,
			help: "leave addresses without a host as they are"},
		{keyword: "bad-header", group: groupDeliver},
	}
}

// oldOptions are those that fetchmail's scripts use and that need nothing done.
func oldOptions() []option {
	return []option{
		{keyword: "uidl", short: "U", group: groupOld},
		{keyword: "showdots", group: groupOld},
		{keyword: "principal", group: groupOld},
		{keyword: "interface", short: "I", group: groupOld},
		{keyword: "monitor", short: "M", group: groupOld},
		{keyword: "fetchdomains", group: groupOld},
		{keyword: "fetchsizelimit", group: groupOld},
		{keyword: "fastuidl", group: groupOld},
	}
}
