package imap_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
	"fetchd/fetch/imap"
	"fetchd/tlsverify"
	"fetchd/tlsverify/tlstest"
)

// recipient is a Deliverer that keeps what it gets and refuses what refuse names.
type recipient struct {
	mu     sync.Mutex
	got    []string
	refuse func(text string) error
}

func (r *recipient) String() string { return "test recipient" }

func (r *recipient) Deliver(_ context.Context, m *delivery.Message) error {
	text, err := io.ReadAll(m.Body.Open())
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuse != nil {
		if err := r.refuse(string(text)); err != nil {
			return err
		}
	}
	r.got = append(r.got, string(text))
	return nil
}

func (r *recipient) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.got
	r.got = nil
	return got
}

// account is one for the server at port, with a policy that trusts ca.
func account(t *testing.T, port int, ca *tlstest.CA, r *recipient) *fetch.Account {
	t.Helper()

	a := &fetch.Account{
		Name: "ann@localhost", Poll: "localhost", Key: "localhost||ann",
		Journal: fetchtest.OpenJournal(t), Log: slog.New(slog.DiscardHandler),
		Server: fetch.Server{
			Protocol: fetch.IMAP,
			Connect:  imap.Connect,
			Host:     "127.0.0.1",
			Port:     port,
			TLS:      fetch.Wrapped,
			Timeout:  20 * time.Second,
		},
		Credentials: fetch.Credentials{
			User:     "ann",
			Password: func(context.Context) (string, error) { return "secret", nil },
		},
		Disposal: fetch.Disposal{MarkSeen: true},
		Delivery: fetch.Delivery{Recipients: []string{"ann"}, Deliverer: r},
	}

	if ca != nil {
		policy, err := tlsverify.New(tlsverify.Options{Host: "localhost", CAFile: ca.File(t)})
		if err != nil {
			t.Fatal(err)
		}
		a.Policy = policy
	}
	return a
}

func message(n int) []byte {
	return fmt.Appendf(nil, "From: bob@example.net\r\nSubject: %d\r\n\r\nbody of %d\r\n", n, n)
}

func retrieve(t *testing.T, a *fetch.Account) fetch.Result {
	t.Helper()
	res, err := fetch.Retrieve(t.Context(), a)
	if err != nil {
		t.Fatalf("Retrieve: %v", err)
	}
	return res
}

func TestRetrieve(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	config := tlstest.ServerConfig(ca.Leaf(tlstest.Leaf{DNS: []string{"localhost"}}))
	for _, tc := range []struct {
		name    string
		wrapped bool
		keep    bool
		n       int
	}{
		{"wrapped, delete", true, false, 700},
		{"wrapped, keep", true, true, 700},
		{"STARTTLS, delete", false, false, 3},
		{"STARTTLS, keep", false, true, 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			srv := fetchtest.StartMemServer(t, config, tc.wrapped)
			for i := range tc.n {
				srv.Append(t, "INBOX", message(i))
			}
			r := &recipient{}
			a := account(t, srv.Port, ca, r)
			a.Keep = tc.keep
			if !tc.wrapped {
				a.TLS = fetch.StartTLS
			}
			res := retrieve(t, a)
			got := r.take()
			if res.Delivered != tc.n || len(got) != tc.n {
				t.Fatalf("delivered %d and %d, want %d", res.Delivered, len(got), tc.n)
			}
			for i, text := range got {
				if want := string(bytes.ReplaceAll(message(i), []byte("\r\n"), []byte("\n"))); text != want {
					t.Fatalf("message %d is %q, want %q", i, text, want)
				}
			}
			left := 0
			if tc.keep {
				left = tc.n
			}
			if n := srv.Count(t, "INBOX"); n != left {
				t.Errorf("%d messages left, want %d", n, left)
			}
			if n := srv.Unseen(t, "INBOX"); n != 0 {
				t.Errorf("%d messages left unseen", n)
			}
			srv.Append(t, "INBOX", message(9999))
			if res := retrieve(t, a); res.Delivered != 1 {
				t.Errorf("second retrieval delivered %d, want 1", res.Delivered)
			}
			if res := retrieve(t, a); res.Delivered != 0 {
				t.Errorf("third retrieval delivered %d, want 0", res.Delivered)
			}
		})
	}
}

