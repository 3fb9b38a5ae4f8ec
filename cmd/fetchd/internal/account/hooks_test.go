package account

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/fetch"
)

// watching is a Session that can watch.
type watching struct{ fetch.Session }

func (watching) Close() error   { return nil }
func (watching) CanWatch() bool { return true }
func (watching) Watch(context.Context, <-chan struct{}, time.Duration) (bool, error) {
	return true, nil
}

// closing is a Session that can't watch.
type closing struct{ fetch.Session }

func (closing) Close() error { return nil }

func TestHooks(t *testing.T) {
	t.Parallel()
	refused := errors.New("connection refused")
	for _, tt := range []struct {
		name, pre, post string
		connect         error
		want            string // what the hooks wrote
		kind            fetch.Kind
		text            string
	}{
		{"both", "echo pre >>LOG", "echo post >>LOG", nil, "pre\npost\n", fetch.KindUnknown, ""},
		{"pre fails", "echo no line here; exit 3", "echo post >>LOG",
			nil, "", fetch.KindConfig, "no line here"},
		{"no connection", "echo pre >>LOG", "echo post >>LOG", refused,
			"pre\npost\n", fetch.KindUnknown, "connection refused"},
		{"post fails", "", "exit 4", nil, "", fetch.KindConfig, "exit status 4"},
		{"leaves a child behind", "sleep 60 & echo $! >PID",
			"kill $(cat PID)", nil, "", fetch.KindUnknown, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			at := strings.NewReplacer("LOG", filepath.Join(dir, "log"), "PID", filepath.Join(dir, "pid"))
			connect := runHooks(func(context.Context, *fetch.Account) (fetch.Session, error) {
				return watching{}, tt.connect
			}, at.Replace(tt.pre), at.Replace(tt.post))
			s, err := connect(t.Context(), &fetch.Account{})
			if err == nil {
				if w, ok := s.(fetch.Watcher); !ok || !w.CanWatch() {
					t.Error("the session can no longer watch")
				}
				err = s.Close()
			}

			if fetch.KindOf(err) != tt.kind || (err == nil) != (tt.text == "") ||
				err != nil && !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %v", err)
			}

			got, _ := os.ReadFile(filepath.Join(dir, "log"))
			if string(got) != tt.want {
				t.Errorf("the hooks wrote %q, want %q", got, tt.want)
			}
		})
	}
}

func TestHungPostconnectEndsWithTheDaemon(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := runHook(ctx, "postconnect", "sleep 60"); err == nil || time.Since(start) > 30*time.Second {
		t.Errorf("error %v after %v", err, time.Since(start))
	}
}

// Postconnect has the time of the message in hand, and no more.
func TestPostconnectHasGrace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		connect := runHooks(func(context.Context, *fetch.Account) (fetch.Session, error) {
			return closing{}, nil
		}, "", "true")
		s, err := connect(ctx, &fetch.Account{})
		if err != nil {
			t.Fatal(err)
		}

		cancel()
		start := time.Now()
		<-s.(hookedSession).ctx.Done()
		if d := time.Since(start); d != fetch.Grace {
			t.Errorf("it is ended after %v", d)
		}
		if err := s.Close(); !errors.Is(err, context.Canceled) {
			t.Errorf("it runs after its time: %v", err)
		}
	})
}
