package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/cmd/fetchd/internal/setup"
	"fetchd/cmd/fetchd/internal/web"
	"fetchd/rcfile"
	"fetchd/tlsverify/check"
	"fetchd/tlsverify/hints"
)

// setupTimeout is for each connection to a server that may not exist.
const setupTimeout = 8 * time.Second

// find looks for servers in one place after the other, shows what is there, and returns the first one that
// proves who it is and that the user agrees to.
func (w *wizard) find(ctx context.Context) (setup.Offer, error) {
	client := web.NewClient(web.Options{CAFile: w.c.Said.User.SSLCertFile.Value, Keyword: "sslcertfile"})
	if w.p.sites != nil {
		client.Transport = w.p.sites
	}
	finder := &setup.Finder{DNS: w.p.dns, HTTP: client}

	sources := finder.Sources(w.address)
	if w.named != nil {
		sources = []setup.Source{setup.Named(w.address, w.named.Host, w.named.Port)}
	}
	for _, source := range sources {
		w.show("Looking at %s", source.Name)
		offers, err := w.look(ctx, source)
		// Ctrl-C ends the search; any other failure is one source less.
		if errors.Is(err, context.Canceled) {
			return setup.Offer{}, err
		}
		if err != nil {
			w.show("  nothing: %s", logging.OneLine(hints.Lines(err)[0].Problem))
		}
		if o, found, err := w.choose(ctx, offers); found || err != nil {
			return o, err
		}
	}

	if w.named != nil {
		return setup.Offer{}, hints.Errorf(
			fmt.Sprintf("%s check-tls %s says more of it; if the operator confirms the key that "+
				"%[1]s pin %[2]s shows, add to this command: --nosslcertck --sslpin sha256//…",
				w.p.name, w.c.Servers[1]),
			"%s can't be used: it was not reached, does not prove who it is, or you did not agree",
			w.named.Host)
	}
	return setup.Offer{}, hints.Errorf(
		fmt.Sprintf("ask the provider for its name, then: %s setup %s SERVER", w.p.name, w.address),
		"no mail server of %s was found that proves who it is and that you agreed to", w.address.Domain)
}

// choose returns the first of the servers that proves who it is and that the user agrees to.
func (w *wizard) choose(ctx context.Context, offers []setup.Offer) (o setup.Offer, found bool, err error) {
	wanted := w.c.Said.Poll.Protocol.Or("auto")
	wrapped := map[string]bool{} // where there is TLS from the first byte, STARTTLS would wait for nothing
	for _, o := range offers {
		place := net.JoinHostPort(o.Host, strconv.Itoa(o.Port))
		if wanted != "auto" && wanted != o.Proto || !o.Wrapped && wrapped[place] {
			continue
		}

		spoke, err := w.verify(ctx, o)
		wrapped[place] = wrapped[place] || spoke && o.Wrapped
		if errors.Is(err, context.Canceled) {
			return o, false, err
		}
		if err != nil {
			w.show("  %s: %v", o, err)
			continue
		}

		w.show("  %s: it proves who it is", o)
		if agreed, err := w.agreesTo(o); agreed || err != nil {
			return o, agreed, err
		}
	}
	return o, false, nil
}

func (w *wizard) show(format string, args ...any) {
	fmt.Fprintln(w.p.stdout, logging.Escape(fmt.Sprintf(format, args...)))
}

// look is Look, which a signal ends. Questions are asked outside of it: there a signal ends the program.
func (w *wizard) look(ctx context.Context, source setup.Source) ([]setup.Offer, error) {
	ctx, stop := interrupted(ctx)
	defer stop()
	offers, err := source.Look(ctx)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return offers, err
}

// verify returns the reason why the account would not be sent to the server, by the same check as check-tls,
// and whether the server has shown a certificate.
func (w *wizard) verify(ctx context.Context, o setup.Offer) (spoke bool, reason error) {
	said := w.c.Said
	if err := describe(&said, o); err != nil {
		return false, err
	}
	poll := said.Poll
	poll.Name = o.Host
	target, ok, err := w.service.resolver.Target(&poll, &said.User)
	if err != nil || !ok {
		return false, errors.Join(err, errors.New("the options ask for no TLS"))
	}

	target.Timeout = setupTimeout
	ctx, stop := interrupted(ctx)
	defer stop()
	report, err := check.Server(ctx, target)
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case err != nil:
		return false, errors.New(logging.OneLine(hints.Lines(err)[0].Problem))
	case report.Refusal != nil:
		return true, errors.New(logging.OneLine(report.Refusal.Error()))
	case len(report.Pins) > 0:
		return true, nil
	}

	for _, item := range report.Items {
		if item.Level == check.Fail {
			return false, errors.New(logging.OneLine(item.Text))
		}
	}
	return false, errors.New("it does not prove who it is")
}

// agreesTo asks whether the server is the right one.
func (w *wizard) agreesTo(o setup.Offer) (bool, error) {
	if !o.Unproven {
		return w.agrees("Use "+o.String()+"?", true)
	}
	w.show("WARNING: the DNS of %s names a server outside of it, and nobody has signed that. Whoever can "+
		"change what DNS says on the way to you could name a server of his own, which would get your "+
		"password. Say yes only if you know that %s is your provider's.", w.address.Domain, o.Host)
	return w.agrees("Use "+o.String()+"?", false)
}

// askPassword asks for the password, unless the options say where it comes from, or makes the entry one of
// OAuth where that is the only way.
func (w *wizard) askPassword(said *rcfile.Said, o setup.Offer) error {
	u := &said.User
	if u.PasswordEval.Set || u.PasswordFile.Set || u.PasswordFD.Set {
		return nil
	}

	provider := setup.Provider(o.Host)
	question := "Password"
	switch {
	case o.OAuth || provider == "microsoft":
		w.show("%s lets nobody in with a password: it wants OAuth.", o.Host)
		return w.askOAuth(u, provider)
	case provider != "":
		question = "App password (empty: do without, by OAuth)"
	}

	password, err := w.secret(question + " for " + u.Remote.Value)
	switch {
	case err != nil:
		return err
	case password == "" && provider != "":
		return w.askOAuth(u, provider)
	case password == "":
		return hints.Errorf("--passwordeval and --passwordfile name other sources", "no password was given")
	}
	_, err = said.Set("password", "password", password)
	return err
}
