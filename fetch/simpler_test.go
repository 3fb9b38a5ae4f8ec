package fetch_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
	"fetchd/fetch/login"
	"fetchd/fetch/pop3"
	"fetchd/tlsverify/hints"
)

func TestAgain(t *testing.T) {
	t.Parallel()
	err := fetch.Fail(fetch.KindTLS, login.Again(io.ErrUnexpectedEOF))
	if err.Error() != io.ErrUnexpectedEOF.Error() || !errors.Is(err, fetch.ErrSimpler) ||
		!errors.Is(err, io.ErrUnexpectedEOF) || fetch.KindOf(err) != fetch.KindTLS {
		t.Errorf("%v, %v", err, fetch.KindOf(err))
	}
}

// What is said twice, as by a server whose key is wrong at a resumed handshake and at the next one, is
// reported once.
func TestSameErrorOfBothSessions(t *testing.T) {
	t.Parallel()
	answers := []string{"the key is wrong", "the key is wrong"}
	fails := func(t *testing.T) []string {
		sessions := slices.Clone(answers)
		_, err := fetch.Retrieve(t.Context(), &fetch.Account{
			Name: "ann@h", Log: slog.New(slog.DiscardHandler),
			Server: fetch.Server{Connect: func(context.Context, *fetch.Account) (fetch.Session, error) {
				text := sessions[0]
				sessions = sessions[1:]
				return nil, fetch.Fail(fetch.KindTLS, login.Again(errors.New(text)))
			}},
		})
		var problems []string
		for _, line := range hints.Lines(err) {
			problems = append(problems, line.Problem)
		}
		return problems
	}

	if got := fails(t); !slices.Equal(got, answers[:1]) {
		t.Errorf("%q", got)
	}
	answers[1] = "the name is wrong"
	if got := fails(t); len(got) != 1 || got[0] != "the key is wrong; the name is wrong" {
		t.Errorf("%q", got)
	}
}

// A server that offers PIPELINING and drops what is pipelined, or leaves then, is read all the same, by a
// single pass too.
func TestPipelinedCommandsAreNotTaken(t *testing.T) {
	t.Parallel()
	for _, o := range []fetchtest.POPOptions{{DropsPipelined: true}, {EndsPipelined: true}} {
		t.Run(fmt.Sprintf("ends %v", o.EndsPipelined), func(t *testing.T) {
			t.Parallel()
			s := &server{protocol: fetch.POP3, connect: new(pop3.Quirks).Connect}
			v := variant{server: s, mode: fetch.ClearText}
			r := newRig(t, v, popMailbox(fetchtest.StartPOPServer(t, o)))
			r.a.Timeout = 3 * time.Second
			r.append(t, "INBOX", numbered(5)...)
			r.retrieve(t, 5)
			if left := r.count(t, "INBOX"); left != 0 {
				t.Errorf("%d messages are left", left)
			}
		})
	}
}
