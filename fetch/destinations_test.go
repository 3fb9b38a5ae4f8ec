package fetch_test

import (
	"context"
	"testing"

	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
)

// TestFoldersThatTakeNoMail: a folder of an IMAP server that can't have its mail keeps none from the others.
// Where many can't, not each of them costs a login.
func TestFoldersThatTakeNoMail(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		mailboxes []string // of which INBOX alone is at the destination too
		bySource  bool     // it has a folder for each
		delivered int
		sessions  int
	}{
		{"one", []string{"Lists", "INBOX"}, true, 1, 2},
		{"all go to one", []string{"Lists", "INBOX"}, false, 0, 1},
		{"many", []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "INBOX"}, true, 0, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, _, _ := pickyRig(t, fetch.IMAP)
			r.a.Mailboxes = tt.mailboxes
			for _, mailbox := range tt.mailboxes {
				r.append(t, mailbox, numbered(1)...)
			}

			r.a.Deliverer = appendTo(t, fetchtest.StartMemServer(t, nil, false), tt.bySource)
			sessions, connect := 0, r.a.Connect
			r.a.Connect = func(ctx context.Context, a *fetch.Account) (fetch.Session, error) {
				sessions++
				return connect(ctx, a)
			}

			for range 2 { // what was not delivered is tried again
				sessions = 0
				res, err := r.pass(t)
				if fetch.KindOf(err) != fetch.KindDelivery || res.Delivered != tt.delivered ||
					sessions != tt.sessions {
					t.Errorf("delivered %d in %d sessions, want %d in %d: %v", res.Delivered, sessions,
						tt.delivered, tt.sessions, err)
				}
				r.append(t, "INBOX", numbered(1)...)
			}
		})
	}
}

// appendTo delivers to an IMAP server, into the folder that a message comes from or into one that is not
// there.
func appendTo(t *testing.T, s *fetchtest.MemServer, bySource bool) delivery.Deliverer {
	t.Helper()
	d, err := delivery.NewAppend(delivery.AppendOptions{
		Host: "localhost", Port: s.Port, TLS: fetch.ClearText, User: s.User, BySource: bySource,
		Password: func(context.Context) (string, error) { return s.Password, nil },
		Folder: func(source string) string {
			if bySource {
				return source
			}
			return "Lists"
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}
