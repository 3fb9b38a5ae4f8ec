package wire_test

import (
	"strings"
	"testing"
	"time"

	"fetchd/fetch/wire"
)

func TestPlugin(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, command string
		host          string
		say           string
		want          string
	}{
		{"arguments", "echo host %h port %p %% %hx", "mail.example.org", "", "host mail.example.org port 143 %% %hx"},
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
			if got := strings.TrimSuffix(string(line), "\r"); err != nil || got != tt.want || c.RemoteIP() != "" {
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

// A host is put into a text that a shell reads, perhaps two, or is an argument that may be taken for an option.
func TestPluginRefusesHost(t *testing.T) {
	t.Parallel()
	for _, host := range []string{
		"$(id)", "`id`", "a;id", "a b", "a'b", `a"b`, "a\nid", "-oProxyCommand=id", "-x", "a|id", "", "a>b", "*", "a\\b", "bücher.example",
	} {
		_, err := wire.Dial(t.Context(), host, 143, "echo %h", time.Minute)
		if err == nil || !strings.Contains(err.Error(), "hint: name the server by its host name") {
			t.Errorf("host %q: %v", host, err)
		}
	}
}

func TestPluginIsKilled(t *testing.T) {
	t.Parallel()
	raw, err := wire.Dial(t.Context(), "h", 143, "trap '' HUP TERM; echo ready; exec sleep 600 >/dev/null", time.Minute)
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