func TestFirstContactAdoptsSeen(t *testing.T) {
	t.Parallel()
	srv := fetchtest.StartMemServer(t, nil, false)
	srv.Append(t, "INBOX", message(1), goimap.FlagSeen)
	srv.Append(t, "INBOX", message(2))
	r := &recipient{}
	a := account(t, srv.Port, nil, r)
	a.TLS, a.Keep = fetch.ClearText, true
	if res := retrieve(t, a); res.Delivered != 1 || res.Seen != 1 {
		t.Fatalf("first contact: %+v", res)
	}
	srv.Append(t, "INBOX", message(3), goimap.FlagSeen) // read elsewhere before we came: new all the same
	if res := retrieve(t, a); res.Delivered != 1 {
		t.Fatalf("second retrieval: %+v", res)
	}
	if got := r.take(); len(got) != 2 || !strings.Contains(got[1], "Subject: 3") {
		t.Fatalf("got %q", got)
	}
}

func TestRefusedMessageStays(t *testing.T) {
	t.Parallel()
	srv := fetchtest.StartMemServer(t, nil, false)
	for i := range 5 {
		srv.Append(t, "INBOX", message(i))
	}
	r := &recipient{refuse: func(text string) error {
		if strings.Contains(text, "Subject: 2") {
			return errors.New("mailbox full")
		}
		return nil
	}}
	a := account(t, srv.Port, nil, r)
	a.TLS = fetch.ClearText
	res, err := fetch.Retrieve(t.Context(), a)
	if fetch.KindOf(err) != fetch.KindDelivery || !strings.Contains(err.Error(), "mailbox full") {
		t.Fatalf("error %v", err)
	}
	if res.Delivered != 4 || res.Failed != 1 || res.Deleted != 4 || srv.Count(t, "INBOX") != 1 {
		t.Fatalf("result %+v, %d left", res, srv.Count(t, "INBOX"))
	}
	r.refuse = nil
	if res := retrieve(t, a); res.Delivered != 1 || srv.Count(t, "INBOX") != 0 {
		t.Fatalf("second retrieval: %+v", res)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	srv := fetchtest.StartMemServer(t, nil, false)
	for i := range 5 {
		srv.Append(t, "INBOX", message(i))
	}
	srv.Append(t, "INBOX", append(message(5), bytes.Repeat([]byte("x"), 5000)...))
	r := &recipient{}
	a := account(t, srv.Port, nil, r)
	a.TLS, a.Limit, a.FetchLimit = fetch.ClearText, 1000, 3
	if res := retrieve(t, a); res.Delivered != 3 || !res.LimitHit || res.Oversized != 1 {
		t.Fatalf("first: %+v", res)
	}
	if res := retrieve(t, a); res.Delivered != 2 || res.LimitHit || res.Oversized != 1 {
		t.Fatalf("second: %+v", res)
	}
	if n := srv.Count(t, "INBOX"); n != 1 {
		t.Fatalf("%d left", n)
	}
}

func TestFoldersAndMove(t *testing.T) {
	t.Parallel()
	srv := fetchtest.StartMemServer(t, nil, false)
	for _, box := range []string{"Entwürfe", "R&D", "Archive"} {
		srv.Create(t, box)
	}
	srv.Append(t, "Entwürfe", message(1))
	srv.Append(t, "R&D", message(2))
	r := &recipient{}
	a := account(t, srv.Port, nil, r)
	a.TLS, a.Mailboxes, a.MoveTo = fetch.ClearText, []string{"Entw&APw-rfe", "R&D", "No such"}, "Archive"
	res, err := fetch.Retrieve(t.Context(), a)
	if err == nil || !strings.Contains(err.Error(), `"No such"`) {
		t.Errorf("error %v", err)
	}
	if res.Delivered != 2 || srv.Count(t, "Archive") != 2 || srv.Count(t, "R&D") != 0 {
		t.Fatalf("%+v, %d in Archive", res, srv.Count(t, "Archive"))
	}
}

func TestPatternBesidesFolders(t *testing.T) {
	t.Parallel()
	srv := fetchtest.StartMemServer(t, nil, false)
	for _, box := range []string{"Entwürfe", "Lists"} {
		srv.Create(t, box)
		srv.Append(t, box, message(1))
	}
	srv.Append(t, "INBOX", message(2))
	a := account(t, srv.Port, nil, &recipient{})
	a.TLS, a.Patterns, a.ExcludedMailboxes = fetch.ClearText, []string{"*"}, []string{"inbox", "Entw&APw-rfe"}
	if res := retrieve(t, a); res.Messages != 1 || srv.Count(t, "Lists") != 0 {
		t.Errorf("%+v", res)
	}
	a.ExcludedMailboxes = append(a.ExcludedMailboxes, "Lists")
	if res := retrieve(t, a); res.Messages != 0 {
		t.Errorf("%+v of no folder", res)
	}
}

// TestPatternAndMoveTo: what was moved is not retrieved again from where it went.
func TestPatternAndMoveTo(t *testing.T) {
	t.Parallel()
	srv := fetchtest.StartMemServer(t, nil, false)
	srv.Create(t, "Entwürfe")
	srv.Append(t, "INBOX", message(1))

	a := account(t, srv.Port, nil, &recipient{})
	a.TLS, a.Patterns, a.MoveTo = fetch.ClearText, []string{"*"}, "Entw&APw-rfe"
	for i := range 2 {
		if res := retrieve(t, a); res.Delivered != 1-i || srv.Count(t, "Entwürfe") != 1 {
			t.Errorf("pass %d: %+v", i, res)
		}
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	srv := fetchtest.StartMemServer(t, nil, false)
	r := &recipient{}
	a := account(t, srv.Port, nil, r)
	a.TLS, a.Idle = fetch.ClearText, true
	ret := fetch.NewRetriever(a)
	defer ret.Close()

	for i := range 3 {
		if _, err := ret.Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(r.take()); n != min(i, 1) {
			t.Fatalf("round %d: %d delivered", i, n)
		}

		if i == 0 {
			srv.Append(t, "INBOX", message(i)) // before IDLE begins
		} else {
			time.AfterFunc(50*time.Millisecond, func() { srv.Append(t, "INBOX", message(i)) })
		}
		changed, err := ret.Watch(t.Context(), nil, time.Minute)
		if err != nil || !changed {
			t.Fatalf("round %d: changed %v, err %v", i, changed, err)
		}
	}
}

func TestFlushDeletesOnlyWhatWeDelivered(t *testing.T) {
	t.Parallel()
	srv := fetchtest.StartMemServer(t, nil, false)
	srv.Append(t, "INBOX", message(1), goimap.FlagSeen) // there before us
	srv.Append(t, "INBOX", message(2))
	r := &recipient{}
	a := account(t, srv.Port, nil, r)
	a.TLS, a.Keep = fetch.ClearText, true
	if res := retrieve(t, a); res.Delivered != 1 || srv.Count(t, "INBOX") != 2 {
		t.Fatalf("%+v", res)
	}
	a.Flush = true
	srv.Append(t, "INBOX", message(3))
	if res := retrieve(t, a); res.Delivered != 1 || res.Deleted != 1 || srv.Count(t, "INBOX") != 2 {
		t.Fatalf("%+v, %d left", res, srv.Count(t, "INBOX"))
	}
}

func TestLimitFlush(t *testing.T) {
	t.Parallel()
	srv := fetchtest.StartMemServer(t, nil, false)
	srv.Append(t, "INBOX", append(message(1), bytes.Repeat([]byte("x"), 5000)...))
	srv.Append(t, "INBOX", message(2))
	r := &recipient{}
	a := account(t, srv.Port, nil, r)
	a.TLS, a.Keep, a.Limit, a.LimitFlush = fetch.ClearText, true, 1000, true
	if res := retrieve(t, a); res.Delivered != 1 || res.Deleted != 1 || srv.Count(t, "INBOX") != 1 {
		t.Fatalf("%+v, %d left", res, srv.Count(t, "INBOX"))
	}
}
