package main

import (
	"strings"
	"testing"

	"fetchd/cmd/fetchd/internal/cli"
)

func TestTarget(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text, options string
		host                string
		port                int
		proto               string
		wrapped             bool
		fails               bool
	}{
		{"host alone", "mail.example", "", "mail.example", 0, "imap", true, false},
		{"STARTTLS", "mail.example", "starttls", "mail.example", 0, "imap", false, false},
		{"port 143", "mail.example:143", "", "mail.example", 143, "imap", false, false},
		{"port 995", "mail.example:995", "", "mail.example", 995, "pop3", true, false},
		{"port 25", "mail.example:25", "", "mail.example", 25, "smtp", false, false},
		{"port 465", "mail.example:465", "", "mail.example", 465, "submission", true, false},
		{"pop3", "mail.example", "proto=pop3", "mail.example", 0, "pop3", true, false},
		{"smtp", "mail.example", "proto=smtp", "mail.example", 0, "smtp", false, false},
		{"sieve", "mail.example", "proto=sieve", "mail.example", 0, "sieve", false, false},
		{"other port", "mail.example:8993", "", "mail.example", 8993, "imap", true, false},
		{"address", "[2001:db8::1]:993", "", "2001:db8::1", 993, "imap", true, false},
		{"bare address", "2001:db8::1", "", "2001:db8::1", 0, "imap", true, false},
		{"bad port", "mail.example:x", "", "", 0, "", false, true},
		{"port 0", "mail.example:0", "", "", 0, "", false, true},
		{"no host", ":993", "", "", 0, "", false, true},
		{"both ways", "mail.example", "tls starttls", "", 0, "", false, true},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := &cli.CommandLine{Own: map[string]string{}}
			for _, o := range strings.Fields(tt.options) {
				name, value, _ := strings.Cut(o, "=")
				c.Own[name] = value
			}

			o, err := parseTarget(c, tt.text)
			if (err != nil) != tt.fails {
				t.Fatal(err)
			}
			if err == nil && (o.Host != tt.host || o.Port != tt.port ||
				o.Proto != tt.proto || o.Wrapped != tt.wrapped) {
				t.Errorf("%+v", o)
			}
		})
	}
}
