package pop3

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
	"fetchd/fetch/wire"
)

// pipelinedStart is a session up to its listing of n messages of the given size.
func pipelinedStart(n, size int) string {
	var b strings.Builder
	b.WriteString("#! auth implicit\nS: +OK\nC: CAPA\nS: +OK\nS: PIPELINING\n" +
		"S: .\nC: NOOP\nS: +OK\nC: CAPA\nC: STAT\nC: UIDL\nC: LIST\n")
	fmt.Fprintf(&b, "S: +OK\nS: PIPELINING\nS: .\nS: +OK %d %d\nS: +OK\n", n, n*size)
	for i := range n {
		fmt.Fprintf(&b, "S: %d u%d\n", i+1, i+1)
	}
	b.WriteString("S: .\nS: +OK\n")
	for i := range n {
		fmt.Fprintf(&b, "S: %d %d\n", i+1, size)
	}
	b.WriteString("S: .\n")
	return b.String()
}

// More messages than any window holds, in the order of their numbers, each asked for and deleted once.
func TestManyMessages(t *testing.T) {
	t.Parallel()
	const n = 2500
	var b strings.Builder
	b.WriteString(pipelinedStart(n, 11))
	for i := range n {
		fmt.Fprintf(&b, "C: RETR %d\nS: +OK\nS: message %d\nS: .\n", i+1, i+1)
	}
	for i := range n {
		fmt.Fprintf(&b, "C: DELE %d\nS: +OK\n", i+1)
	}
	b.WriteString("C: QUIT\nS: +OK\n")
	s := newScenario(t, b.String(), nil)
	for i := range n {
		s.mail = append(s.mail, fmt.Sprintf("message %d\n", i+1))
	}
	s.result = []string{fmt.Sprintf("deleted=%d", n)}
	s.run(fetchtest.NewPeer(t, b.String(), nil))
}

// A list that drips is given up, however many rows it has and however it is asked for.
func TestDrippingLists(t *testing.T) {
	t.Parallel()
	var rows strings.Builder
	for i := range 12_000 {
		fmt.Fprintf(&rows, "%d 9\\r\\n", i+1)
	}

	drip := "DRIP 10ms " + rows.String() + "\n"
	const (
		piped = "S: +OK\nS: PIPELINING\nS: .\nC: NOOP\nS: +OK\nC: CAPA\nC: STAT\nC: UIDL\nC: LIST\n"
		plain = "S: -ERR\nC: NOOP\nS: +OK\nC: STAT\nS: +OK 12000 1\nC: UIDL\n"
	)

	for _, tt := range []struct{ name, script, command string }{
		{"UIDL", plain + "S: +OK\n", "UIDL: "},
		{"LIST", plain + "S: -ERR\nC: LIST\nS: +OK\n", "LIST: "},
		{"LIST, pipelined", piped + "S: +OK\nS: PIPELINING\n" +
			"S: .\nS: +OK 12000 1\nS: -ERR\nS: +OK\n", "LIST: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				text := "#! auth implicit\nS: +OK\nC: CAPA\n" + tt.script + drip
				a := newScenario(t, text, nil).account
				a.Timeout, a.Journal = time.Minute, fetchtest.OpenJournal(t)
				s, err := new(Quirks).start(t.Context(), a, fetchtest.NewPeer(t, text, nil).Pipe())
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				start := time.Now()
				_, err = s.Open(t.Context(), "")
				d := time.Since(start)
				if err == nil || !strings.HasPrefix(err.Error(), tt.command+"the server is too slow") ||
					fetch.KindOf(err) != fetch.KindNetwork ||
					errors.Is(err, fetch.ErrSimpler) || d > 13*time.Minute {
					t.Errorf("error %v after %v", err, d)
				}
			})
		})
	}
}

// A message has the time that its size in LIST takes, and not that of all that comes in its stead.
func TestMessageThatDripsOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// A thousand bytes a second.
		text := pipelinedStart(1, 20) + "C: RETR 1\nS: +OK\n" + "DRIP 1ms 0123456789\\r\\n\n"
		a := newScenario(t, text, nil).account
		a.Timeout, a.Journal, a.SpoolDir = time.Minute, fetchtest.OpenJournal(t), t.TempDir()
		s, err := new(Quirks).start(t.Context(), a, fetchtest.NewPeer(t, text, nil).Pipe())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		m, err := s.Open(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}

		start := time.Now()
		err = m.Retrieve(t.Context(), fetch.NewQueue(delivery.SpoolOptions{Dir: a.SpoolDir}))
		d := time.Since(start)
		if !errors.Is(err, wire.ErrSlow) || fetch.KindOf(err) != fetch.KindNetwork || d > 11*time.Minute {
			t.Errorf("error %v after %v", err, d)
		}
	})
}

// openOn gives the maildrop of a session that has listed n messages of the given size, on a peer that says
// more then.
func openOn(t *testing.T, n, size int, more string) (fetch.Session, fetch.Mailbox, *fetchtest.Peer) {
	t.Helper()
	return openPlaying(t, pipelinedStart(n, size)+more)
}

