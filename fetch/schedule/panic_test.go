package schedule

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/fetch"
)

// A mistake in one account's retrieval, or in what is told of it, is that account's failure: it is tried
// again after a while, and the others never hear of it.
func TestPanicIsOneAccountsFailure(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"retrieval", "report"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				bad, good := &server{}, &server{}
				if where == "retrieval" {
					bad.fails = func(int) error { panic("trap") }
				}

				o := Options{Interval: time.Minute, MaxPolls: 1, Done: func(o Outcome) {
					a, err := o.Account, o.Err
					if a.Name == "bad" && where == "report" {
						panic("trap")
					}
					if a.Name == "good" && err != nil ||
						a.Name == "bad" && fetch.KindOf(err) != fetch.KindInternal {
						t.Errorf("%s: %v", a.Name, err)
					}
				}}

				run(t, 10*time.Minute, o, nil, bad.account("bad"), good.account("good"))
				if len(good.looks) < 10 || len(bad.connects) < 3 {
					t.Errorf("%d looks of the good one, %d of the bad one",
						len(good.looks), len(bad.connects))
				}
			})
		})
	}
}

func TestPanicInOnePass(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bad, good := &server{fails: func(int) error { panic("trap") }}, &server{}
		worse := good.account("worse")
		worse.Log = nil // whatever is wrong outside of the session
		s := New(Options{MaxPolls: 1})
		for range 2 { // the places are free again
			out := s.Once(context.Background(),
				[]*fetch.Account{bad.account("bad"), worse, good.account("good")})
			if fetch.KindOf(out[0].Err) != fetch.KindInternal ||
				fetch.KindOf(out[1].Err) != fetch.KindInternal || out[2].Err != nil {
				t.Errorf("%v, %v, %v", out[0].Err, out[1].Err, out[2].Err)
			}
		}
	})
}
