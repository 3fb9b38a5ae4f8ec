package fetch_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"testing"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
	"fetchd/fetch/imap"
	"fetchd/fetch/pop3"
)

// Courier, GNU Mailutils and Cyrus pass the suite, as Dovecot does, but for what is about TLS. SERVERS is a
// directory with their programs, which .ci/steps makes.
func TestRealServers(t *testing.T) {
	root := os.Getenv("SERVERS")
	if root == "" {
		t.Skip("no SERVERS: make ci has them")
	}

	s := &suite{mail: plainMail()}
	for _, r := range fetchtest.StartRealServers(t, root) {
		s.servers = append(s.servers,
			&server{r.Name + " IMAP", fetch.IMAP, patient(imap.Connect), nil,
				func(t *testing.T, _ fetch.TLSMode) *mailbox { return realMailbox(t, r, r.IMAP) }},
			&server{r.Name + " POP3", fetch.POP3, patient(pop3.Connect), nil,
				func(t *testing.T, _ fetch.TLSMode) *mailbox { return realMailbox(t, r, r.POP3) }})
	}

	t.Run("suite", func(t *testing.T) {
		tried := map[string]bool{}
		for _, property := range s.properties() {
			for _, v := range property.of {
				v.mode = fetch.ClearText
				name := fmt.Sprint(property.name, "/", v)
				if v.server == nil || tried[name] || leftOut[property.name] ||
					leftOut[property.name+"/"+v.server.name] {
					continue
				}
				tried[name] = true
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					r := s.rig(t, v)
					r.a.Auth = "password" // Mailutils offers SCRAM, and knows no passwords for it
					property.check(t, r)
				})
			}
		}
	})
}

// leftOut is what can't be tried: properties, or those of one server.
var leftOut = map[string]bool{
	"wrong certificate":    true,
	"folders/Courier IMAP": true, // all but INBOX have names that begin with "INBOX."
	// Its login takes longer than the second that is waited for there.
	"cut after a delivery/Courier IMAP": true,
	// A client that is gone without a word keeps the maildrop locked until the server gives it up.
	"cut after a delivery/Mailutils POP3": true,
}

// plainMail is mail that every server keeps as it is, and a large message.
func plainMail() [][]byte {
	return append(small(301, 700), small(1, 5*largest)...)
}

// patient connects again while the session before has not ended yet for the server.
func patient(connect fetch.Connector) fetch.Connector {
	return func(ctx context.Context, a *fetch.Account) (fetch.Session, error) {
		for tries := 1; ; tries++ {
			s, err := connect(ctx, a)
			if err == nil || fetch.KindOf(err) != fetch.KindBusy || tries == 100 {
				return s, err
			}
			<-time.After(100 * time.Millisecond)
		}
	}
}

func realMailbox(t *testing.T, s *fetchtest.RealServer, port int) *mailbox {
	user := s.User(t)
	m := &mailbox{
		port: port, user: user, password: s.Password,
		append: func(t *testing.T, folder string,
			messages ...[]byte) {
			s.Append(t, user, folder, messages...)
		},
		count: func(t *testing.T, folder string) int { return s.Status(t, user, folder, "MESSAGES") },
	}
	if s.Name == "Mailutils" {
		m.added = regexp.MustCompile(`(?m)^(Status|X-UID|X-UIDL|X-IMAPbase):.*\n`)
	}
	if port == s.IMAP {
		m.unseen = func(t *testing.T, folder string) int { return s.Status(t, user, folder, "UNSEEN") }
	}
	return m
}