func openPlaying(t *testing.T, text string) (fetch.Session, fetch.Mailbox, *fetchtest.Peer) {
	t.Helper()
	s := newScenario(t, text, nil)
	s.account.Timeout = time.Hour
	peer := fetchtest.NewPeer(t, text, nil)
	session := &session{
		a: s.account, c: wire.New(peer.Pipe(), wire.Options{Timeout: time.Hour}), quirks: &s.quirks,
	}
	if err := session.logIn(t.Context(), s.account.Login(service)); err != nil {
		t.Fatal(err)
	}

	client, err := newClient(session.c)
	if err != nil {
		t.Fatal(err)
	}

	session.client = client
	s.account.Journal = fetchtest.OpenJournal(t)
	m, err := session.Open(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return session, m, peer
}

// When ctx ends while the server is silent, Retrieve ends at once, whatever the time-out is.
func TestCancelledRetrieval(t *testing.T) {
	t.Parallel()
	s, m, _ := openOn(t, 3, 20, "C: RETR 1\nC: RETR 2\nC: RETR 3\nS: +OK\nS: half of it\nSTALL\n")
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	timer := time.AfterFunc(200*time.Millisecond, func() { cancel(why) })
	defer timer.Stop()
	start := time.Now()
	err := m.Retrieve(ctx, fetch.NewQueue(delivery.SpoolOptions{}))
	if !errors.Is(err, why) || fetch.KindOf(err) != fetch.KindNetwork || time.Since(start) > 10*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// A retrieval that ends because of one refused message takes the others for what they are: not answered, and
// not refused too.
func TestAbortIsNoRefusal(t *testing.T) {
	t.Parallel()
	s, m, _ := openOn(t, 3, 20, "C: RETR 1\nC: RETR 2\nC: RETR 3\nS: -ERR broken\nSTALL\n")
	ctx, cancel := context.WithCancelCause(t.Context())
	why := &ReplyError{Command: "RETR 1", Text: "broken"}
	timer := time.AfterFunc(100*time.Millisecond, func() { cancel(fetch.Fail(fetch.KindServer, why)) })
	defer timer.Stop()
	if err := m.Retrieve(ctx, fetch.NewQueue(delivery.SpoolOptions{})); !errors.Is(err, why) ||
		why.Command != "RETR 1" {
		t.Errorf("error %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// A queue without room stops the requests, and what was requested before is read all the same.
func TestBacklogStopsRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b strings.Builder
		// The second half was asked for when half of the first was read.
		for i := range windowCount + windowCount/2 {
			fmt.Fprintf(&b, "C: RETR %d\nS: +OK\nS: message %d\nS: .\n", i+1, i+1)
		}
		s, m, peer := openOn(t, 2000, 11, b.String())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := m.Retrieve(ctx, fetch.NewQueue(delivery.SpoolOptions{})); err == nil { // nobody takes
			t.Error("no error")
		}
		_ = s.Close()
		if err := peer.Done(); err != nil {
			t.Error(err)
		}
	})
}

// On a long way more is asked for at a time than a server nearby needs.
func TestWindow(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, wait string
		want       int
	}{
		{"near", "", 256},
		{"far", "WAIT 50ms\n", windowCount},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := strings.Replace(pipelinedStart(600, 4<<10), "CAPA\nS: ", "CAPA\n"+tt.wait+"S: ", 1)
				start = strings.Replace(start, "NOOP\n", "NOOP\n"+tt.wait, 1)

				s, m, _ := openPlaying(t, start+strings.Repeat("C*\n", tt.want)+"STALL\n")

				r := &retrieval{m: m.(*maildrop), q: fetch.NewQueue(delivery.SpoolOptions{})}
				if err := r.send(); err != nil || len(r.items) != tt.want {
					t.Errorf("asks for %d messages, %v; want %d", len(r.items), err, tt.want)
				}
				_ = s.Close()
			})
		})
	}
}

// Silence at any step ends in an error within the time-out, never in waiting.
func TestSilenceAtEachStep(t *testing.T) {
	t.Parallel()
	steps := []string{
		"S: +OK\n", "C: CAPA\nS: +OK\nS: SASL LOGIN\n", "S: .\n", "C: AUTH LOGIN\n", "S: +\nC*\n",
		"S: +\nC*\n", "S: +OK\n",
	}

	for i := range steps {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				text := "#! auth login\n" + strings.Join(steps[:i], "") + "STALL"
				a := newScenario(t, text, nil).account
				a.Timeout = 5 * time.Minute
				start := time.Now()
				_, err := new(Quirks).start(t.Context(), a, fetchtest.NewPeer(t, text, nil).Pipe())
				if fetch.KindOf(err) != fetch.KindNetwork ||
					time.Since(start) != a.Timeout || !wire.IsTimeout(err) {
					t.Errorf("%v after %v", err, time.Since(start))
				}
			})
		})
	}
}
