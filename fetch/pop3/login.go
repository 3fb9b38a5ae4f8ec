package pop3

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/sasl"
	"fetchd/fetch/wire"
)

// defaultTimeout is for accounts that name none.
const defaultTimeout = 5 * time.Minute

func (s *session) timeout() time.Duration {
	if s.a.Timeout > 0 {
		return s.a.Timeout
	}
	return defaultTimeout
}

// logIn takes the connection from its first byte into the TRANSACTION state. It is bounded as a whole, so that a server
// that says one byte a minute can't stretch it.
func (s *session) logIn(ctx context.Context) error {
	whole := 3 * s.timeout()
	ctx, cancel := context.WithTimeoutCause(ctx, whole, fmt.Errorf("not logged in after %v", whole))
	defer cancel()
	defer s.c.Bind(ctx)()
	greeting, err := s.greet(ctx)
	if err != nil {
		return err
	}
	if s.a.Log != nil {
		s.a.Log.Debug(fetch.EventConnected, "account", s.a.Name, "host", s.host, "tls", s.c.TLS())
	}
	if s.caps, err = askCapabilities(s.c); err != nil {
		return err
	}
	return s.authenticate(ctx, greeting)
}

// greet gets to where the peer is verified and returns the greeting's text. STLS is sent whether it is offered or not:
// what the server lists in clear text proves nothing, and no answer but +OK leads on.
func (s *session) greet(ctx context.Context) (string, error) {
	if s.a.TLS == fetch.Wrapped {
		if err := s.startTLS(ctx); err != nil {
			return "", err
		}
	}
	text, err := readReply(s.c, "greeting")
	if err != nil {
		return "", s.greetingError(err)
	}
	greeting := string(text)
	if s.a.TLS != fetch.StartTLS {
		return greeting, nil
	}
	if err := s.c.WriteLine("STLS", ""); err != nil {
		return "", network("STLS", err)
	}
	if _, err := readReply(s.c, "STLS"); err != nil {
		var refused *ReplyError
		if errors.As(err, &refused) {
			return "", fetch.Fail(fetch.KindTLS, fmt.Errorf("%w; nothing was sent in clear text;"+
				" hint: if the server has TLS on port %d, write \"ssl\"", err, portWrapped))
		}
		return "", err
	}
	// The timestamp of a greeting in clear text may be anybody's, so APOP must not use it.
	return "", s.startTLS(ctx)
}

// greetingError adds what the user may have got wrong to the error of a greeting.
func (s *session) greetingError(err error) error {
	switch {
	case wire.IsTimeout(err) && !s.c.TLS():
		return fmt.Errorf("%w; hint: a server that says nothing may wait for TLS: try \"ssl\"", err)
	case errors.Is(err, errOutOfStep):
		return fmt.Errorf("%w; hint: is this the POP3 port? for an IMAP server write \"proto imap\"", err)
	}
	return classify(err, fetch.KindServer)
}

func (s *session) startTLS(ctx context.Context) error {
	err := s.c.StartTLS(ctx, s.a.Policy)
	s.a.SawCertificate(s.c.Verdict())
	if err == nil {
		return nil
	}
	if wire.IsTimeout(err) || ctx.Err() != nil {
		return network("TLS", err)
	}
	if v := s.c.Verdict(); v != nil && v.Resumed { // by what the server showed at an earlier handshake; it is forgotten now
		err = fetch.Again(err)
	}
	return fetch.Fail(fetch.KindTLS, err)
}

// authenticate tries what the account and the server allow, best first.
func (s *session) authenticate(ctx context.Context, greeting string) error {
	if !s.c.TLS() && s.a.TLS != fetch.ClearText {
		return fetch.Fail(fetch.KindTLS, errors.New("the connection is not encrypted"))
	}
	if s.a.Auth == "apop" {
		return s.apop(ctx, greeting)
	}
	cred, err := s.credentials(ctx)
	if err != nil {
		return err
	}
	mechanisms, err := sasl.Choose(s.a.Auth, s.caps["SASL"], cred, s.c.TLS())
	if err != nil {
		return fetch.Fail(fetch.KindAuth, s.c.CleanError(err))
	}
	return s.refused(s.try(mechanisms, cred))
}

// refused says whose login it was that the server refused, and what to do.
func (s *session) refused(err error) error {
	var reply *ReplyError
	if !errors.As(err, &reply) {
		return err
	}
	hint := "check user and password in the rc file"
	switch {
	case reply.Code == "SYS/PERM": // RFC 3206 section 4: it takes a human being
		hint = "it does not pass by itself; ask the server's operator"
	case fetch.KindOf(err) != fetch.KindAuth:
		hint = "this passes; it is tried again next time"
	}
	return fmt.Errorf("login as %q refused: %w; hint: %s", s.a.User, err, hint)
}

// try runs one mechanism after the other until one is accepted, or none is left that may help.
func (s *session) try(mechanisms []sasl.Mechanism, cred sasl.Credentials) error {
	var failed error
	var last sasl.Mechanism // tried
	for _, m := range mechanisms {
		if failed != nil && !s.mayTry(m, last, failed) {
			continue
		}
		last = m
		err := s.exchange(m, cred)
		if err == nil {
			return nil
		}
		if s.c.Err() != nil || fetch.KindOf(err) != fetch.KindAuth { // nothing that another mechanism could mend
			return err
		}
		failed = err
	}
	return failed
}

// mayTry tells whether m may come after last failed with err. Where nobody vouches for the server, it must not get the
// password itself by refusing what hides it. Where somebody does, a refused proof of the password is not tried in other
// forms that hide it, since each refusal costs seconds and may lock the account: it is either wrong, or of no use to
// a server that stores only hashes. A refused clear-text password is tried once more, the other way (USER and PASS, or
// SASL), if the server didn't say [AUTH].
func (s *session) mayTry(m, last sasl.Mechanism, err error) bool {
	var refused *ReplyError
	byServer := errors.As(err, &refused)
	switch {
	case !last.ClearText() && !m.ClearText():
		return !s.c.TLS() || !byServer
	case !last.ClearText():
		return s.c.TLS()
	case byServer && refused.Code == "AUTH":
		return false
	}
	_, own := m.(sasl.ProtocolLogin)
	_, lastOwn := last.(sasl.ProtocolLogin)
	return own != lastOwn || !byServer
}

// credentials asks for the password where the login needs one.
func (s *session) credentials(ctx context.Context) (sasl.Credentials, error) {
	cred := sasl.Credentials{User: s.a.User, Host: s.a.Host, Port: s.port}
	switch s.a.Auth {
	case "external", "implicit", "ssh":
		return cred, nil
	}
	if s.a.Password == nil {
		return cred, fetch.Fail(fetch.KindAuth, fmt.Errorf("no password for %q; hint: write it into the rc file", s.a.User))
	}
	password, err := s.a.Password(ctx)
	if err != nil {
		return cred, fetch.Fail(fetch.KindAuth, fmt.Errorf("password for %q: %w", s.a.User, err))
	}
	cred.Password = password
	s.c.Conceal(cred.User, cred.Password)
	return cred, nil
}
