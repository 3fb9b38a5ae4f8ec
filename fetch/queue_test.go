package fetch

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/delivery"
)

// item is a message of size bytes.
func item(t testing.TB, q *Queue, num uint32, size int) *Item {
	t.Helper()
	it := &Item{Num: num, UID: fmt.Sprint(num), Size: int64(size), Body: q.NewSpool()}
	if _, err := it.Body.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if err := it.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return it
}

// Every item goes to one taker, each taker gets rising ones, and all takers end.
func TestQueueManyTakers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const takers, items = 4, 500
		q := NewQueue(delivery.SpoolOptions{})
		got := make(chan []uint32)
		for range takers {
			go func() {
				var nums []uint32
				for some := q.take(1, 1); some != nil; some = q.take(1, 1) {
					nums = append(nums, some[0].Num)
					<-time.After(time.Duration(some[0].Num%7) * time.Millisecond)
					q.done(some)
				}
				got <- nums
			}()
		}
		for n := range uint32(items) {
			if err := q.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			q.Put(item(t, q, n+1, 10))
			if n%50 == 0 {
				<-time.After(time.Second) // they run dry
			}
		}
		q.close()
		seen := map[uint32]bool{}
		for range takers {
			last := uint32(0)
			for _, n := range <-got {
				if seen[n] || n <= last {
					t.Errorf("message %d comes twice or late", n)
				}
				seen[n], last = true, n
			}
		}
		if len(seen) != items || q.count != 0 || q.bytes != 0 {
			t.Errorf("%d of %d taken, %d messages and %d bytes left", len(seen), items, q.count, q.bytes)
		}
	})
}

func TestQueueGroups(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		sizes []int
		count int
		bytes int64
		want  []int
	}{
		{"by count", []int{1, 1, 1, 1, 1}, 2, 100, []int{2, 2, 1}},
		{"by bytes", []int{40, 40, 40, 200, 1}, 10, 100, []int{2, 1, 1, 1}},
		{"one that is too large alone", []int{500}, 10, 100, []int{1}},
		{"failed ones weigh nothing", []int{0, 0, 0}, 10, 1, []int{3}},
		{"none", nil, 10, 100, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			q := NewQueue(delivery.SpoolOptions{})
			for i, size := range tt.sizes {
				if size == 0 {
					q.Put(&Item{Err: errors.New("not sent")})
				} else {
					q.Put(item(t, q, uint32(i+1), size))
				}
			}
			q.close()
			var got []int
			for some := q.take(tt.count, tt.bytes); some != nil; some = q.take(tt.count, tt.bytes) {
				got = append(got, len(some))
				q.done(some)
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("groups of %v, want %v", got, tt.want)
			}
			if some := q.take(1, 1); some != nil {
				t.Errorf("a closed queue gives %d", len(some))
			}
		})
	}
}

// A group is not kept waiting for long.
func TestQueueLingers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(delivery.SpoolOptions{})
		put := make(chan struct{})
		go func() {
			defer close(put)
			for n := range uint32(3) {
				q.Put(item(t, q, n+1, 1))
				<-time.After(groupLinger / 2)
			}
		}()
		start := time.Now()
		some := q.take(100, 1<<20)
		if d := time.Since(start); d > groupLinger || len(some) < 2 {
			t.Errorf("%d after %v", len(some), d)
		}
		q.done(some)
		<-put
	})
}

// A large group is not made larger by waiting, and takes all that is there.
func TestQueueTakesEnough(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(delivery.SpoolOptions{})
		for n := range uint32(3) {
			q.Put(item(t, q, n+1, nearWindow/2))
		}
		start := time.Now()
		some := q.take(100, groupBytes)
		if d := time.Since(start); d > 0 || len(some) != 3 {
			t.Errorf("%d after %v", len(some), d)
		}
		q.done(some)
	})
}

// A session that asks for more at a time has larger groups, and asks again while more waits.
func TestQueueFitsTheWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, factor := range []int64{1, 2, 4} {
			q := NewQueue(delivery.SpoolOptions{})
			q.SetWindow(factor * nearWindow)
			for n := range uint32(3) {
				q.Put(item(t, q, n+1, nearWindow))
			}
			if low := q.Low(); low != (factor > 1) {
				t.Errorf("window × %d: a backlog of three is low: %v", factor, low)
			}

			start := time.Now()
			q.done(q.take(100, groupBytes))
			if waited := time.Since(start) > 0; waited != (factor > 3) {
				t.Errorf("window × %d: a group of three waits for more: %v", factor, waited)
			}
		}
	})
}

func TestQueueBackPressure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(delivery.SpoolOptions{Dir: t.TempDir()})
		if !q.Low() || q.Wait(t.Context()) != nil || q.Throttle(t.Context()) != nil {
			t.Error("an empty queue blocks")
		}
		const mega = 1 << 20
		for n := range uint32(queueHigh / mega) {
			q.Put(item(t, q, n+1, mega))
		}
		if some := q.items[len(q.items)-1]; q.Low() {
			t.Error("64 MB are low")
		} else if _, inMemory := some.Body.Bytes(); inMemory {
			t.Error("64 MB are held in memory")
		}
		waited, throttled := make(chan time.Time, 1), make(chan time.Time, 1)
		go func() { _ = q.Throttle(t.Context()); throttled <- time.Now() }()
		start := time.Now()
		<-time.After(time.Second)
		q.done(q.take(1, 1))
		if d := (<-throttled).Sub(start); d != time.Second {
			t.Errorf("reads on after %v", d)
		}
		go func() { _ = q.Wait(t.Context()); waited <- time.Now() }()
		for q.count > 0 {
			<-time.After(time.Second)
			q.done(q.take(1, 1))
			synctest.Wait()
			if len(waited) > 0 != (q.bytes < queueLow*nearWindow) {
				t.Fatalf("with %d bytes left: asks for more is %v", q.bytes, len(waited) > 0)
			}
		}
	})
}

func TestWindow(t *testing.T) {
	t.Parallel()
	for latency, want := range map[time.Duration]int64{
		0: nearWindow, farLatency: nearWindow, farLatency + 1: farWindow, time.Minute: farWindow,
	} {
		if got := Window(latency); got != want {
			t.Errorf("%v: %d", latency, got)
		}
	}
}

func TestQueueWaitEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(delivery.SpoolOptions{})
		for range queueLowCount {
			q.Put(&Item{})
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := q.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait: %v", err)
		}
		// Not to be read on with a context that has ended.
		if err := q.Throttle(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Throttle: %v", err)
		}
	})
}
