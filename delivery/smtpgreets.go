package delivery

import (
	"context"
	"errors"

	"fetchd/fetch/login"
)

// Greets finds out whether an SMTP server answers there, and ends the session: nil if it greets with 220, as
// a server that accepts mail does.
func Greets(ctx context.Context, server *SMTPServer) error {
	o := login.Options{Service: server.service(), Host: server.Host, Port: server.Port}
	raw, err := server.dial(ctx, o)
	if err != nil {
		return err
	}

	conn := login.New(raw, o)
	defer conn.Close()
	defer conn.Bind(ctx)()

	r, err := readSMTPReply(conn)
	if err != nil {
		return err
	}
	// 554 is the greeting of a server that takes no mail (RFC 5321 section 3.1).
	if r.code != 220 {
		return errors.New("it greets with " + conn.Quoted([]byte(r.text())))
	}

	s := &smtpSession{conn: conn}
	s.quit()
	return nil
}
