package cli

import (
	"fetchd/cmd/fetchd/internal/account"
	"fetchd/tlsverify"
)

// Options is the table of all options of the program itself; subcommands have tables of their own. It covers
// fetchmail's options one by one: those that do nothing here say so once when used, and those that are gone
// are not in the table.
func Options() []Option {
	var all []Option
	for _, part := range [][]Option{
		runOptions(), logOptions(), fileOptions(), serverOptions(), tlsOptions(),
		accountOptions(), retrieveOptions(), deliverOptions(), oldOptions(),
	} {
		for _, o := range part {
			all = append(all, o.complete())
		}
	}
	return all
}

func runOptions() []Option {
	return []Option{
		{Long: "help", Short: "?", group: groupRun, Help: "show this text",
			set: do(func(c *CommandLine) { c.Mode = ModeHelp })},
		{Long: "version", Short: "V", group: groupRun,
			Help: "show the version and each account's merged settings; poll nothing",
			set:  do(func(c *CommandLine) { c.Mode = ModeVersion })},
		{Long: "check", Short: "c", group: groupRun, Help: "only look: status 0 = mail is waiting, 1 = none",
			set: do(func(c *CommandLine) { c.Check = true })},

		{keyword: "daemon", Short: "d", group: groupRun},
		{Long: "nodetach", Short: "N", group: groupRun, Help: "with --daemon, stay in the foreground",
			set: do(func(c *CommandLine) { c.Nodetach = true })},
		{Long: "quit", Short: "q", group: groupRun,
			Help: "end the running daemon; do nothing else unless more is asked for behind it",
			set:  do(func(c *CommandLine) { c.Quit, c.QuitLast = true, true })},

		{Long: "nomail-ok", own: true, group: groupRun,
			Help: "\"no mail\" is status 0 instead of 1 (for cron and systemd)",
			set:  do(func(c *CommandLine) { c.NomailOK = true })},
		{Long: "strict-exit", own: true, group: groupRun,
			Help: "the status of a pass is that of the account that did worst, even if mail came from others",
			set:  do(func(c *CommandLine) { c.StrictExit = true })},
		{Long: "yes", own: true, group: groupRun,
			Help: "let keepdays remove more than half of a mailbox in one pass",
			set:  do(func(c *CommandLine) { c.Yes = true })},

		{Long: "configdump", group: groupRun, Help: "print the merged configuration as JSON; poll nothing",
			set: do(func(c *CommandLine) { c.Mode = ModeDump })},
		{Long: "show-secrets", own: true, group: groupRun,
			Help: "with --configdump or convert, show passwords",
			set:  do(func(c *CommandLine) { c.ShowSecrets = true })},
	}
}

func logOptions() []Option {
	return []Option{
		{Long: "silent", Short: "s", group: groupLog, finds: true, Help: "say nothing but errors",
			set: do(func(c *CommandLine) { c.Silent = true })},
		{Long: "verbose", Short: "v", group: groupLog, finds: true,
			Help: "show the protocol and the server's certificate; twice: more",
			set:  do(func(c *CommandLine) { c.Verbose++ })},
		{keyword: "logfile", Short: "L", group: groupLog},
		{Long: "log-format", own: true, Arg: "FORMAT", Values: "text json", finds: true,
			group: groupLog,
			Help:  "text (fetchmail's lines) or json",
			set:   word("text json", func(c *CommandLine) *optString { return &c.LogFormat })},
		{keyword: "syslog", group: groupLog},
		{keyword: "syslog", off: true, group: groupLog, Help: "don't"},
	}
}

func fileOptions() []Option {
	return []Option{
		{Long: "fetchmailrc", Short: "f", Arg: "FILE", group: groupFile, finds: true,
			Help: "the rc file; - = standard input",
			set:  file(func(c *CommandLine) *optString { return &c.Rcfile })},
		{Long: "rcformat", own: true, Arg: "FORMAT", Values: "fetchmailrc toml", finds: true,
			group: groupFile,
			Help:  "grammar of the rc file: fetchmailrc or toml",
			set:   word("fetchmailrc toml", func(c *CommandLine) *optString { return &c.Rcformat })},
		{keyword: "idfile", Short: "i", group: groupFile},
		{keyword: "pidfile", group: groupFile, finds: true},
	}
}

func serverOptions() []Option {
	return []Option{
		{keyword: "protocol", aliases: []string{"proto"}, Short: "p", group: groupServer},
		{keyword: "service", aliases: []string{"port"}, Short: "P", group: groupServer,
			set: checked("service", account.ServicePort)},
		{keyword: "timeout", Short: "t", group: groupServer},
		{keyword: "plugin", group: groupServer},
		{keyword: "tracepolls", group: groupServer},
		{keyword: "retrieve-error", group: groupServer},
	}
}

