package pop3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
	"fetchd/fetch/journal"
	"fetchd/tlsverify"
	"fetchd/tlsverify/tlstest"
)

// The dialogues of testdata say, in lines that start with #!, what the account is and what must come of it:
//
//	#! tls clear|starttls|wrapped    (clear)
//	#! auth WORD, keep, fetchall, flush, limit N, limitflush, fetchlimit N, timeout D, slow
//	#! user U, password P
//	#! journal UID=done UID=skipped UID=pending UID=20  before it; 20 = pending, of 20 octets
//	#! syncfails                     of the journal
//	#! after UID=done UID=pending UID=none
//	#! error REGEXP                  of the error; without it there must be none
//	#! kind KIND                     of the error
//	#! mail QUOTED                   one message, in order
//	#! result FIELD=N …              of fetch.Result
//	#! remembered                    the server is remembered as slow
//	#! silent                        the peer must not have seen any form of the password, even over TLS
type scenario struct {
	t       *testing.T
	account *fetch.Account
	quirks  Quirks
	journal string
	sync    error
	after   string
	err     *regexp.Regexp
	kind    string
	mail    []string
	result  []string
	slow    bool
	silent  bool

	mu    sync.Mutex
	got   []string
	trace []string
}

const password = "s3cret"

// secrets are the forms in which the password could be seen.
var secrets = []string{password, "AGFubgBzM2NyZXQ", "czNjcmV0"}

func TestDialogues(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no dialogues", err)
	}

	ca := tlstest.NewCA(t)
	policy, err := tlsverify.New(tlsverify.Options{Host: "mail.example.org", CAFile: ca.File(t)})
	if err != nil {
		t.Fatal(err)
	}

	server := tlstest.ServerConfig(ca.Leaf(tlstest.Leaf{DNS: []string{"mail.example.org"}}))
	for _, file := range files {
		for name, text := range dialogues(t, file) {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar")+"/"+name, func(t *testing.T) {
				t.Parallel()
				run := func(t *testing.T) {
					newScenario(t, text, policy).run(fetchtest.NewPeer(t, text, server))
				}
				if strings.Contains(text, "#! tls") { // certificates are valid in real time
					run(t)
					return
				}
				synctest.Test(t, run)
			})
		}
	}
}

// dialogues gives the parts of a file by their names; a part begins with "-- name --".
func dialogues(t *testing.T, file string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{}
	name := ""
	for line := range strings.Lines(string(data)) {
		if head, ok := strings.CutPrefix(line, "-- "); ok {
			if name = strings.TrimSuffix(strings.TrimSpace(head), " --"); parts[name] != "" {
				t.Fatalf("%s: %s stands there twice", file, name)
			}
			continue
		}
		if name != "" {
			parts[name] += line
		}
	}
	return parts
}

func newScenario(t *testing.T, text string, policy *tlsverify.Policy) *scenario {
	t.Helper()
	s := &scenario{t: t}
	s.account = &fetch.Account{
		Name: "ann@mail.example.org", Key: "ann@mail.example.org",
		Log: slog.New(slog.DiscardHandler), Trace: s.hear,
		Server: fetch.Server{
			Host:     "mail.example.org",
			Protocol: fetch.POP3,
			TLS:      fetch.ClearText,
			Policy:   policy,
			Timeout:  5 * time.Second,
		},
		Credentials: fetch.Credentials{
			Auth:     "any",
			User:     "ann",
			Password: func(context.Context) (string, error) { return password, nil },
		},
		Delivery: fetch.Delivery{Deliverer: s, Recipients: []string{"ann"}, SpoolDir: t.TempDir()},
	}

	for _, line := range strings.Split(text, "\n") {
		if rest, ok := strings.CutPrefix(line, "#! "); ok {
			word, value, _ := strings.Cut(rest, " ")
			s.set(word, value)
		}
	}
	return s
}

func (s *scenario) hear(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trace = append(s.trace, line)
}

