package main

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"fetchd/fetch"
	"fetchd/rcfile"
	"fetchd/tlsverify"
)

// targetOptions are those of check-tls and pin that say how a server is reached.
func targetOptions() []option {
	return []option{
		{long: "starttls", help: "begin in clear text and use STARTTLS"},
		{long: "tls", help: "TLS from the first byte; without either the port decides"},
		{long: "proto", arg: "NAME", values: "imap pop3 smtp submission lmtp sieve", help: "imap, pop3, smtp, submission, lmtp or sieve; if not said the port decides"},
	}
}

// knownPort is what runs on a port that is registered for mail.
type knownPort struct {
	proto   string
	wrapped bool
}

func knownPorts() map[int]knownPort {
	return map[int]knownPort{
		143: {"imap", false}, 993: {"imap", true}, 110: {"pop3", false}, 995: {"pop3", true},
		25: {"smtp", false}, 587: {"submission", false}, 465: {"submission", true}, 24: {"lmtp", false}, 4190: {"sieve", false},
	}
}

// target reads HOST[:PORT] and the options about it. With neither, IMAP with TLS from the first byte is meant.
func target(c *commandLine, text string) (tlsverify.CheckOptions, error) {
	o := tlsverify.CheckOptions{Host: strings.Trim(text, "[]"), Proto: "imap", Wrapped: true}
	if h, p, err := net.SplitHostPort(text); err == nil {
		n, err := strconv.Atoi(p)
		if err != nil || n < 1 || n > 65535 {
			return o, fmt.Errorf("%q is not a port", p)
		}
		o.Host, o.Port = h, n
		if known, ok := knownPorts()[n]; ok {
			o.Proto, o.Wrapped = known.proto, known.wrapped
		}
	}
	if o.Host == "" {
		return o, fmt.Errorf("%q names no host", text)
	}
	switch proto := c.own["proto"]; {
	case proto == "smtp" || proto == "lmtp" || proto == "sieve": // never wrapped by default
		o.Proto, o.Wrapped = proto, o.Wrapped && o.Port != 0 && knownPorts()[o.Port].wrapped
	case proto != "":
		o.Proto = proto
	}
	switch {
	case c.has("starttls") && c.has("tls"):
		return o, fmt.Errorf("--starttls and --tls contradict each other")
	case c.has("starttls"):
		o.Wrapped = false
	case c.has("tls"):
		o.Wrapped = true
	}
	return o, nil
}

