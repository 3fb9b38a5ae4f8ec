package imap

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/journal"
)

// notes is a record of a mailbox that is kept nowhere.
type notes struct {
	mu                         sync.Mutex
	recorded, told, given, end journal.Set
}

func (n *notes) UIDValidity() uint32                   { return 1 }
func (n *notes) Start(context.Context, uint32) error   { return nil }
func (n *notes) Restart()                              {}
func (n *notes) Claim(context.Context) error           { return nil }
func (n *notes) Repeat() bool                          { return false }
func (n *notes) Doubt()                                {}
func (n *notes) Release()                              {}
func (n *notes) UIDNext() uint32                       { return 1 }
func (n *notes) Done() journal.Set                     { return journal.Set{} }
func (n *notes) Pending() journal.Set                  { return journal.Set{} }
func (n *notes) Delivered() journal.Set                { return journal.Set{} }
func (n *notes) Sync(context.Context) error            { return nil }
func (n *notes) End(_ context.Context, _ uint32) error { n.end.Add(1); return nil }

func (n *notes) Staying(context.Context) (journal.Set, error)  { return journal.Set{}, nil }
func (n *notes) AddStaying(context.Context, journal.Set) error { return nil }

func (n *notes) Vacant() journal.Set                  { return journal.Set{} }
func (n *notes) Traces(journal.Set) map[uint32]string { return nil }
func (n *notes) Census() journal.Census               { return journal.Census{} }
func (n *notes) SetCensus(journal.Census)             {}

func (n *notes) Vacate(_ context.Context, uids journal.Set, _ []journal.Trace) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.given.AddSet(uids.Minus(n.recorded))
	n.told.AddSet(uids.And(n.recorded))
	return nil
}

func (n *notes) Reopen(context.Context, journal.Set) error { return nil }

func (n *notes) Adopt(_ context.Context, uids journal.Set) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.given.AddSet(uids)
	return nil
}

func (n *notes) Record(_ context.Context, uids journal.Set, _, _ bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.recorded.AddSet(uids)
	return nil
}

func (n *notes) RecordTraced(ctx context.Context, uids journal.Set, _ []journal.Trace, _ bool) error {
	return n.Record(ctx, uids, true, true)
}

func (n *notes) Acknowledged(_ context.Context, uids journal.Set) error {
	n.told.AddSet(uids)
	return nil
}

// opened is a session in whose mailbox some messages are to be retrieved, without a word about it.
type opened struct {
	*session
	rec  *notes
	todo journal.Set
}

func (o *opened) Open(context.Context, string) (fetch.Mailbox, error) {
	m := &mailbox{s: o.session, name: "INBOX", rec: o.rec, validity: 1, todo: o.todo}
	m.counts.New = int(o.todo.Len())
	o.session.last = m
	return m, nil
}

// answering is a connection to a server that says parts one after the other, the first at once and each other
// one when another command has come, and then is silent.
func answering(t *testing.T, parts [][]byte) net.Conn {
	client, server := net.Pipe()
	commands := make(chan struct{}, 10_000)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(commands)
		for r := bufio.NewReader(server); ; {
			if _, err := r.ReadString('\n'); err != nil {
				return
			}
			commands <- struct{}{}
		}
	})
	wg.Go(func() {
		defer server.Close()
		for i, part := range parts {
			if i > 0 {
				<-commands
			}
			if len(part) == 0 {
				continue
			}
			if _, err := server.Write(part); err != nil {
				return
			}
		}
		for range commands { // it says nothing more
		}
	})
	t.Cleanup(func() {
		_ = client.Close()
		wg.Wait()
	})
	return client
}

