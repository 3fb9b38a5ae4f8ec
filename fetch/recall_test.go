package fetch_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/fetch/journal"
)

// A new daemon knows what an earlier one has set aside, until a day has gone or it is told to try again.
func TestSetAsideSurvivesARestart(t *testing.T) {
	t.Parallel()
	for _, protocol := range []fetch.Protocol{fetch.IMAP, fetch.POP3} {
		t.Run(protocol.String(), func(t *testing.T) {
			t.Parallel()
			r, p, e := pickyRig(t, protocol)
			now := time.Now()
			r.a.Now = func() time.Time { return now }
			p.refuse["message 0."] = &delivery.Error{
				Class: delivery.Permanent, Err: errors.New("no such user"),
			}
			messages := numbered(3)
			r.append(t, "INBOX", messages...)
			round := func(what string, delivered, refused int) {
				t.Helper()
				r.retrieve(t, delivered)
				r.a.Notify(t.Context(), nil)
				if p.refused != refused {
					t.Errorf("%s: tried %d times, want %d", what, p.refused, refused)
				}
			}

			restart := func() { r.a.Refusals = new(fetch.Refusals) }
			restart()
			round("first", 2, 1)
			restart()
			round("after a restart", 0, 1)
			if n := len(p.notices); n != 1 {
				t.Errorf("%d notices: %q", n, p.notices)
			}

			now = now.Add(25 * time.Hour)
			restart()
			round("a day later", 0, 2)
			restart()
			round("after the restart after it", 0, 2)
			restart()
			r.a.Refusals.Retry() // before it is known what was set aside
			round("awakened", 0, 3)
			r.a.Refusals.Retry()
			delete(p.refuse, "message 0.")
			round("mended and awakened", 1, 3)
			r.wants(t, messages)
			if note, err := r.a.Journal.Note(t.Context(), r.a.Key); note != "" || err != nil {
				t.Errorf("still noted: %s, %v", note, err)
			}
			e.expect(t, "WARN "+fetch.EventForgotten, 0)
		})
	}
}

// Only what has changed is written: polls with nothing new leave the journal as it is.
func TestNothingNewWritesNothing(t *testing.T) {
	t.Parallel()
	for _, protocol := range []fetch.Protocol{fetch.IMAP, fetch.POP3} {
		t.Run(protocol.String(), func(t *testing.T) {
			t.Parallel()
			r, p, _ := pickyRig(t, protocol)
			path := filepath.Join(t.TempDir(), "journal.db")
			j, err := journal.Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			p.refuse["message 0."] = &delivery.Error{
				Class: delivery.Permanent, Err: errors.New("no such user"),
			}
			r.a.Journal, r.a.Refusals = j, new(fetch.Refusals)
			r.a.Limit, r.a.Keep, r.a.Warnings = 1000, true, time.Hour
			large := []byte("Subject: large\r\n\r\n" + strings.Repeat("x\r\n", 1000))
			r.append(t, "INBOX", append(numbered(3), large)...)
			written := func() string {
				info, err := os.Stat(path + "-wal")
				if err != nil {
					t.Fatal(err)
				}
				return fmt.Sprint(info.Size(), info.ModTime())
			}

			before := ""
			for i, delivered := range []int{2, 0, 0, 0} {
				r.retrieve(t, delivered)
				r.a.Notify(t.Context(), nil)
				if now := written(); i > 1 && now != before {
					t.Errorf("poll %d has written: %s, then %s", i, before, now)
				}
				before = written()
			}
		})
	}
}

// What the owner was told is not told again by a new daemon.
func TestToldSurvivesARestart(t *testing.T) {
	t.Parallel()
	r, p, _ := pickyRig(t, fetch.IMAP)
	r.a.Limit, r.a.Keep, r.a.Warnings = 1000, true, time.Hour
	now := time.Now()
	r.a.Now = func() time.Time { return now }
	r.append(t, "INBOX", []byte("Subject: large\r\n\r\n"+strings.Repeat("x\r\n", 1000)))
	refused := fetch.Fail(fetch.KindAuth, errors.New("refused"))
	subjects := func() (all []string) {
		for _, n := range p.notices {
			_, rest, _ := strings.Cut(n, "Subject: ")
			subject, _, _ := strings.Cut(rest, "\n")
			all = append(all, strings.TrimSuffix(subject, " on "+r.a.Name))
		}
		p.notices = nil
		return all
	}
	for _, step := range []struct {
		name  string
		err   error
		later time.Duration
		want  string
	}{
		{"large", nil, 0, "[Fetchmail oversized-messages warning]"},
		{"large again", nil, 0, "[]"},
		{"refused", refused, 0, "[fetchmail authentication failed]"},
		{"refused again", refused, 0, "[]"},
		{"works again", nil, 0, "[fetchmail authentication OK]"},
		{"and goes on to", nil, 0, "[]"},
		{"large, an hour later", nil, time.Hour, "[Fetchmail oversized-messages warning]"},
	} {
		r.a.Refusals = new(fetch.Refusals) // a restart
		now = now.Add(step.later)
		r.retrieve(t, 0)
		r.a.Notify(t.Context(), step.err)
		if got := fmt.Sprint(subjects()); got != step.want {
			t.Errorf("%s: %s, want %s", step.name, got, step.want)
		}
	}
}

// A note that can't be read costs tries and notices, no mail.
func TestUnreadableNote(t *testing.T) {
	t.Parallel()
	r, p, e := pickyRig(t, fetch.POP3)
	p.refuse["message 0."] = &delivery.Error{Class: delivery.Permanent, Err: errors.New("no such user")}
	r.append(t, "INBOX", numbered(2)...)
	if err := r.a.Journal.SetNote(t.Context(), r.a.Key, `{"aside": 7}`); err != nil {
		t.Fatal(err)
	}
	r.a.Refusals = new(fetch.Refusals)
	r.retrieve(t, 1)
	r.a.Notify(t.Context(), nil)
	e.expect(t, "WARN "+fetch.EventForgotten, 1)
	r.a.Refusals = new(fetch.Refusals)
	r.retrieve(t, 0)
	e.expect(t, "WARN "+fetch.EventForgotten, 1)
	if p.refused != 1 {
		t.Errorf("tried %d times", p.refused)
	}
}

// A retrieval that was ended before it could read the note does not replace it.
func TestNoteOutlivesAnEarlyEnd(t *testing.T) {
	t.Parallel()
	r, _, _ := pickyRig(t, fetch.POP3)
	const note = `{"aside":[{"uid":"YQ==","last":"2026-01-02T03:04:05Z"}]}`
	if err := r.a.Journal.SetNote(t.Context(), r.a.Key, note); err != nil {
		t.Fatal(err)
	}
	r.a.Refusals = new(fetch.Refusals)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := fetch.Retrieve(ctx, r.a)
	r.a.Notify(ctx, err)
	r.a.Notify(t.Context(), fetch.Fail(fetch.KindAuth, errors.New("refused")))
	if got, err := r.a.Journal.Note(t.Context(), r.a.Key); got != note || err != nil {
		t.Errorf("the note is %q, %v", got, err)
	}
}