func tlsOptions() []Option {
	return []Option{
		{keyword: "ssl", group: groupTLS},
		{keyword: "sslmode", aliases: []string{"tlsmode"}, group: groupTLS},
		{keyword: "sslproto", aliases: []string{"sslprotocolversion"}, group: groupTLS},
		{keyword: "sslcertck", group: groupTLS},
		{keyword: "sslcertck", off: true, group: groupTLS, Help: "don't: safe only together with a pin"},
		{keyword: "sslcertfile", group: groupTLS},
		{keyword: "sslcertpath", group: groupTLS},
		{keyword: "sslcommonname", group: groupTLS},
		{keyword: "sslfingerprint", group: groupTLS, set: checked("sslfingerprint",
			tlsverify.ParseFingerprint)},
		{keyword: "sslpin", group: groupTLS, set: checked("sslpin", tlsverify.ParsePin)},
		{keyword: "sslcrlfile", group: groupTLS},
		{keyword: "sslcert", group: groupTLS},
		{keyword: "sslkey", group: groupTLS},
	}
}

func accountOptions() []Option {
	return []Option{
		{keyword: "user", Long: "username", aliases: []string{"user"}, Short: "u", group: groupAccount},
		{keyword: "auth", group: groupAccount},
		{keyword: "passwordfile", group: groupAccount},
		{keyword: "passwordeval", group: groupAccount},
		{keyword: "passwordfd", group: groupAccount},
	}
}

func retrieveOptions() []Option {
	return []Option{
		{keyword: "folder", Short: "r", group: groupRetrieve},
		{keyword: "fetchall", aliases: []string{"all"}, Short: "a", group: groupRetrieve},
		{keyword: "keep", Short: "k", group: groupRetrieve},
		{keyword: "keep", off: true, Short: "K", group: groupRetrieve,
			Help: "delete them once they are delivered (the default)"},
		{keyword: "flush", Short: "F", group: groupRetrieve},
		{keyword: "limit", Short: "l", group: groupRetrieve},
		{keyword: "limitflush", group: groupRetrieve},
		{keyword: "warnings", Short: "w", group: groupRetrieve},
		{keyword: "fetchlimit", Short: "B", group: groupRetrieve},
		{keyword: "expunge", Short: "e", group: groupRetrieve},
		{keyword: "idle", group: groupRetrieve},
		{keyword: "idletimeout", group: groupRetrieve},
	}
}

func deliverOptions() []Option {
	return []Option{
		{keyword: "mda", Short: "m", group: groupDeliver},
		{keyword: "maildir", group: groupDeliver},

		{keyword: "smtphost", Short: "S", group: groupDeliver},
		{keyword: "lmtp", group: groupDeliver},
		{keyword: "bsmtp", group: groupDeliver},
		{keyword: "plugout", group: groupDeliver},
		{keyword: "smtpaddress", Short: "D", group: groupDeliver},
		{keyword: "smtpname", group: groupDeliver},
		{keyword: "antispam", Short: "Z", group: groupDeliver},
		{keyword: "batchlimit", Short: "b", group: groupDeliver},

		{keyword: "envelope", Short: "E", group: groupDeliver},
		{keyword: "qvirtual", Short: "Q", group: groupDeliver},

		{keyword: "postmaster", group: groupDeliver},
		{keyword: "bouncemail", off: true, Long: "nobounce", group: groupDeliver,
			Help: "accepted for old scripts: senders are never told"},
		{keyword: "softbounce", group: groupDeliver},
		{keyword: "softbounce", off: true, group: groupDeliver,
			Help: "hand refused mail to the postmaster"},

		{keyword: "invisible", group: groupDeliver},
		{keyword: "rewrite", off: true, Short: "n", group: groupDeliver,
			Help: "leave addresses without a host as they are"},
		{keyword: "bad-header", group: groupDeliver},
	}
}

// oldOptions are accepted for the sake of fetchmail's scripts; nothing needs to be done for them here.
func oldOptions() []Option {
	return []Option{
		{keyword: "uidl", Short: "U", group: groupOld},
		{keyword: "showdots", group: groupOld},
		{keyword: "principal", group: groupOld},
		{keyword: "interface", Short: "I", group: groupOld},
		{keyword: "monitor", Short: "M", group: groupOld},
		{keyword: "fetchdomains", group: groupOld},
		{keyword: "fetchsizelimit", group: groupOld},
		{keyword: "fastuidl", group: groupOld},
	}
}