// retrieveFrom makes a retrieval of the messages with these UIDs from a server that says parts; it returns
// what was delivered.
func retrieveFrom(t *testing.T, parts [][]byte, uids journal.Set, keep bool) ([]string, *notes, error) {
	rec, taker := &notes{}, &taker{}
	a := &fetch.Account{
		Name: "ann@mail.example.org", Key: "ann", Log: slog.New(slog.DiscardHandler),
		Server: fetch.Server{
			Protocol: fetch.IMAP, Host: "mail.example.org", TLS: fetch.ClearText, Timeout: time.Minute,
		},
		Credentials: fetch.Credentials{User: "ann"},
		Disposal:    fetch.Disposal{Keep: keep, MarkSeen: true},
		Delivery:    fetch.Delivery{Recipients: []string{"ann"}, Deliverer: taker, KeepCR: true},
	}
	a.Connect = func(ctx context.Context, a *fetch.Account) (fetch.Session, error) {
		s, err := new(Quirks).begin(ctx, a, answering(t, parts))
		if err != nil {
			return nil, err
		}
		return &opened{s.(*session), rec, uids}, nil
	}
	_, err := fetch.Retrieve(t.Context(), a)
	return taker.got, rec, err
}

// FuzzRetrieve: whatever a server says while messages are fetched and acknowledged, the retrieval ends; what
// is delivered is a whole body that the server sent, of a message that was asked for, once, or with another
// text if the server refused it; it is recorded, and nothing is acknowledged that is not. A NUL in what it
// says, of which no response has any, is where it waits for the next command.
func FuzzRetrieve(f *testing.F) {
	const (
		two  = "* 1 FETCH (UID 1 BODY[] {2}\r\nab)\r\n* 2 FETCH (UID 2 BODY[] {3}\r\ncde)\r\n"
		acks = "\x00T2 OK\r\n\x00* 1 EXPUNGE\r\nT3 OK\r\n"
	)

	for _, s := range []string{
		"", two + "T1 OK\r\n" + acks, two + "* 3 FETCH (UID 3 BODY[] {1}\r\n" +
			"x FLAGS (\\Seen))\r\nT1 OK\r\n\x00* 1 EXPUNGE\r\nT2 OK\r\nT3 OK\r\n",
		"* 1 FETCH (UID 1 BODY[] {9}\r\nab", "* 1 FETCH (UID 1 BODY[] {2}\r\nabc)\r\n",
		"* 1 FETCH (BODY[] {2}\r\nab UID 1)\r\nT1 OK\r\n\x00* SEARCH 1\r\nT2 OK\r\n" +
			"\x00* 1 FETCH (BODY[] {2}\r\nab UID 1)\r\nT3 OK\r\n\x00T4 OK\r\n",
		"* 1 FETCH (UID 1 BODY[] \"a\\\"b\")\r\nT1 OK\r\n\x00T2 OK\r\n",
		"* 7 FETCH (UID 7 BODY[] {2}\r\nab)\r\n" + two + "T1 NO x\r\n",
		two + two + "T1 OK\r\n", "* BYE x\r\n", two + "\x00T2 NO x\r\n\x00T3 BAD\r\nT1 OK\r\n",
		"* 1 FETCH (UID 1 BODY[] {0}\r\n)\r\nT1 OK\r\n\x00* ESEARCH (TAG \"T2\") UID ALL 1\r\n" +
			"T2 OK\r\n\x00* 1 FETCH (UID 1 RFC822.SIZE 0 BODY[] {0}\r\n)\r\nT3 OK\r\n",
		"* OK [UIDVALIDITY 2] x\r\n" + two + "* 1 FETCH (UID 1 BODY[] NIL)\r\n+ x\r\nT1 OK\r\n",
		"* 1 FETCH (UID 1 UID 2 BODY[] {2}\r\nab BODY[] {2}\r\ncd)\r\nT1 OK\r\n",
	} {
		f.Add([]byte(s), false, false)
		f.Add([]byte(s), true, true)
	}

	f.Add([]byte(two+"T1 NO x\r\n\x00"+two[:36]+"T2 OK\r\n\x00* 2 FETCH (UID 2 BODY[] {3}\r\nxyz)\r\n"+
		"T3 OK\r\n\x00T4 NO\r\n\x00T5 OK\r\n"), false, false)
	f.Fuzz(func(t *testing.T, said []byte, many, keep bool) {
		said = said[:min(len(said), 16<<10)]
		uids := setOf(t, "1:3")
		if many { // two batches
			uids = setOf(t, "1:300")
		}

		parts := append([][]byte{[]byte("* PREAUTH [CAPABILITY IMAP4rev1 UIDPLUS ESEARCH] x\r\n")},
			bytes.Split(said, []byte{0})...)
		synctest.Test(t, func(t *testing.T) {
			got, rec, err := retrieveFrom(t, parts, uids, keep)
			checkRetrieved(t, bytes.ReplaceAll(said, []byte{0}, nil), uids, got, rec, err)
		})
	})
}

