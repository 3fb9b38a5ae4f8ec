package main

import (
	"slices"
	"strings"
	"testing"
)

func TestParseArgs(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		args  string
		check func(*commandLine) bool
	}{
		{"bundle with an argument", "-vvNd300", func(c *commandLine) bool {
			return c.verbose == 2 && c.nodetach && c.said.Globals.Daemon.Value == 300
		}},
		{"short with its argument", "-pPOP3", func(c *commandLine) bool { return c.said.Poll.Protocol.Value == "pop3" }},
		{"short, argument apart", "-p imap", func(c *commandLine) bool { return c.said.Poll.Protocol.Value == "imap" }},
		{"long with =", "--proto=IMAP", func(c *commandLine) bool { return c.said.Poll.Protocol.Value == "imap" }},
		{"long, argument apart", "--daemon 60", func(c *commandLine) bool { return c.said.Globals.Daemon.Value == 60 }},
		{"duration", "--daemon 5m", func(c *commandLine) bool { return c.said.Globals.Daemon.Value == 300 }},
		{"duration of several units", "--daemon 1h30m", func(c *commandLine) bool { return c.said.Globals.Daemon.Value == 5400 }},
		{"size in capitals", "-l 10K", func(c *commandLine) bool { return c.said.User.Limit.Value == 10240 }},
		{"size", "-l 10k", func(c *commandLine) bool { return c.said.User.Limit.Value == 10240 }},
		{"prefix", "--verb --nodet", func(c *commandLine) bool { return c.verbose == 1 && c.nodetach }},
		{"exact name wins over longer ones", "--ssl", func(c *commandLine) bool { return c.said.User.SSL.Value && !c.said.User.SSLCertCk.Set }},
		{"a prefix of two names of one option", "--user ann", func(c *commandLine) bool { return c.said.User.Remote.Value == "ann" }},
		{"an abbreviation of fetchmail's", "--sslp tls1.3", func(c *commandLine) bool { return c.said.User.SSLProto.Value == "tls1.3" }},
		{"interspersed servers", "a.example -k b.example", func(c *commandLine) bool {
			return slices.Equal(c.servers, []string{"a.example", "b.example"}) && c.said.User.Keep.Value
		}},
		{"-- ends the options", "-k -- --keep", func(c *commandLine) bool { return slices.Equal(c.servers, []string{"--keep"}) }},
		{"no is said", "--nokeep", func(c *commandLine) bool { return c.said.User.Keep.Set && !c.said.User.Keep.Value }},
		{"lists add up", "-r a,b -r c", func(c *commandLine) bool { return slices.Equal(c.said.User.Folders, []string{"a", "b", "c"}) }},
		{"daemon 0", "-d0", func(c *commandLine) bool { return c.said.Globals.Daemon.Set && c.said.Globals.Daemon.Value == 0 }},
		{"alias of a value", "--auth ssh", func(c *commandLine) bool { return c.said.Poll.Auth.Value == "implicit" }},
		{"quit last", "-d0 -q", func(c *commandLine) bool { return c.quit && c.quitLast }},
		{"quit and go on", "-q -d 300", func(c *commandLine) bool { return c.quit && !c.quitLast }},
		{"quit and poll a server", "-q host", func(c *commandLine) bool { return c.quit && !c.quitLast }},
		{"a dash is standard input", "-f -", func(c *commandLine) bool { return c.rcfile.Value == "-" }},
		{"warning", "--principal x", func(c *commandLine) bool { return len(c.warnings) == 1 }},
		{"warning of a value", "--sslproto tls1.1", func(c *commandLine) bool { return len(c.warnings) == 1 }},
		{"clear text", "--sslproto=", func(c *commandLine) bool { return c.said.User.SSLProto.Set && c.said.User.SSLProto.Value == "" }},
		{"subcommand", "completion bash", func(c *commandLine) bool {
			return c.command != nil && c.command.name == "completion" && slices.Equal(c.servers, []string{"bash"})
		}},
		{"subcommand behind an option", "-v completion bash", func(c *commandLine) bool { return c.command != nil && c.verbose == 1 }},
		{"a server called as a subcommand", "-- completion", func(c *commandLine) bool { return c.command == nil && len(c.servers) == 1 }},
		{"a subcommand's name later on", "host completion", func(c *commandLine) bool { return c.command == nil && len(c.servers) == 2 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := parseArgs(strings.Fields(tt.args), subcommands())
			if err != nil {
				t.Fatal(err)
			}
			if !tt.check(c) {
				t.Errorf("%q gives %+v", tt.args, c)
			}
		})
	}
}

func TestParseArgsErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, args, want string }{
		{"unknown long", "--frobnicate", "unknown option --frobnicate"},
		{"unknown short", "-T", "unknown option -T"},
		{"unknown in a bundle", "-vy", "unknown option -y"},
		{"ambiguous", "--ss", "ambiguous"},
		{"bad protocol", "-p foo", `unknown protocol "foo"; one of auto, imap`},
		{"gone protocol", "-p etrn", "let the MTA do it"},
		{"gone login", "--auth ntlm", "not supported"},
		{"old TLS", "--sslproto ssl3", "not supported"},
		{"no number", "-B x", `"x" of "fetchlimit" is not a number`},
		{"negative", "-t=-5", `"-5" of "timeout" is negative`},
		{"overflow", "-d 99999999999999999999", "is too large"},
		{"overflow of the timer", "-d 10000000000", `"10000000000" of "daemon" is too large`},
		{"overflow by the unit", "-l 9999999999999G", "is too large"},
		{"missing argument", "-f", "option -f needs an argument"},
		{"missing argument of a long one", "--folder", "option --folder needs an argument"},
		{"argument that is not taken", "--keep=no", "takes no argument"},
		{"bad log format", "--log-format xml", "none of: text, json"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := parseArgs(strings.Fields(tt.args), nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%q: %v, want %q", tt.args, err, tt.want)
			}
		})
	}
}

// TestOldAbbreviations checks that each prefix that was unambiguous among fetchmail's options still is.
func TestOldAbbreviations(t *testing.T) {
	t.Parallel()
	all := options()
	old := slices.DeleteFunc(options(), func(o option) bool { return o.own })
	for _, o := range old {
		for n := 1; n <= len(o.long); n++ {
			if found := candidates(old, o.long[:n]); len(found) == 1 && !slices.Contains(o.names(), found[0]) {
				continue
			} else if len(found) == 1 && unabbreviate(all, o.long[:n]) != found[0] {
				t.Errorf("--%s no longer means --%s", o.long[:n], found[0])
			}
		}
	}
}

func TestOptionsAreUnique(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, o := range options() {
		names := o.names()
		if o.short != "" {
			names = append(names, o.short)
		}
		for _, n := range names {
			if seen[n] {
				t.Errorf("option %s stands twice in the table", n)
			}
			seen[n] = true
		}
		if !slices.Contains(groups(), o.group) || o.help == "" || o.set == nil {
			t.Errorf("option --%s has no group, help or effect", o.long)
		}
	}
}

func FuzzParseArgs(f *testing.F) {
	for _, s := range []string{"-vvNd300", "--proto=IMAP a b", "-- -x", "--ss", "-l 5M --", "check-tls --json x", "--=x", "-", "-=", "---"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		args := strings.Split(s, " ")
		c, err := parseArgs(args, subcommands())
		if err != nil {
			return
		}
		for _, server := range c.servers {
			if !slices.Contains(args, server) {
				t.Errorf("%q is a server that no argument names", server)
			}
		}
	})
}
