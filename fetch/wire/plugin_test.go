package wire_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"fetchd/fetch/wire"
	"fetchd/tlsverify"
)

func TestPlugin(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, command string
		host          string
		say           string
		want          string
	}{
		{"arguments", "echo host %h port %p %% %hx", "mail.example.org",
			"", "host mail.example.org port 143 %% %hx"},
		{"addresses", "echo %h", "fe80::1%eth0", "", "fe80::1%eth0"},
		{"in quotes", `sh -c "echo %h %p "`, "mail.example.org", "", "mail.example.org 143"},
		{"a host that is not used", "echo x", "$(id)", "", "x"},
		{"both ways", "read a; echo got $a", "h", "hello", "got hello"},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			raw, err := wire.Dial(t.Context(), tt.host, 143, tt.command, time.Minute)
			if err != nil {
				t.Fatal(err)
			}

			c := wire.New(raw, wire.Options{Timeout: 10 * time.Second})
			if tt.say != "" {
				if err := c.WriteLine(tt.say, ""); err != nil {
					t.Error(err)
				}
			}

			line, err := c.ReadLine(0)
			got := strings.TrimSuffix(string(line), "\r")
			if err != nil || got != tt.want || c.RemoteIP() != "" {
				t.Errorf("%q from %q, %v", got, c.RemoteIP(), err)
			}
			if _, err := c.ReadLine(0); err == nil {
				t.Error("the plugin's end goes unnoticed")
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A host is put into a text that a shell reads, perhaps two, or is an argument that may be taken for an
// option.
func TestPluginRefusesHost(t *testing.T) {
	t.Parallel()
	for _, host := range []string{
		"$(id)", "`id`", "a;id", "a b", "a'b", `a"b`, "a\nid", "-oProxyCommand=id", "-x", "a|id", "",
		"a>b", "*", "a\\b", "bücher.example",
	} {
		_, err := wire.Dial(t.Context(), host, 143, "echo %h", time.Minute)
		if err == nil || !strings.Contains(err.Error(), "hint: name the server by its host name") {
			t.Errorf("host %q: %v", host, err)
		}
	}
}

// A plugin that fails is named with its exit status and its words, whatever was being done with the server.
func TestPluginFails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, command, want string }{
		{"no such command", "no-such-socat TCP %h %p",
			`plugin "no-such-socat TCP h 143": exit status 127; it said "`},
		{"no such command, hint", "no-such-socat", "hint: install the command, or write its full path"},
		{"its words", "echo connection refused >&2; exit 3",
			`exit status 3; it said "connection refused"; hint: try the command by hand`},
		{"nothing said", "exit 1", `plugin "exit 1": exit status 1; hint: try`},
		{"much said", "yes | head -c 1000000 >&2; kill -9 $$", "signal: killed; it said \"y\\ny"},
		{"an end without a failure", "exit 0", `plugin "exit 0": it ended, with exit status 0; hint: try`},
		{"an end without a failure, in words", "echo usage: x >&2",
			`exit status 0; it said "usage: x"; hint: try`},
		{"an end behind a greeting", "echo '* OK hello'", "the server ended the connection"},
		{"words behind a greeting", "echo '* OK hello'; echo gone >&2; exit 2", `it said "gone"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, handshake := range []bool{false, true} {
				c := dialPlugin(t, tt.command)
				var err error
				if handshake {
					err = c.StartTLS(t.Context(), pluginPolicy(t))
				} else {
					for err == nil {
						_, err = c.ReadLine(0)
					}
				}

				if err == nil || !handshake && !strings.Contains(err.Error(), tt.want) {
					t.Errorf("%v, want %q", err, tt.want)
				}
				fails := !strings.Contains(tt.want, "EOF") && !strings.Contains(tt.command, "hello")
				if handshake && fails && !strings.HasPrefix(err.Error(), "plugin ") {
					t.Errorf("handshake: %v", err)
				}
				if len(err.Error()) > 1500 {
					t.Errorf("%d bytes", len(err.Error()))
				}
				_ = c.Close()
			}
		})
	}
}

func dialPlugin(t *testing.T, command string) *wire.Conn {
	t.Helper()
	raw, err := wire.Dial(t.Context(), "h", 143, command, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return wire.New(raw, wire.Options{Timeout: 10 * time.Second})
}

func pluginPolicy(t *testing.T) *tlsverify.Policy {
	t.Helper()
	policy, err := tlsverify.New(tlsverify.Options{Host: "h"})
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

// What a plugin leaves in the background keeps its standard error open, and nobody waiting.
func TestPluginLeavesBackground(t *testing.T) {
	t.Parallel()
	c := dialPlugin(t, "sleep 30 >/dev/null </dev/null & echo ready")
	if line, err := c.ReadLine(0); string(line) != "ready" {
		t.Fatalf("%q, %v", line, err)
	}
	start := time.Now()
	if _, err := c.ReadLine(0); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v", err)
	}
	if err := c.Close(); err != nil || time.Since(start) > 30*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}

func TestPluginIsKilled(t *testing.T) {
	t.Parallel()
	raw, err := wire.Dial(t.Context(), "h", 143,
		"trap '' HUP TERM; echo ready; exec sleep 600 >/dev/null", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	c := wire.New(raw, wire.Options{Timeout: 10 * time.Second})
	if line, err := c.ReadLine(0); string(line) != "ready" {
		t.Fatalf("%q, %v", line, err)
	}
	start := time.Now()
	_ = c.Close()
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("Close took %v", d)
	}
}