func (s *scenario) set(word, value string) {
	a := s.account
	number := func() int {
		n, err := strconv.Atoi(value)
		if err != nil {
			s.t.Fatal(err)
		}
		return n
	}

	switch word {
	case "tls":
		a.TLS = map[string]fetch.TLSMode{
			"clear": fetch.ClearText, "starttls": fetch.StartTLS, "wrapped": fetch.Wrapped,
		}[value]
	case "auth":
		a.Auth = value
	case "user":
		a.User = unquote(s.t, value)
	case "password":
		text := unquote(s.t, value)
		a.Password = func(context.Context) (string, error) { return text, nil }
	case "keep":
		a.Keep = true
	case "fetchall":
		a.FetchAll = true
	case "flush":
		a.Flush = true
	case "moveto":
		a.MoveTo = value
	case "limit":
		a.Limit = int64(number())
	case "limitflush":
		a.LimitFlush = true
	case "retrieve-error":
		a.RetrieveError = map[string]fetch.RetrieveError{"markseen": fetch.MarkSeen}[value]
	case "fetchlimit":
		a.FetchLimit = number()
	case "timeout":
		a.Timeout, _ = time.ParseDuration(value)
	case "slow":
		s.quirks.slow.Add("mail.example.org:110")
	case "journal":
		s.journal = value
	case "nospool":
		a.SpoolDir += "/none"
	case "syncfails":
		s.sync = errors.New("input/output error")
	case "after":
		s.after = value
	case "error":
		s.err = regexp.MustCompile(value)
	case "kind":
		s.kind = value
	case "mail":
		s.mail = append(s.mail, unquote(s.t, value))
	case "result":
		s.result = strings.Fields(value)
	case "remembered":
		s.slow = true
	case "silent":
		s.silent = true
	default:
		s.t.Fatalf("no such word: %s", word)
	}
}