func checkRetrieved(t *testing.T, said []byte, uids journal.Set, got []string, rec *notes, err error) {
	t.Helper()
	var delivered journal.Set
	texts := map[string]bool{}
	refused := bytes.Contains(bytes.ToUpper(said), []byte(" NO")) ||
		bytes.Contains(bytes.ToUpper(said), []byte(" BAD"))
	for _, message := range got {
		name, text, _ := strings.Cut(message, "=")
		n, nerr := strconv.ParseUint(name, 10, 32)
		uid := uint32(n)
		if nerr != nil || !uids.Contains(uid) || delivered.Contains(uid) && (!refused || texts[message]) {
			t.Errorf("delivered %q, which was not asked for or came before", name)
		}
		texts[message] = true
		delivered.Add(uid)
		if !sentWhole(said, text) {
			t.Errorf("delivered %q, which is no body that the server sent", text)
		}
	}
	// What is in doubt is recorded as given up: it stays.
	if known := union(rec.recorded, rec.given.And(delivered)); known.String() != delivered.String() {
		t.Errorf("delivered %v, recorded %v", delivered, known)
	}
	if left := rec.told.Minus(rec.recorded); !left.IsEmpty() {
		t.Errorf("acknowledged %v, which were not recorded", left)
	}
	if over := rec.given.And(delivered); !over.IsEmpty() && !refused {
		t.Errorf("%v are delivered and given up", over)
	}
	if fetch.KindOf(err) == fetch.KindInternal {
		t.Errorf("a panic: %v", err)
	}
	if err == nil && rec.end.IsEmpty() {
		t.Error("no error, and the record was not ended")
	}
	if err != nil && (len(err.Error()) > 8000 || strings.ContainsAny(err.Error(), "\r\x00\x1b")) {
		t.Errorf("error %q", err)
	}
}

var (
	literalEnd = regexp.MustCompile(`\{\+?0*(\d+)\} *\r*\n$`)
	quotedBody = regexp.MustCompile(`(?i)BODY\[\] *"`)
)

// sentWhole tells whether text is a literal that the server sent, or may have been a quoted string.
func sentWhole(said []byte, text string) bool {
	if text == "" || quotedBody.Match(said) {
		return true
	}
	for from := 0; ; {
		i := bytes.Index(said[from:], []byte(text))
		if i < 0 {
			return false
		}
		at := from + i
		m := literalEnd.FindSubmatch(said[max(0, at-100):at])
		if m != nil && string(m[1]) == strconv.Itoa(len(text)) {
			return true
		}
		from = at + 1
	}
}

// The seeds of FuzzRetrieve bring mail: a target that never gets as far as a delivery would prove nothing.
func TestRetrieveFuzzedDelivers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var script strings.Builder
		for uid := range 300 {
			fmt.Fprintf(&script, "* %d FETCH (UID %d BODY[] {%d}\r\n%d)\r\n",
				uid+1, uid+1, len(fmt.Sprint(uid)), uid)
		}
		said := script.String() + "T1 OK\r\nT2 OK\r\n" // two batches are under way
		parts := [][]byte{[]byte("* PREAUTH [CAPABILITY IMAP4rev1 UIDPLUS] x\r\n"), nil, []byte(said)}
		got, rec, err := retrieveFrom(t, parts, setOf(t, "1:300"), false)
		if len(got) != 300 || rec.recorded.Len() != 300 || err == nil ||
			errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d delivered, %v recorded, %v", len(got), rec.recorded, err)
		}
		checkRetrieved(t, []byte(said), setOf(t, "1:300"), got, rec, err)
	})
}
