package demo

import (
	"bytes"
	"errors"
	"io"
	"log"
	"net"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

// imapServer is go-imap's in-memory server.
type imapServer struct {
	server *imapserver.Server
	ended  chan struct{}
}

func startIMAP(l net.Listener, login, password string, messages []Message) (*imapServer, error) {
	user := imapmemserver.NewUser(login, password)
	if err := user.Create("INBOX", nil); err != nil {
		return nil, err
	}

	for _, m := range messages {
		if _, err := user.Append("INBOX", literal{bytes.NewReader(m.Text)},
			&imap.AppendOptions{Time: time.Now()}); err != nil {
			return nil, err
		}
	}

	store := imapmemserver.New()
	store.AddUser(user)
	s := &imapServer{ended: make(chan struct{}), server: imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return store.NewSession(), nil, nil
		},
		Caps: imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapUIDPlus: {}, imap.CapMove: {}, imap.CapESearch: {},
			imap.CapIdle: {}},
		Logger: log.New(io.Discard, "", 0),
	})}

	go func() {
		defer close(s.ended)
		_ = s.server.Serve(l) // ends with close
	}()

	return s, nil
}

func (s *imapServer) close() error {
	err := s.server.Close()
	<-s.ended
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// literal is a message as imapmemserver takes it.
type literal struct{ *bytes.Reader }

func (l literal) Size() int64 { return l.Reader.Size() }