func unquote(t *testing.T, text string) string {
	t.Helper()
	out, err := strconv.Unquote(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return out
}

// Deliver implements delivery.Deliverer: a body that holds "refuse" is refused.
func (s *scenario) Deliver(_ context.Context, m *delivery.Message) error {
	body, err := io.ReadAll(m.Body.Open())
	if err != nil {
		return err
	}
	if strings.Contains(string(body), "refuse") {
		return fmt.Errorf("refused")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, string(body))
	return nil
}

func (s *scenario) String() string { return "test" }

func (s *scenario) run(peer *fetchtest.Peer) {
	t, a, ctx := s.t, s.account, context.Background()
	j, err := journal.OpenWith(ctx, filepath.Join(t.TempDir(), "journal.db"), journal.Options{
		Sync: func(*os.File) error { return s.sync },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	a.Journal = j
	s.prepare(ctx, j)
	connected := false
	a.Connect = func(ctx context.Context, a *fetch.Account) (fetch.Session, error) {
		if connected {
			return nil, errors.New("a dialogue is one session")
		}
		connected = true
		return s.quirks.start(ctx, a, peer.Pipe())
	}

	result, err := fetch.Retrieve(ctx, a)
	if perr := peer.Done(); perr != nil {
		t.Errorf("dialogue %v", perr)
	}

	s.checkError(err)
	fetchtest.CheckNextStep(t, err)
	s.checkResult(result)
	s.checkJournal(ctx, j)
	s.checkSecrets(peer, err)
	got := s.quirks.slow.Has("mail.example.org:110")
	if got != s.slow && !strings.Contains(t.Name(), "slow") {
		t.Errorf("remembered as slow: %v", got)
	}
	if t.Failed() {
		t.Logf("trace:\n%s", strings.Join(s.trace, "\n"))
	}
}

func (s *scenario) prepare(ctx context.Context, j *journal.Journal) {
	d := s.drop(ctx, j)
	if s.journal == "" {
		return
	}
	if err := errors.Join(d.Start(ctx), d.Claim(ctx)); err != nil {
		s.t.Fatal(err)
	}
	for _, fact := range strings.Fields(s.journal) {
		uid, what, _ := strings.Cut(fact, "=")
		record := func() error { return d.Record(ctx, []string{uid}, what == "pending", false) }
		if size, err := strconv.ParseInt(what, 10, 64); err == nil {
			record = func() error { return d.RecordPending(ctx, []string{uid}, []int64{size}, nil, false) }
		}
		if what == "skipped" {
			record = func() error { return d.Adopt(ctx, []string{uid}) }
		}
		if err := record(); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := d.End(ctx, false); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scenario) drop(ctx context.Context, j *journal.Journal) *journal.Maildrop {
	d, err := j.Maildrop(ctx, s.account.Key)
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}

func (s *scenario) checkError(err error) {
	switch {
	case s.err == nil && err != nil:
		s.t.Errorf("error: %v", err)
	case s.err != nil && (err == nil || !s.err.MatchString(err.Error())):
		s.t.Errorf("error: %v; want %s", err, s.err)
	case s.err != nil && kindName(err) != s.kind:
		s.t.Errorf("kind %s, want %s", kindName(err), s.kind)
	}
	if err != nil && saysTwice(err.Error()) {
		s.t.Errorf("the error says a part of it twice in a row: %v", err)
	}
	if err != nil && (len(err.Error()) > 2000 ||
		strings.ContainsAny(strings.ReplaceAll(err.Error(), "\n", ""), "\r\x00\x1b")) {
		s.t.Errorf("the error has %d bytes, or control characters: %q", len(err.Error()), err)
	}
}

// saysTwice tells whether two parts of a message that follow each other are the same: "CAPA: CAPA: …".
func saysTwice(text string) bool {
	parts := strings.Split(text, ": ")
	return len(slices.Compact(slices.Clone(parts))) < len(parts)
}

func kindName(err error) string {
	return map[fetch.Kind]string{
		fetch.KindNetwork: "network", fetch.KindTLS: "tls", fetch.KindAuth: "auth",
		fetch.KindProtocol: "protocol", fetch.KindServer: "server", fetch.KindBusy: "busy",
		fetch.KindDelivery: "delivery", fetch.KindJournal: "journal", fetch.KindConfig: "config",
	}[fetch.KindOf(err)]
}

func (s *scenario) checkResult(r fetch.Result) {
	if strings.Join(s.got, "\x00") != strings.Join(s.mail, "\x00") {
		s.t.Errorf("delivered %.300q, want %.300q", s.got, s.mail)
	}
	have := map[string]int{
		"messages": r.Messages, "seen": r.Seen, "new": r.New, "delivered": r.Delivered,
		"deleted": r.Deleted, "oversized": r.Oversized, "failed": r.Failed,
	}
	for _, field := range s.result {
		name, want, _ := strings.Cut(field, "=")
		if got, ok := have[name]; !ok || fmt.Sprint(got) != want {
			s.t.Errorf("%s: %d, want %s", name, got, want)
		}
	}
}

func (s *scenario) checkJournal(ctx context.Context, j *journal.Journal) {
	d := s.drop(ctx, j)
	for _, fact := range strings.Fields(s.after) {
		uid, want, _ := strings.Cut(fact, "=")
		got := "none"
		if d.Pending(uid) {
			got = "pending"
		} else if d.Done(uid) {
			got = "done"
		}
		if got != want {
			s.t.Errorf("journal: %s is %s, want %s", uid, got, want)
		}
	}
}

func (s *scenario) checkSecrets(peer *fetchtest.Peer, err error) {
	texts := []string{strings.Join(s.trace, "\n"), fmt.Sprint(err)}
	if s.account.TLS != fetch.ClearText {
		texts = append(texts, peer.Clear())
	}
	if s.silent {
		texts = append(texts, peer.Clear(), peer.Heard())
	}
	for _, text := range texts {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				s.t.Errorf("the password is in %.2000q", text)
			}
		}
	}
}

var _ net.Conn = (*lineConn)(nil)
