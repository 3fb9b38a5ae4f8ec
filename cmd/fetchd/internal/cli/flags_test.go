package cli

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
		check func(*CommandLine) bool
	}{
		{"bundle with an argument", "-vvNd300", func(c *CommandLine) bool {
			return c.Verbose == 2 && c.Nodetach && c.Said.Globals.Daemon.Value == 300
		}},
		{"short with its argument", "-pPOP3",
			func(c *CommandLine) bool { return c.Said.Poll.Protocol.Value == "pop3" }},
		{"short, argument apart", "-p imap",
			func(c *CommandLine) bool { return c.Said.Poll.Protocol.Value == "imap" }},
		{"short with =", "-u=ann -ku==bob",
			func(c *CommandLine) bool { return c.Said.User.Remote.Value == "==bob" }},
		{"short with = behind a server", "a.example -u=ann",
			func(c *CommandLine) bool { return c.Said.User.Remote.Value == "=ann" }},
		{"short with = alone", "-u=ann",
			func(c *CommandLine) bool { return c.Said.User.Remote.Value == "=ann" }},
		{"a value like a short with =", "--user -u=x -f -u=y", func(c *CommandLine) bool {
			return c.Said.User.Remote.Value == "-u=x" && c.Rcfile.Value == "-u=y"
		}},
		{"an abbreviated option's value", "--usern -u=x",
			func(c *CommandLine) bool { return c.Said.User.Remote.Value == "-u=x" }},
		{"servers like options", "-u a -- -u=x", func(c *CommandLine) bool { return c.Servers[0] == "-u=x" }},
		{"long with =", "--proto=IMAP",
			func(c *CommandLine) bool { return c.Said.Poll.Protocol.Value == "imap" }},
		{"long, argument apart", "--daemon 60",
			func(c *CommandLine) bool { return c.Said.Globals.Daemon.Value == 60 }},
		{"duration", "--daemon 5m", func(c *CommandLine) bool { return c.Said.Globals.Daemon.Value == 300 }},
		{"duration of several units", "--daemon 1h30m",
			func(c *CommandLine) bool { return c.Said.Globals.Daemon.Value == 5400 }},
		{"size in capitals", "-l 10K", func(c *CommandLine) bool { return c.Said.User.Limit.Value == 10240 }},
		{"size", "-l 10k", func(c *CommandLine) bool { return c.Said.User.Limit.Value == 10240 }},
		{"prefix", "--verb --nodet", func(c *CommandLine) bool { return c.Verbose == 1 && c.Nodetach }},
		{"exact name wins over longer ones", "--ssl",
			func(c *CommandLine) bool { return c.Said.User.SSL.Value && !c.Said.User.SSLCertCk.Set }},
		{"a prefix of two names of one option", "--user ann",
			func(c *CommandLine) bool { return c.Said.User.Remote.Value == "ann" }},
		{"an abbreviation of fetchmail's", "--sslp tls1.3",
			func(c *CommandLine) bool { return c.Said.User.SSLProto.Value == "tls1.3" }},
		{"interspersed servers", "a.example -k b.example", func(c *CommandLine) bool {
			return slices.Equal(c.Servers, []string{"a.example", "b.example"}) && c.Said.User.Keep.Value
		}},
		{"-- ends the options", "-k -- --keep",
			func(c *CommandLine) bool { return slices.Equal(c.Servers, []string{"--keep"}) }},
		{"no is said", "--nokeep", func(c *CommandLine) bool {
			return c.Said.User.Keep.Set && !c.Said.User.Keep.Value
		}},
		{"lists add up", "-r a,b -r c", func(c *CommandLine) bool {
			return slices.Equal(c.Said.User.Folders, []string{"a", "b", "c"})
		}},
		{"daemon 0", "-d0", func(c *CommandLine) bool {
			return c.Said.Globals.Daemon.Set && c.Said.Globals.Daemon.Value == 0
		}},
		{"alias of a value", "--auth ssh",
			func(c *CommandLine) bool { return c.Said.Poll.Auth.Value == "implicit" }},
		{"quit last", "-d0 -q", func(c *CommandLine) bool { return c.Quit && c.QuitLast }},
		{"quit the one of that file", "-q -f rc --pidfile p -v",
			func(c *CommandLine) bool { return c.Quit && c.QuitLast }},
		{"quit and poll a server of that file", "-q -f rc host -v",
			func(c *CommandLine) bool { return c.Quit && !c.QuitLast }},
		{"quit behind a server", "host -q", func(c *CommandLine) bool { return c.Quit && c.QuitLast }},
		{"quit and go on", "-q -d 300", func(c *CommandLine) bool { return c.Quit && !c.QuitLast }},
		{"quit and poll a server", "-q host", func(c *CommandLine) bool { return c.Quit && !c.QuitLast }},
		{"a dash is standard input", "-f -", func(c *CommandLine) bool { return c.Rcfile.Value == "-" }},
		{"warning", "--principal x", func(c *CommandLine) bool { return len(c.Warnings) == 1 }},
		{"warning of a value", "--sslproto tls1.1",
			func(c *CommandLine) bool { return len(c.Warnings) == 1 }},
		{"clear text", "--sslproto=", func(c *CommandLine) bool {
			return c.Said.User.SSLProto.Set && c.Said.User.SSLProto.Value == ""
		}},
		{"subcommand", "completion bash", func(c *CommandLine) bool {
			return c.Command != nil && c.Command.Name == "completion" &&
				slices.Equal(c.Servers, []string{"bash"})
		}},
		{"subcommand behind an option", "-v completion bash",
			func(c *CommandLine) bool { return c.Command != nil && c.Verbose == 1 }},
		{"a server called as a subcommand", "-- completion",
			func(c *CommandLine) bool { return c.Command == nil && len(c.Servers) == 1 }},
		{"a subcommand's name later on", "host completion",
			func(c *CommandLine) bool { return c.Command == nil && len(c.Servers) == 2 }},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := Parse(strings.Fields(tt.args), testSubcommands())
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
		{"nearly known", "--keeep", `unknown option --keeep; hint: did you mean "--keep"?`},
		{"unknown short", "-T", "unknown option -T"},
		{"unknown in a bundle", "-vy", "unknown option -y"},
		{"ambiguous", "--ss", "ambiguous"},
		{"bad protocol", "-p foo", `unknown protocol "foo"; hint: one of auto, imap`},
		{"gone protocol", "-p etrn", "let the MTA do it"},
		{"gone login", "--auth ntlm", "not supported"},
		{"old TLS", "--sslproto ssl3", "not supported"},
		{"no number", "-B x", `"x" of "fetchlimit" is not a number`},
		{"negative", "-t-5", `"-5" of "timeout" is negative`},
		{"overflow", "-d 99999999999999999999", "is too large"},
		{"overflow of the timer", "-d 10000000000", `"10000000000" of "daemon" is too large`},
		{"overflow by the unit", "-l 9999999999999G", "is too large"},
		{"missing argument", "-f", "option -f needs an argument"},
		{"missing argument of a long one", "--folder", "option --folder needs an argument"},
		{"missing argument of an abbreviated one", "--bad", "option --bad-header needs an argument"},
		{"argument that is not taken", "--keep=no", "takes no argument"},
		{"bad log format", "--log-format xml", "none of: text, json"},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(strings.Fields(tt.args), nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%q: %v, want %q", tt.args, err, tt.want)
			}
		})
	}
}

