package imap

import (
	"log/slog"

	"fetchd/fetch"
	"fetchd/fetch/login/imapline"
	"fetchd/fetch/wire"
)

// maxAlerts bounds how many alerts of a connection are shown.
const maxAlerts = 5

// alerts shows what the server wants the user to read (RFC 9051 section 7.1). The text of a refusal is in its
// error.
type alerts struct {
	log     *slog.Logger
	conn    *wire.Conn
	account string
	early   bool // TLS may be still to come
	shown   int
}

func (l *alerts) show(r imapline.Reply) {
	if r.Code != "ALERT" || r.Tag != "*" && r.Word != "OK" || l.shown == maxAlerts {
		return
	}
	// What comes before TLS may be from anybody on the way.
	if l.early && !l.conn.TLS() {
		return
	}

	l.shown++
	l.log.Warn(fetch.EventAlert, "account", l.account, "text", l.conn.Quoted([]byte(r.Text)))
}
