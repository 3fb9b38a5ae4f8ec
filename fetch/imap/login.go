package imap

import (
	"context"
	"net"

	"fetchd/fetch"
	"fetchd/fetch/login"
	"fetchd/fetch/login/imapline"
	"fetchd/fetch/wire"
	"fetchd/tlsverify"
)

var service = login.Service{Name: "IMAP", Ports: tlsverify.PortsOf("imap")}

// logIn verifies the server and logs in; plain says not to compress. It returns the connection, and what the
// server offers after the login. After an error the connection is closed.
func logIn(ctx context.Context, a *fetch.Account, raw net.Conn, plain bool) (*wire.Conn, *alerts,
	[]string, error) {
	o := a.Login(service)
	conn := login.New(raw, o)
	alerts := &alerts{log: a.Log, conn: conn, account: a.Name, early: a.TLS == fetch.StartTLS}
	d := &imapline.Dialogue{Conn: conn, Compress: a.Compress && !plain, Heard: alerts.show}

	offer, err := login.Run(ctx, conn, d, o)
	if err != nil {
		return nil, nil, nil, err
	}
	return conn, alerts, offer.Words, nil
}
