package main

func deliverOptions() []option {
	return []option{
		{long: "mda", short: "m", arg: "COMMAND", group: groupDeliver, help: "pipe each message to COMMAND; %T = recipients, %F = sender",
			set: text(func(c *commandLine) *optString { return &c.user.MDA })},
		{long: "maildir", own: true, arg: "DIR", group: groupDeliver, help: "deliver into this Maildir", set: text(func(c *commandLine) *optString { return &c.user.Maildir })},
		{long: "smtphost", short: "S", arg: "LIST", group: groupDeliver, help: "deliver by SMTP to one of these hosts", set: list(func(c *commandLine) *[]string { return &c.user.SMTPHosts })},
		{long: "lmtp", group: groupDeliver, help: "by LMTP instead", set: flag(true, func(c *commandLine) *optBool { return &c.user.LMTP })},
		{long: "bsmtp", arg: "FILE", group: groupDeliver, help: "append to FILE as batched SMTP", set: text(func(c *commandLine) *optString { return &c.user.BSMTP })},
		{long: "plugout", arg: "COMMAND", group: groupDeliver, help: "talk to COMMAND instead of the SMTP host", set: text(func(c *commandLine) *optString { return &c.poll.Plugout })},
		{long: "smtpaddress", short: "D", arg: "DOMAIN", group: groupDeliver, help: "put DOMAIN behind bare local names", set: text(func(c *commandLine) *optString { return &c.user.SMTPAddress })},
		{long: "smtpname", arg: "ADDRESS", group: groupDeliver, help: "deliver to ADDRESS whatever the local name", set: text(func(c *commandLine) *optString { return &c.user.SMTPName })},
		{long: "antispam", short: "Z", arg: "LIST", group: groupDeliver, help: "SMTP replies that mean: refused as spam", set: numbers(func(c *commandLine) *[]int { return &c.user.AntiSpam })},
		{long: "batchlimit", short: "b", arg: "N", group: groupDeliver, help: "messages in one SMTP session", set: number(func(c *commandLine) *optInt { return &c.user.BatchLimit })},
		{long: "envelope", short: "E", arg: "HEADER", group: groupDeliver, help: "the header that names a message's recipient", set: text(func(c *commandLine) *optString { return &c.poll.Envelope })},
		{long: "qvirtual", short: "Q", arg: "PREFIX", group: groupDeliver, help: "cut PREFIX from the name found there", set: text(func(c *commandLine) *optString { return &c.poll.QVirtual })},
		{long: "postmaster", arg: "NAME", group: groupDeliver, help: "accepted for old scripts: no mail is ever nobody's", set: text(func(c *commandLine) *optString { return &c.globals.Postmaster })},
		{long: "nobounce", group: groupDeliver, help: "accepted for old scripts: senders are never told", set: flag(false, func(c *commandLine) *optBool { return &c.globals.Bouncemail })},
		{long: "softbounce", group: groupDeliver, help: "leave refused mail on the server (as if not said)", set: flag(true, func(c *commandLine) *optBool { return &c.globals.Softbounce })},
		{long: "nosoftbounce", group: groupDeliver, help: "does nothing: it always stays", warn: "does nothing: refused mail always stays on the server",
			set: flag(false, func(c *commandLine) *optBool { return &c.globals.Softbounce })},
		{long: "invisible", group: groupDeliver, help: "add no Received line", set: flag(true, func(c *commandLine) *optBool { return &c.globals.Invisible })},
		{long: "norewrite", short: "n", group: groupDeliver, help: "leave addresses without a host as they are", set: flag(false, func(c *commandLine) *optBool { return &c.user.Rewrite })},
		{long: "bad-header", arg: "WORD", values: accepted("bad-header"), group: groupDeliver, help: "deliver a message with a broken header, or leave it",
			set: enum("bad-header", func(c *commandLine) *optString { return &c.poll.BadHeader })},
	}
}

// oldOptions are those that fetchmail's scripts use and that need nothing done.
func oldOptions() []option {
	return []option{
		{long: "uidl", short: "U", group: groupOld, help: "always on", set: flag(true, func(c *commandLine) *optBool { return &c.poll.UIDL })},
		{long: "showdots", group: groupOld, help: "there are no progress dots", set: flag(true, func(c *commandLine) *optBool { return &c.globals.Showdots })},
		{long: "principal", arg: "NAME", group: groupOld, help: "Kerberos 4", warn: "does nothing: Kerberos 4 is gone", set: text(func(c *commandLine) *optString { return &c.poll.Principal })},
		{long: "interface", short: "I", arg: "SPEC", group: groupOld, help: "link check", warn: "does nothing: start the program when the link is up",
			set: text(func(c *commandLine) *optString { return &c.poll.Interface })},
		{long: "monitor", short: "M", arg: "LINK", group: groupOld, help: "link check", warn: "does nothing: links are not watched", set: text(func(c *commandLine) *optString { return &c.poll.Monitor })},
		{long: "fetchdomains", arg: "LIST", group: groupOld, help: "for ETRN and ODMR", warn: "does nothing: ETRN and ODMR are your mail server's work",
			set: list(func(c *commandLine) *[]string { return &c.user.FetchDomains })},
		{long: "fetchsizelimit", arg: "N", group: groupOld, help: "all sizes are asked at once", warn: "does nothing: all sizes are asked for at once",
			set: number(func(c *commandLine) *optInt { return &c.user.FetchSizeLimit })},
		{long: "fastuidl", arg: "N", group: groupOld, help: "UIDs are always listed in full", warn: "does nothing: UIDs are listed in full, which is cheap",
			set: number(func(c *commandLine) *optInt { return &c.user.FastUIDL })},
	}
}
