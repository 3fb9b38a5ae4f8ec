package main

import "time"

// workload is one table of the report.
type workload struct {
	name, title string
	goal        string // what fetchd should reach
	proto       string
	kind        string // of corpus
	count       int    // messages in each mailbox, without the fresh ones
	rtt         time.Duration
	disk        bool   // the programs' files are on a real disk
	agents      bool   // each message is piped to an agent
	primed      bool   // the count messages are \Seen and known from an earlier run
	fresh       int    // new messages on top of these
	accounts    int    // 0 = 1
	hung        bool   // one of the accounts is on a server that accepts and never answers
	watch       bool   // measures how long new mail takes with IDLE
	to          string // kind of place that the messages go to; "" = a Maildir, or the agents
}

const pushGoal = "≤ 1.3 × limit, ≤ 1 ms of CPU a message"

const longWay = 50 * time.Millisecond

func workloads() []workload {
	return []workload{
		{name: "imap", title: "IMAPS, 5,000 × 4 KB into a Maildir", proto: imaps, kind: small, count: 5000,
			goal: "≤ 1.5 × limit, less CPU than mbsync"},
		{name: "pop3", title: "POP3S, 5,000 × 4 KB into a Maildir", proto: pop3s, kind: small, count: 5000,
			goal: "≤ 1.3 × limit, less CPU than mpop"},

		{name: "imap-rtt", title: "IMAPS, 500 × 4 KB over 50 ms", proto: imaps, kind: small, count: 500,
			rtt: longWay, goal: "≤ 1.8 × limit"},
		{name: "pop3-rtt", title: "POP3S, 500 × 4 KB over 50 ms", proto: pop3s, kind: small, count: 500,
			rtt: longWay, goal: "≤ 1.8 × limit"},

		{name: "disk", title: "IMAPS, 5,000 × 4 KB into a Maildir on a real disk", proto: imaps, kind: small,
			count: 5000, disk: true, goal: "≤ 6 × limit"},
		{name: "imap-mixed", title: "IMAPS, 1,000 mixed messages", proto: imaps, kind: mixed, count: 1000,
			goal: "≤ mbsync"},
		{name: "pop3-mixed", title: "POP3S, 1,000 mixed messages", proto: pop3s, kind: mixed, count: 1000,
			goal: "≤ mpop"},

		{name: "imap-huge", title: "IMAPS, a message of 200 MB and 4 small ones", proto: imaps, kind: huge,
			count: 5, goal: "≤ 1.2 × limit, < 40 MB"},
		{name: "pop3-huge", title: "POP3S, a message of 200 MB and 4 small ones", proto: pop3s, kind: huge,
			count: 5, goal: "≤ 1.2 × limit, < 40 MB"},

		{name: "imap-new", title: "IMAPS, 10 new messages beside 100,000 seen ones", proto: imaps, kind: tiny,
			count: 100000, primed: true, fresh: 10,
			goal: "≤ 1.6 × limit, ≤ 30 MB"},
		{name: "pop3-new", title: "POP3S, 10 new messages beside 100,000 seen ones", proto: pop3s, kind: tiny,
			count: 100000, primed: true, fresh: 10,
			goal: "≤ 1.2 × limit, < 60 MB"},

		{name: "imap-nothing", title: "IMAPS, nothing new, over 50 ms", proto: imaps, kind: small, count: 20,
			primed: true, rtt: longWay,
			goal: "≤ 5 round trips and one for the good-bye"},
		{name: "pop3-nothing", title: "POP3S, nothing new, over 50 ms", proto: pop3s, kind: small, count: 20,
			primed: true, rtt: longWay,
			goal: "≤ 6 round trips and two for QUIT and TLS's good-bye"},

		{name: "imap-hung", title: "IMAPS, 20 accounts × 100 over 50 ms, one on a server that hangs; wall: " +
			"until the other 19 are done",
			proto: imaps, kind: small, count: 100, rtt: longWay, accounts: 20, hung: true, goal: "≤ 1.5 s"},
		{name: "pop3-hung", title: "POP3S, the same", proto: pop3s, kind: small, count: 100, rtt: longWay,
			accounts: 20, hung: true, goal: "≤ 1.5 s"},
		{name: "agents", title: "IMAPS, 1,000 × 4 KB, each piped to sh -c 'cat >FILE'", proto: imaps,
			kind: small, count: 1000, agents: true,
			goal: "≤ 1.1 × spawn; fetchd-4 (mdajobs 4) ≥ 1.5 × as fast"},
		{name: "smtp", title: "IMAPS, 1,000 × 4 KB into an SMTP server that takes everything", proto: imaps,
			kind: small, count: 1000, to: toSMTP, goal: pushGoal},
		{name: "lmtp", title: "the same over LMTP", proto: imaps, kind: small, count: 1000, to: toLMTP,
			goal: pushGoal},
		{name: "dovecot", title: "IMAPS, 1,000 × 4 KB into Dovecot's LMTP", proto: imaps, kind: small,
			count: 1000, to: toDovecot, goal: pushGoal},
		{name: "mbox", title: "IMAPS, 5,000 × 4 KB into an mbox on a real disk", proto: imaps, kind: small,
			count: 5000, disk: true, to: toMbox, goal: "≤ 1.5 × limit"},
		{name: "idle", title: "IMAPS with IDLE: from the end of the server's APPEND to the message " +
			"in the Maildir", watch: true, proto: imaps,
			goal: "< 1 s over 50 ms, < 100 ms on loopback"},
	}
}
