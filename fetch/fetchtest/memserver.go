package fetchtest

import (
	"bytes"
	"crypto/tls"
	"io"
	"log"
	"net"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

// MemServer is go-imap's in-memory IMAP server on loopback, with one user.
type MemServer struct {
	Port     int
	User     string
	Password string
	user     *imapmemserver.User
}

// StartMemServer starts a server that ends with the test. With config and wrapped it uses TLS from the first
// byte, with config alone STARTTLS, and without config clear text.
func StartMemServer(tb testing.TB, config *tls.Config, wrapped bool) *MemServer {
	tb.Helper()
	s := &MemServer{User: "ann", Password: "secret"}
	s.user = imapmemserver.NewUser(s.User, s.Password)
	if err := s.user.Create("INBOX", nil); err != nil {
		tb.Fatal(err)
	}

	store := imapmemserver.New()
	store.AddUser(s.user)
	opts := &imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return announcing{store.NewSession().(imapserver.SessionIMAP4rev2)}, nil, nil
		},
		Caps: imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapUIDPlus: {}, imap.CapMove: {},
			imap.CapESearch: {}, imap.CapIdle: {}},
		InsecureAuth: config == nil,
		Logger:       log.New(io.Discard, "", 0),
	}

	if !wrapped {
		opts.TLSConfig = config
	}

	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}

	s.Port = ln.Addr().(*net.TCPAddr).Port
	if wrapped {
		ln = tls.NewListener(ln, config)
	}

	srv := imapserver.New(opts)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = srv.Serve(ln)
	}()

	tb.Cleanup(func() {
		_ = srv.Close()
		<-ended
	})

	return s
}

// announcing is a session whose IDLE begins with what changed before it, as servers' do. In imapmemserver's
// own, what comes between the last command and IDLE waits for the next change.
type announcing struct{ imapserver.SessionIMAP4rev2 }

// Idle implements imapserver.Session.
func (s announcing) Idle(w *imapserver.UpdateWriter, stop <-chan struct{}) error {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()

	for {
		if err := s.Poll(w, true); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-stop:
			return nil
		}
	}
}

// Append adds a message; the next command of any client will see it.
func (s *MemServer) Append(tb testing.TB, mailbox string, message []byte, flags ...imap.Flag) {
	tb.Helper()
	if _, err := s.user.Append(mailbox, literal{bytes.NewReader(message)},
		&imap.AppendOptions{Flags: flags, Time: time.Unix(1700000000, 0)}); err != nil {
		tb.Fatal(err)
	}
}

// Create adds a mailbox.
func (s *MemServer) Create(tb testing.TB, mailbox string) {
	tb.Helper()
	if err := s.user.Create(mailbox, nil); err != nil {
		tb.Fatal(err)
	}
}

// Count is the number of messages in a mailbox.
func (s *MemServer) Count(tb testing.TB, mailbox string) int {
	tb.Helper()
	data, err := s.user.Status(mailbox, &imap.StatusOptions{NumMessages: true})
	if err != nil {
		tb.Fatal(err)
	}
	return int(*data.NumMessages)
}

// List returns the messages of a mailbox of a server in clear text.
func (s *MemServer) List(tb testing.TB, mailbox string) []Stored {
	tb.Helper()
	session := newSession(tb, s.Port, s.User, s.Password)
	defer session.close()
	return session.fetch(mailbox, "(UID FLAGS INTERNALDATE BODY.PEEK[])")
}

// Unseen is the number of messages without \Seen.
func (s *MemServer) Unseen(tb testing.TB, mailbox string) int {
	tb.Helper()
	data, err := s.user.Status(mailbox, &imap.StatusOptions{NumUnseen: true})
	if err != nil {
		tb.Fatal(err)
	}
	return int(*data.NumUnseen)
}

type literal struct{ *bytes.Reader }

func (l literal) Size() int64 { return l.Reader.Size() }
