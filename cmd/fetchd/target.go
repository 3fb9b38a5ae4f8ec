package main

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"fetchd/cmd/fetchd/internal/account"
	"fetchd/cmd/fetchd/internal/cli"
	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/fetch"
	"fetchd/rcfile"
	"fetchd/tlsverify"
	"fetchd/tlsverify/check"
)

// targetOptions are the options of check-tls and pin that say how to reach a server.
func targetOptions() []cli.Option {
	return []cli.Option{
		{Long: "starttls", Help: "begin in clear text and use STARTTLS"},
		{Long: "tls", Help: "TLS from the first byte; without either the port decides"},
		{Long: "proto", Arg: "NAME", Values: "imap pop3 smtp submission lmtp sieve",
			Help: "imap, pop3, smtp, submission, lmtp or sieve; by default the port decides"},
	}
}

// parseTarget reads HOST[:PORT] and the options about it. Without a port or options it means IMAP with TLS
// from the first byte.
func parseTarget(c *cli.CommandLine, text string) (check.Options, error) {
	o := check.Options{Host: strings.Trim(text, "[]"), Proto: "imap", Wrapped: true}
	if h, p, err := net.SplitHostPort(text); err == nil {
		n, err := strconv.Atoi(p)
		if err != nil || n < 1 || n > 65535 {
			return o, fmt.Errorf("%q is not a port", p)
		}
		o.Host, o.Port = h, n
		if known, wrapped := tlsverify.ProtocolAt(n); known != "" {
			o.Proto, o.Wrapped = known, wrapped
		}
	}
	if o.Host == "" {
		return o, fmt.Errorf("%q names no host", text)
	}

	switch proto := c.Own["proto"]; {
	case proto == "smtp" || proto == "lmtp" || proto == "sieve": // never wrapped by default
		_, wrapped := tlsverify.ProtocolAt(o.Port)
		o.Proto, o.Wrapped = proto, wrapped
	case proto != "":
		o.Proto = proto
	}

	switch {
	case c.Has("starttls") && c.Has("tls"):
		return o, fmt.Errorf("--starttls and --tls contradict each other")
	case c.Has("starttls"):
		o.Wrapped = false
	case c.Has("tls"):
		o.Wrapped = true
	}

	return o, nil
}

// targets are the servers that the arguments name, or else every server of the rc file, each once.
func (p *program) targets(c *cli.CommandLine) ([]check.Options, error) {
	at, s, err := p.targetService(c)
	if err != nil {
		return nil, err
	}

	var all []check.Options
	for _, text := range c.Servers {
		// The rc file first: its entry has the pins and the authorities by which a run would judge the
		// server.
		if entry := s.entryTargets(text); len(entry) > 0 {
			all = append(all, entry...)
			continue
		}
		o, err := s.target(text)
		if err != nil {
			return nil, err
		}
		all = append(all, o)
	}

	if len(all) > 0 {
		return all, nil
	}

	cfg, err := p.configuration(c, at)
	if err != nil {
		return nil, err
	}

	return s.rcTargets(cfg, nil)
}

// targetService is a service for subcommands that connect to servers but retrieve nothing.
func (p *program) targetService(c *cli.CommandLine) (*places, *service, error) {
	at, err := p.places()
	if err != nil {
		return nil, nil, err
	}
	log, err := logging.Open(logging.Target{Name: p.name, Out: p.stderr, Err: p.stderr})
	if err != nil {
		return nil, nil, err
	}
	return at, p.newService(c, at, log, false), nil
}

// target is parseTarget plus the policy that the options ask for.
func (s *service) target(text string) (check.Options, error) {
	o, err := parseTarget(s.c, text)
	if err == nil {
		a := &fetch.Account{Server: fetch.Server{Host: o.Host, Protocol: account.RetrievalProtocol(o.Proto)}}
		o.Policy, err = s.resolver.TrustOptions(a, &s.c.Said.User)
	}
	return o, err
}

// entryTargets are the servers of the rc file's entry with that name. There are none if the options say how
// to reach the host. Naming a host needs no rc file, so mistakes in the file don't matter.
func (s *service) entryTargets(name string) []check.Options {
	if namesTransport(s.c) {
		return nil
	}

	cfg, err := s.p.rcConfiguration(s.c, s.at)
	if err != nil || len(account.Selected(cfg, []string{name})) == 0 {
		return nil
	}

	targets, err := s.rcTargets(cfg, []string{name})
	if err != nil {
		return nil
	}
	return targets
}

// rcConfiguration is configuration without entries for the arguments.
func (p *program) rcConfiguration(c *cli.CommandLine, at *places) (*rcfile.Config, error) {
	alone := *c
	alone.Servers = nil
	return p.configuration(&alone, at)
}

// namesTransport tells whether the options say how to reach the server.
func namesTransport(c *cli.CommandLine) bool {
	return c.Has("starttls") || c.Has("tls") || c.Has("proto")
}

// failTargets reports an error of targets.
func (p *program) failTargets(c *cli.CommandLine, err error) exit.Status {
	if len(c.Servers) > 0 {
		return p.usage(err)
	}
	return p.failConfig(err)
}

// rcTargets are the servers of the named polls, or of all active ones. It leaves out servers in clear text
// and entries with a mistake; a mistake is an error only if nothing else is left.
func (s *service) rcTargets(cfg *rcfile.Config, names []string) ([]check.Options, error) {
	var all []check.Options
	var mistakes []error
	seen := map[string]bool{}
	for _, poll := range account.Selected(cfg, names) {
		for i := range poll.Users {
			u := &poll.Users[i]
			o, ok, err := s.resolver.Target(poll, u)
			switch id := checkIdentity(o); {
			case err != nil:
				mistakes = append(mistakes, err)
			case !ok:
				s.log.Warn("not checked: there is no TLS, or a plugin connects", "account",
					s.resolver.Name(poll, u))
			// Several users of one server are one check.
			case !seen[id]:
				seen[id] = true
				all = append(all, o)
			}
		}
	}

	if len(all) == 0 {
		return nil, errors.Join(mistakes...)
	}

	for _, err := range mistakes {
		s.log.Error("not checked", "err", err)
	}

	return all, nil
}

// checkIdentity returns the same text for targets that would be checked in the same way.
func checkIdentity(o check.Options) string {
	o.Policy.KeyPass, o.Policy.SessionCache = nil, nil // no part of what is checked
	return fmt.Sprint(o)
}
