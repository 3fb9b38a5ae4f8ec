package login

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
)

// A server may refuse a login within the mechanism's own messages (mox does, and Google with tokens), which
// we cancel then. That is a refusal like others: no further one follows from it, passes by cron know of it,
// and what is said at the end may be that it is for a time.
func TestRefusedWithinTheExchange(t *testing.T) {
	t.Parallel()
	both, unavailable := []string{"SCRAM-SHA-256", "SCRAM-SHA-1"}, Reply{Status: Refused, Code: "UNAVAILABLE"}
	for _, tt := range []struct {
		name, auth, said string
		end              Reply
		want             []string // the mechanisms that are tried
		kind             Kind
		marked           bool
	}{
		{"wrong password", "any", "e=invalid-proof", Reply{}, []string{"SCRAM-SHA-256"}, KindAuth, true},
		{"no such user", "any", "e=unknown-user", Reply{}, []string{"SCRAM-SHA-256"}, KindAuth, true},
		{"another reason", "any", "e=other-error", Reply{}, both, KindAuth, true},
		{"for a time", "any", "e=other-error", unavailable, []string{"SCRAM-SHA-256"}, KindServer, false},
		{"token", "xoauth2", `{"status":"400"}`, Reply{}, []string{"XOAUTH2", "XOAUTH2"}, KindAuth, false},
		{"token, for a time", "xoauth2", `{"status":"503"}`, unavailable, []string{"XOAUTH2"}, KindServer,
			false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			said := Reply{Status: Challenge, Text: base64.StdEncoding.EncodeToString([]byte(tt.said))}
			p := &spoken{replies: []Reply{said, tt.end}}
			a := newAttempt(t, p)
			a.o.Auth = tt.auth
			if tt.auth == "xoauth2" {
				a.o.Renew = func(context.Context, string) (string, error) { return "street", nil }
			}
			a.offer.Mechanisms = []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "XOAUTH2"}

			err := a.logIn(t.Context())
			if err == nil || KindOf(err) != tt.kind || errors.Is(err, ErrRefused) != tt.marked {
				t.Errorf("%s error, marked %v: %v", KindOf(err), errors.Is(err, ErrRefused), err)
			}
			if tried := p.tried(); !slices.Equal(tried, tt.want) || p.sent[1] != "*" {
				t.Errorf("tried %q; sent %q", tried, p.sent)
			}
		})
	}
}

// tried are the mechanisms of the exchanges that were begun.
func (s *spoken) tried() (names []string) {
	for _, line := range s.sent {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "AUTH" {
			names = append(names, words[1])
		}
	}
	return names
}
