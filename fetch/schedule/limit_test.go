package schedule

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
)

// join enters l in a goroutine for each letter of who: u is urgent, n normal, p patient. The channel has the
// letters in the order in which they are let in.
func join(t *testing.T, l *limit, who string) chan string {
	t.Helper()
	admitted := make(chan string, len(who))
	for _, c := range who {
		go func() {
			if err := l.enter(t.Context(), urgency(strings.IndexRune("unp", c))); err == nil {
				admitted <- string(c)
			}
		}()
		synctest.Wait()
	}
	return admitted
}

func TestLimitOrder(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		wait string
		want string // as one after the other leaves
	}{
		{"in turn", "nnn", "nnn"},
		{"news first", "npnu", "unnp"},
		{"the patient last", "ppnn", "nnpp"},
		{"but not for ever", "ppnnnnnnnn", "nnnpnnnpnn"},
		{"nor behind news", "puuuuun", "uuuuupn"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLimit(1)
				<-join(t, l, "n")
				admitted := join(t, l, tt.wait)
				got := ""
				for range tt.wait {
					if len(admitted) > 0 {
						t.Fatalf("%q is let in too early", <-admitted)
					}
					l.leave()
					synctest.Wait()
					got += <-admitted
				}
				if got != tt.want || l.inside() != 1 || l.wanted() {
					t.Errorf("let in %q, want %q; %d are inside", got, tt.want, l.inside())
				}
			})
		})
	}
}

// News has room of its own where there is much, and none where only one was wanted.
func TestLimitOfNews(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		most int
		want string
	}{{1, "n"}, {3, "nnn"}, {8, "nnnnnnnnuu"}} {
		t.Run(fmt.Sprint(tt.most), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLimit(tt.most)
				admitted := join(t, l, "nnnnnnnnnuuuu")
				got := ""
				for len(admitted) > 0 {
					got += <-admitted
				}
				if got != tt.want {
					t.Errorf("let in %q, want %q", got, tt.want)
				}
				for l.inside() > 0 {
					l.leave()
					synctest.Wait()
				}
				if len(admitted) != 13-len(tt.want) {
					t.Errorf("%d of the others were let in", len(admitted))
				}
			})
		})
	}
}

// Who gives up waits no more, and has no place, not even one that came at the same moment.
func TestLimitGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimit(1)
		if !l.tryEnter() || l.tryEnter() {
			t.Fatal("there is not room for exactly one")
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("why")
		ended := make(chan error)
		go func() { ended <- l.enter(ctx, normal) }()
		synctest.Wait()
		cancel(why)
		if err := <-ended; !errors.Is(err, why) || l.wanted() {
			t.Errorf("the wait ended with %v", err)
		}

		l.giveUp(normal, make(chan struct{})) // as if it was let in when its context had just ended
		if l.inside() != 0 {
			t.Errorf("%d are inside", l.inside())
		}
	})
}