// targets are what the arguments name, or else every server of the rc file, once.
func (p *program) targets(c *commandLine) ([]tlsverify.CheckOptions, error) {
	at, w, err := p.targetWiring(c)
	if err != nil {
		return nil, err
	}
	var all []tlsverify.CheckOptions
	for _, text := range c.servers {
		if entry := p.entryTargets(c, at, w, text); len(entry) > 0 {
			all = append(all, entry...)
			continue
		}
		o, err := w.target(c, text)
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
	return w.rcTargets(cfg, nil)
}

// targetWiring reads accounts for those who only look at servers.
func (p *program) targetWiring(c *commandLine) (*places, *wiring, error) {
	at, err := p.places()
	if err != nil {
		return nil, nil, err
	}
	log, err := openLog(logTarget{name: p.name, out: p.stderr, err: p.stderr})
	if err != nil {
		return nil, nil, err
	}
	return at, &p.newService(c, at, log).memory, nil
}

// target is target with what the options say must be trusted.
func (w *wiring) target(c *commandLine, text string) (tlsverify.CheckOptions, error) {
	o, err := target(c, text)
	if err == nil {
		o.Policy, err = w.trustOptions(&fetch.Account{Host: o.Host, Protocol: retrieval(o.Proto)}, &c.user)
	}
	return o, err
}

// entryTargets are the servers of the rc file's entry of that name. There are none if the options say how the host is
// reached; and who names a host needs no rc file, so mistakes there don't matter.
func (p *program) entryTargets(c *commandLine, at *places, w *wiring, name string) []tlsverify.CheckOptions {
	if saysHow(c) {
		return nil
	}
	cfg, err := p.rcConfiguration(c, at)
	if err != nil || len(selected(cfg, []string{name})) == 0 {
		return nil
	}
	targets, err := w.rcTargets(cfg, []string{name})
	if err != nil {
		return nil
	}
	return targets
}

// rcConfiguration is configuration without entries for what the arguments name.
func (p *program) rcConfiguration(c *commandLine, at *places) (*rcfile.Config, error) {
	alone := *c
	alone.servers = nil
	return p.configuration(&alone, at)
}

// saysHow tells whether the options say how the server is reached.
func saysHow(c *commandLine) bool { return c.has("starttls") || c.has("tls") || c.has("proto") }

// retrieval is the protocol that an account would speak; the others have no name in the TLS handshake.
func retrieval(proto string) fetch.Protocol {
	switch proto {
	case "imap":
		return fetch.IMAP
	case "pop3":
		return fetch.POP3
	}
	return fetch.Auto
}

// failTargets reports an error of targets.
func (p *program) failTargets(c *commandLine, err error) status {
	if len(c.servers) > 0 {
		return p.usage(err)
	}
	return p.failConfig(err)
}

// rcTargets are the servers of the named polls, or of all active ones. Those in clear text are left out.
func (w *wiring) rcTargets(cfg *rcfile.Config, names []string) ([]tlsverify.CheckOptions, error) {
	var all []tlsverify.CheckOptions
	seen := map[string]bool{}
	for _, poll := range selected(cfg, names) {
		for i := range poll.Users {
			u := &poll.Users[i]
			o, err := w.rcTarget(poll, u)
			if err != nil {
				return nil, err
			}
			if id := sameCheck(o); o.Host != "" && !seen[id] {
				seen[id] = true
				all = append(all, o)
			}
		}
	}
	return all, nil
}

// sameCheck is equal for targets that are checked in the same way.
func sameCheck(o tlsverify.CheckOptions) string {
	o.Policy.KeyPass, o.Policy.SessionCache = nil, nil // no part of what is checked
	return fmt.Sprint(o)
}

// rcTarget is how the account's server is checked; its Host is "" if it can't be.
func (w *wiring) rcTarget(poll *rcfile.Poll, u *rcfile.User) (o tlsverify.CheckOptions, err error) {
	a := &fetch.Account{Name: w.name(poll, u), Poll: poll.Name, Host: host(poll), User: w.login(u)}
	w.setProtocol(a, poll)
	if a.TLS, err = tlsMode(u); err != nil {
		return o, err
	}
	if a.TLS == fetch.ClearText || poll.Plugin.Set {
		w.log.Warn("not checked: there is no TLS, or a plugin connects", "account", a.Name)
		return o, nil
	}
	if o, err = reached(poll, u); err != nil {
		return o, err
	}
	o.Policy, err = w.trustOptions(a, u)
	return o, err
}

// reached is how the account's server is reached; a protocol that is tried out counts as IMAP.
func reached(poll *rcfile.Poll, u *rcfile.User) (tlsverify.CheckOptions, error) {
	mode, err := tlsMode(u)
	o := tlsverify.CheckOptions{Host: host(poll), Proto: "imap", Wrapped: mode == fetch.Wrapped}
	if word := poll.Protocol.Or("auto"); word != "imap" && word != "auto" {
		o.Proto = "pop3"
	}
	if err == nil {
		o.Port, err = port(poll)
	}
	return o, err
}

// portOf is the port that is meant where none is named.
func portOf(o tlsverify.CheckOptions) int {
	if o.Port != 0 {
		return o.Port
	}
	for n, known := range knownPorts() {
		if known.proto == o.Proto && known.wrapped == o.Wrapped {
			return n
		}
	}
	return 0
}