// TestOldAbbreviations checks that each prefix that was unambiguous among fetchmail's options still is.
func TestOldAbbreviations(t *testing.T) {
	t.Parallel()
	all := Options()
	old := slices.DeleteFunc(Options(), func(o Option) bool { return o.own })
	for _, o := range old {
		for n := 1; n <= len(o.Long); n++ {
			found := candidates(old, o.Long[:n])
			if len(found) == 1 && !slices.Contains(o.Names(), found[0]) {
				continue
			} else if len(found) == 1 && unabbreviate(all, o.Long[:n]) != found[0] {
				t.Errorf("--%s no longer means --%s", o.Long[:n], found[0])
			}
		}
	}
}

func TestOptionsAreUnique(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, o := range Options() {
		names := o.Names()
		if o.Short != "" {
			names = append(names, o.Short)
		}
		for _, n := range names {
			if seen[n] {
				t.Errorf("option %s stands twice in the table", n)
			}
			seen[n] = true
		}
		if !slices.Contains(groups(), o.group) || o.Help == "" || o.set == nil {
			t.Errorf("option --%s has no group, help or effect", o.Long)
		}
	}
}

func FuzzParseArgs(f *testing.F) {
	for _, s := range []string{
		"-vvNd300", "--proto=IMAP a b", "-- -x", "--ss", "-l 5M --", "check-tls --json x", "--=x", "-",
		"-=", "---",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		args := strings.Split(s, " ")
		c, err := Parse(args, testSubcommands())
		if err != nil {
			return
		}
		for _, server := range c.Servers {
			if !slices.Contains(args, server) {
				t.Errorf("%q is a server that no argument names", server)
			}
		}
	})
}

// testSubcommands stand for the program's.
func testSubcommands() []Subcommand {
	return []Subcommand{
		{Name: "check-tls", Options: []Option{{Long: "json", Help: "as JSON"}}},
		{Name: "completion", Args: "bash|zsh|fish", Summary: "Prints a completion script."},
	}
}
